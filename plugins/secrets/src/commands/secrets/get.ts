import { CitadelError } from "@citadel/core/errors";
import { keyArg, scopeFlag, SecretsCommand, versionNumber } from "@citadel/core/secrets";
import { clean } from "@citadel/core/terminal";
import { maskedValue } from "@citadel/core/vault";
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
    const { out, json } = this.terminal;
    if (json && out.tty && !flags.reveal)
      throw new CitadelError("E_USAGE", "a value is printed on a terminal only with --reveal", {
        hint: ["pass --reveal, or send it into a file or pipe"],
      });
    const { label } = flags;
    const version = flags.version === undefined ? undefined : versionNumber(flags.version);
    const vault = await this.vault(flags);
    const { value, ...read } = await vault.get(
      { name: args.key, scope: flags.scope },
      {
        allowExpired: flags["allow-expired"],
        ...(version !== undefined && { version }),
        ...(label !== undefined && { label }),
      },
    );
    await this.reveal();
    const text = value.toString();
    const encoding = Buffer.from(text).equals(value) ? "utf8" : "base64";
    if (!json) {
      if (!out.tty) await new Promise<void>((done) => process.stdout.write(value, () => done()));
      else if (flags.reveal) this.out(clean(text));
      else {
        this.out(clean(maskedValue(read.type ?? "custom", value)));
        this.note("shown with --reveal, or in a file or pipe");
      }
    }
    const shown = encoding === "utf8" ? text : value.toString("base64");
    value.fill(0);
    return { ...read, value: shown, encoding };
  }
}
