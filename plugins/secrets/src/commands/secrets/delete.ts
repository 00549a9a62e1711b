import { SecretsCommand, keyArg, scopeFlag, versionList } from "@citadel/core/secrets";
import { string } from "@oclif/core/flags";

export default class SecretsDelete extends SecretsCommand {
  static override summary = "Hand out a secret no longer";
  static override description =
    "All versions, or those that are named. secrets:undelete takes it back, secrets:destroy makes it final.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> db/password",
    "<%= config.bin %> <%= command.id %> db/password --versions 1,2",
  ];
  static override args = { key: keyArg };
  static override flags = {
    scope: scopeFlag,
    versions: string({ helpValue: "<n,…>", description: "these versions only" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsDelete);
    const versions = flags.versions === undefined ? undefined : versionList(flags.versions);
    const vault = await this.vault(flags["passphrase-file"]);
    const done = await vault.change("delete", { name: args.key, scope: flags.scope }, versions);
    const what = `${done.scope}/${done.name}`;
    if (done.changed) {
      this.success(`deleted ${what}${versions ? ` (${versions.join(", ")})` : ""}`);
      this.next(`citadel secrets:undelete ${done.name}`);
    } else this.note(`${what} is deleted already`);
    return done;
  }
}
