import { SecretsCommand, keyArg, scopeFlag, versionList } from "@citadel/core/secrets";
import { string } from "@oclif/core/flags";

export default class SecretsUndelete extends SecretsCommand {
  static override summary = "Take back a deletion";
  static override description =
    "Of all versions that are deleted, or of those that are named. What is destroyed stays so.";
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
    const { args, flags } = await this.parse(SecretsUndelete);
    const versions = flags.versions === undefined ? undefined : versionList(flags.versions);
    const vault = await this.vault(flags["passphrase-file"]);
    const done = await vault.change("undelete", { name: args.key, scope: flags.scope }, versions);
    const what = `${done.scope}/${done.name}`;
    if (done.changed) {
      this.success(`restored ${what}${versions ? ` (${versions.join(", ")})` : ""}`);
    } else this.note(`${what} has no such deleted version`);
    return done;
  }
}
