import { SecretsCommand, keyArg, scopeFlag, versionList } from "@citadel/core/secrets";
import { boolean, string } from "@oclif/core/flags";

export default class SecretsDestroy extends SecretsCommand {
  static override summary = "Remove versions of a secret for good";
  static override description =
    "Their sealed content is removed from the store; their numbers stay taken. Copies of the store made before still have it.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> db/password --versions 1,2",
    "<%= config.bin %> <%= command.id %> db/password --versions 1 --yes",
  ];
  static override args = { key: keyArg };
  static override flags = {
    scope: scopeFlag,
    versions: string({ required: true, helpValue: "<n,…>", description: "these versions" }),
    yes: boolean({ description: "do not ask" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsDestroy);
    const versions = versionList(flags.versions);
    const vault = await this.vault(flags);
    const list = versions.join(", ");
    if (!flags.yes) await this.confirm(`Destroy ${list} of ${args.key} for good?`, "--yes");
    const done = await vault.destroy({ name: args.key, scope: flags.scope }, versions);
    this.success(`destroyed ${list} of ${done.scope}/${done.name}`);
    return done;
  }
}
