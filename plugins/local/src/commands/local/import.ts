import { discard, type Scratch, formatSize } from "@citadel/core";
import { SecretsCommand, type VaultFlags } from "@citadel/core/secrets";
import { string as text } from "@oclif/core/args";
import { boolean, string } from "@oclif/core/flags";
import { commandLine } from "@citadel/core/access";
import {
  askSecret,
  readSecretFile,
  factColumns,
  facts,
  showPhases,
  sizeText,
} from "@citadel/core/terminal";
import type { SealedSecrets } from "@citadel/core/transfer";
import { importFrom } from "../../transfer/import.ts";
import type { ArrivingSecrets } from "../../transfer/secrets.ts";

export default class LocalImport extends SecretsCommand {
  static override summary = "Add the packages of an export";
  static override description =
    "Every hash and every package is checked first. A version that is here with other content refuses the whole import; what is here already is skipped, and nothing that is here changes. After an interruption run it again.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> backup.tar.zst --dry-run",
    "<%= config.bin %> <%= command.id %> backup.tar.zst",
  ];
  static override args = {
    path: text({ required: true, description: "file that local:export has written" }),
  };
  static override flags = {
    "identity-file": string({
      helpValue: "<file>",
      description: "age identities that open its secrets (that of the vault)",
    }),
    "bundle-passphrase-file": string({
      helpValue: "<file>",
      description: "file with the passphrase that opens its secrets",
    }),
    "skip-secrets": boolean({ description: "take the packages alone" }),
    "dry-run": boolean({ char: "n", description: "check everything, add nothing" }),
  };

  #scratch: Scratch = new Set();

  async run(): Promise<object> {
    const { args, flags } = await this.parse(LocalImport);
    const citadel = await this.citadel();
    const progress = await this.progress(`reading ${args.path}`);
    const options = {
      dryRun: flags["dry-run"],
      secrets: flags["skip-secrets"]
        ? ("skip" as const)
        : (sealed: SealedSecrets) => this.#open(sealed, flags),
      signal: this.signal,
      onProgress: showPhases(progress),
    };
    const imported = await importFrom(citadel, commandLine, args.path, options, this.#scratch);
    progress.stop();
    const { packages, versions, bytes } = imported;
    await this.table(
      facts([
        ["format", imported.format],
        ["exported", imported.exportedAt],
        ["packages added", packages.added],
        ["packages changed", packages.changed],
        ["packages unchanged", packages.unchanged],
        ["versions added", versions.added],
        ["versions unchanged", versions.unchanged],
        ["secrets added", imported.secrets.added],
        ["secrets unchanged", imported.secrets.unchanged],
        ["content", sizeText(this.terminal, bytes)],
      ]),
      factColumns,
    );
    const what = `${versions.added} versions of ${packages.added + packages.changed} packages, ${formatSize(bytes)}`;
    if (imported.dryRun) this.note(`would add ${what}; nothing was written`);
    else {
      this.success(`added ${what}`);
      this.next("citadel local:list-packages");
    }
    return imported;
  }

  async #open(
    sealed: SealedSecrets,
    flags: VaultFlags & {
      readonly "identity-file"?: string | undefined;
      readonly "bundle-passphrase-file"?: string | undefined;
    },
  ): Promise<ArrivingSecrets> {
    const [{ openSealed }, { readIdentities }] = await Promise.all([
      import("../../transfer/secrets.ts"),
      import("@citadel/core/formats"),
    ]);
    const { "identity-file": keys, "bundle-passphrase-file": file } = flags;
    const vault = await this.vault(flags);
    return openSealed(vault, sealed, {
      identities: keys
        ? readIdentities(await readSecretFile(keys, "identity"))
        : [await vault.ageIdentity()],
      passphrase: () =>
        file
          ? readSecretFile(file, "passphrase")
          : askSecret(
              this.terminal,
              "Passphrase of the secrets:",
              "--bundle-passphrase-file <file>",
            ),
    });
  }

  protected override stopping(): Promise<void> {
    return discard(this.#scratch);
  }
}
