import { CitadelError } from "@citadel/core/errors";
import { SecretsCommand } from "@citadel/core/secrets";
import { askSecret, readSecretFile } from "@citadel/core/terminal";
import { string as text } from "@oclif/core/args";
import { boolean, string } from "@oclif/core/flags";
import { exportFormats, formatOfPath, isOpen, type ExportFormat } from "../../formats.ts";

export default class SecretsExport extends SecretsCommand {
  static override summary = "Write secrets to a file, sealed unless another format is named";
  static override description =
    "An age file with all versions, for --recipient or under a passphrase, which age opens without Citadel; or .env, JSON, SOPS, KV. Each value is on record before it is written. Open formats go to a file for you alone, or into a pipe. See docs/secrets-files.md.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> backup.age --recipient age1…",
    "<%= config.bin %> <%= command.id %> s.yaml -s dev --format sops-yaml --recipient age1…",
    "<%= config.bin %> <%= command.id %> - -s dev --format json | jq keys",
  ];
  static override args = {
    path: text({ required: true, ignoreStdin: true, description: "file, - for standard output" }),
  };
  static override flags = {
    format: string({
      options: [...exportFormats],
      description: "form of the file (.env and .json say it, else age)",
    }),
    scope: string({ char: "s", helpValue: "<scope>", description: "of this scope alone" }),
    only: string({ helpValue: "<name,…>", description: "these secrets alone" }),
    recipient: string({
      multiple: true,
      helpValue: "<age1…>",
      description: "who may open the file",
    }),
    "bundle-passphrase-file": string({
      helpValue: "<file>",
      exclusive: ["recipient"],
      description: "file with a passphrase for the file",
    }),
    reveal: boolean({ description: "print open values on a terminal" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsExport);
    const { path } = args;
    const { out, json } = this.terminal;
    const format = (flags.format as ExportFormat | undefined) ?? formatOfPath(path);
    if (path === "-" && isOpen(format) && out.tty && !flags.reveal)
      throw new CitadelError("E_USAGE", "values are printed on a terminal only with --reveal", {
        hint: ["pass --reveal, or name a file"],
      });
    const file = flags["bundle-passphrase-file"];
    const vault = await this.vault(flags);
    const { exportSecrets, writePrivate } = await import("../../export.ts");
    const { text: content, items } = await exportSecrets(vault, {
      ...{ format, scope: flags.scope, only: flags.only?.split(",") },
      recipients: flags.recipient ?? [],
      passphrase: () => (file ? readSecretFile(file, "passphrase") : this.#newPassphrase()),
    });
    const names = items.map(({ scope, name }) => ({ scope, name }));
    if (path !== "-") {
      await writePrivate(path, content);
      this.success(`wrote ${items.length} secrets to ${path}`);
      if (isOpen(format)) this.warn(`${path} holds values in the clear: remove it after use`);
      return { path, format, items: names };
    }
    await this.reveal();
    if (!json) await new Promise<void>((done) => process.stdout.write(content, () => done()));
    return { path: null, format, items: names, content };
  }

  async #newPassphrase(): Promise<string> {
    const flag = "--recipient <age1…> or --bundle-passphrase-file <file>";
    const chosen = await askSecret(this.terminal, "New passphrase for the file:", flag);
    if ((await askSecret(this.terminal, "The same again:", flag)) !== chosen)
      throw new CitadelError("E_USAGE", "the two are not the same");
    return chosen;
  }
}
