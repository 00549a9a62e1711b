import { CitadelError } from "@citadel/core/errors";
import { SecretsCommand } from "@citadel/core/secrets";
import { askSecret, readSecretFile } from "@citadel/core/terminal";
import { string as text } from "@oclif/core/args";
import { boolean, string } from "@oclif/core/flags";
import { importFormats, type ImportFormat } from "../../formats.ts";

export default class SecretsImport extends SecretsCommand {
  static override summary = "Take the secrets of a file into the vault";
  static override description =
    "All or none: bundles of secrets:export, .env, JSON, SOPS with age, and answers of Vault or OpenBao KV. New secrets get all their versions, known ones another version unless the value is the same. See docs/secrets-files.md.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> .env -s staging --dry-run",
    "<%= config.bin %> <%= command.id %> secrets.sops.yaml --identity-file keys.txt",
    "<%= config.bin %> <%= command.id %> backup.age",
  ];
  static override args = {
    path: text({ required: true, ignoreStdin: true, description: "file, - for standard input" }),
  };
  static override flags = {
    scope: string({
      char: "s",
      default: "default",
      helpValue: "<scope>",
      description: "scope, unless the file says it",
    }),
    format: string({ options: [...importFormats], description: "what the file is" }),
    prefix: string({ default: "", helpValue: "<text>", description: "beginning of all names" }),
    "identity-file": string({
      helpValue: "<file>",
      description: "age identities (that of the vault)",
    }),
    "bundle-passphrase-file": string({
      helpValue: "<file>",
      description: "file with the passphrase of the file",
    }),
    "dry-run": boolean({ char: "n", description: "say what would change, change nothing" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsImport);
    const file = flags["bundle-passphrase-file"];
    if (args.path === "-" && [file, flags["identity-file"]].includes("-"))
      throw new CitadelError("E_USAGE", "standard input holds the secrets already");
    const vault = await this.vault(flags, args.path === "-");
    const { importSecrets } = await import("../../import.ts");
    const imported = await importSecrets(
      vault,
      {
        ...{ path: args.path, scope: flags.scope, prefix: flags.prefix },
        ...{ format: flags.format as ImportFormat | undefined, dryRun: flags["dry-run"] },
        identityFile: flags["identity-file"],
        passphrase: () =>
          file
            ? readSecretFile(file, "passphrase")
            : askSecret(
                this.terminal,
                "Passphrase of the file:",
                "--bundle-passphrase-file <file>",
              ),
      },
      { warn: (line) => this.warn(line), shield: await this.shield() },
    );
    await this.table(imported.items, [
      { name: "scope", value: ({ scope }) => scope },
      { name: "name", value: ({ name }) => name, importance: 0 },
      { name: "what", value: ({ what }) => what, importance: 0 },
      { name: "versions", value: ({ versions }) => versions },
    ]);
    const changed = imported.items.filter(({ what }) => what !== "unchanged").length;
    const what = `${changed} of ${imported.items.length} secrets`;
    if (imported.dryRun) this.note(`would take in ${what}; nothing was changed`);
    else {
      this.success(`took in ${what}`);
      if (args.path !== "-" && imported.format !== "age" && !imported.format.startsWith("sops-"))
        this.next(`remove ${args.path}: its values lie open there`);
    }
    return imported;
  }
}
