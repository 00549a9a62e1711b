import { discard, type Scratch, formatSize } from "@citadel/core";
import { SecretsCommand, type VaultFlags } from "@citadel/core/secrets";
import { string as text } from "@oclif/core/args";
import { string } from "@oclif/core/flags";
import { readSecretFile, factColumns, facts, showPhases, sizeText } from "@citadel/core/terminal";
import { exportTo } from "../../transfer/export.ts";
import type { OutgoingSecrets } from "../../transfer/secrets.ts";

export default class LocalExport extends SecretsCommand {
  static override summary = "Write every package with its content to one file";
  static override description =
    "The end of the path says the format: .tar, .tar.gz and .tar.zst are streams for any size, .json is one document with base64 content. The file appears whole or not at all, and only you may read it. Secrets leave only sealed, for --recipient or under a passphrase; without either they stay.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> backup.tar.zst",
    "<%= config.bin %> <%= command.id %> packages.json",
  ];
  static override args = {
    path: text({ required: true, description: "file to write; one that is there is replaced" }),
  };

  static override flags = {
    recipient: string({
      multiple: true,
      helpValue: "<age1…>",
      description: "put the secrets in, sealed for this age recipient",
    }),
    "bundle-passphrase-file": string({
      helpValue: "<file>",
      exclusive: ["recipient"],
      description: "put the secrets in, sealed under the passphrase in this file",
    }),
  };

  #scratch: Scratch = new Set();

  async run(): Promise<object> {
    const { args, flags } = await this.parse(LocalExport);
    const citadel = await this.citadel();
    const secrets = await this.#secrets(flags);
    const progress = await this.progress("counting packages", { unit: "packages" });
    const options = { signal: this.signal, secrets, onProgress: showPhases(progress) };
    const exported = await exportTo(citadel, args.path, options, this.#scratch);
    progress.stop();
    const { path, format, packages, versions, bytes, size } = exported;
    await this.table(
      facts([
        ["file", path],
        ["format", format],
        ["packages", packages],
        ["versions", versions],
        ["secrets", exported.secrets],
        ["content", sizeText(this.terminal, bytes)],
        ["size", sizeText(this.terminal, size)],
      ]),
      factColumns,
    );
    this.success(`exported ${packages} packages to ${args.path}, ${formatSize(size)}`);
    this.next(`citadel local:import ${args.path} --dry-run`);
    return exported;
  }

  async #secrets(
    flags: VaultFlags & {
      readonly recipient?: string[] | undefined;
      readonly "bundle-passphrase-file"?: string | undefined;
    },
  ): Promise<OutgoingSecrets | undefined> {
    const { recipient: recipients, "bundle-passphrase-file": file } = flags;
    if (!recipients && file === undefined) return undefined;
    const { sealSecrets } = await import("../../transfer/secrets.ts");
    const vault = await this.vault(flags);
    return sealSecrets(
      vault,
      recipients ? { recipients } : { passphrase: await readSecretFile(file ?? "", "passphrase") },
    );
  }

  protected override stopping(): Promise<void> {
    return discard(this.#scratch);
  }
}
