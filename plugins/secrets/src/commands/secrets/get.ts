import { keyArg, scopeFlag, SecretsCommand, versionNumber } from "@citadel/core/secrets";
import { boolean, string } from "@oclif/core/flags";

export default class SecretsGet extends SecretsCommand {
  static override summary = "Print the value of a secret";
  static override description =
    "As it is, without a line end, into a pipe or file; on a terminal masked, unless --reveal. That it was read is on record before it is printed. Exits with 4 when the version is not there, deleted, destroyed or expired.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> db/password > value",
    "<%= config.bin %> <%= command.id %> db/password --reveal",
    "<%= config.bin %> <%= command.id %> db/password --label previous | pbcopy",
  ];
  static override args = { key: keyArg };
  static override flags = {
    scope: scopeFlag,
    version: string({ helpValue: "<number>", description: "an older version" }),
    label: string({
      helpValue: "<word>",
      description: "the version that is current, previous, pending, or has a label of yours",
      exclusive: ["version"],
    }),
    "allow-expired": boolean({ description: "also when it has expired, which is on record" }),
    reveal: boolean({ description: "print it on a terminal" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsGet);
    const { label, reveal } = flags;
    this.mayShow(reveal);
    const version = flags.version === undefined ? undefined : versionNumber(flags.version);
    const vault = await this.vault(flags);
    const read = await vault.get(
      { name: args.key, scope: flags.scope },
      {
        allowExpired: flags["allow-expired"],
        ...(version !== undefined && { version }),
        ...(label !== undefined && { label }),
      },
    );
    return this.show(read, reveal);
  }
}
