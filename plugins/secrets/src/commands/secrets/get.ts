import { CitadelError } from "@citadel/core/errors";
import { clean } from "@citadel/core/terminal";
import { SecretsCommand, keyArg, scopeFlag, versionNumber } from "@citadel/core/secrets";
import { boolean, string } from "@oclif/core/flags";

export default class SecretsGet extends SecretsCommand {
  static override summary = "Print the value of a secret";
  static override description =
    "As it is, without a line end, into a pipe or file; on a terminal only with --reveal. That it was read is on record before it is printed. Exits with 4 when the version is not there, deleted or destroyed.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> db/password > value",
    "<%= config.bin %> <%= command.id %> db/password --reveal",
    "<%= config.bin %> <%= command.id %> db/password --version 2 | pbcopy",
  ];
  static override args = { key: keyArg };
  static override flags = {
    scope: scopeFlag,
    version: string({ helpValue: "<number>", description: "an older version" }),
    label: string({
      options: ["current", "previous"],
      description: "the newest version, or the one before",
      exclusive: ["version"],
    }),
    reveal: boolean({ description: "print it on a terminal" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsGet);
    const { out, json } = this.terminal;
    if (out.tty && !flags.reveal)
      throw new CitadelError("E_USAGE", "a value is printed on a terminal only with --reveal", {
        hint: ["pass --reveal, or send it into a file or pipe"],
      });
    const version = flags.version === undefined ? undefined : versionNumber(flags.version);
    const vault = await this.vault(flags["passphrase-file"]);
    const { value, ...read } = await vault.get(
      { name: args.key, scope: flags.scope },
      {
        ...(version !== undefined && { version }),
        ...(flags.label && { label: flags.label === "previous" ? "previous" : "current" }),
      },
    );
    await this.reveal();
    const text = value.toString();
    const encoding = Buffer.from(text).equals(value) ? "utf8" : "base64";
    if (!json) {
      if (out.tty) this.out(clean(text));
      else await new Promise<void>((done) => process.stdout.write(value, () => done()));
    }
    const shown = encoding === "utf8" ? text : value.toString("base64");
    value.fill(0);
    return { ...read, value: shown, encoding };
  }
}
