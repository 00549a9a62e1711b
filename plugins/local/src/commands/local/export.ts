import { discard, type Scratch, formatSize } from "@citadel/core";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { factColumns, facts, showPhases, sizeText } from "@citadel/core/terminal";
import { exportTo } from "../../transfer/export.ts";

export default class LocalExport extends CitadelCommand {
  static override summary = "Write every package with its content to one file";
  static override description =
    "The end of the path says the format: .tar, .tar.gz and .tar.zst are streams for any size, .json is one document with base64 content. The file appears whole or not at all, and only you may read it.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> backup.tar.zst",
    "<%= config.bin %> <%= command.id %> packages.json",
  ];
  static override args = {
    path: text({ required: true, description: "file to write; one that is there is replaced" }),
  };

  #scratch: Scratch = new Set();

  async run(): Promise<object> {
    const { args } = await this.parse(LocalExport);
    const citadel = await this.citadel();
    const progress = await this.progress("counting packages", { unit: "packages" });
    const options = { signal: this.signal, onProgress: showPhases(progress) };
    const exported = await exportTo(citadel, args.path, options, this.#scratch);
    progress.stop();
    const { path, format, packages, versions, bytes, size } = exported;
    await this.table(
      facts([
        ["file", path],
        ["format", format],
        ["packages", packages],
        ["versions", versions],
        ["content", sizeText(this.terminal, bytes)],
        ["size", sizeText(this.terminal, size)],
      ]),
      factColumns,
    );
    this.success(`exported ${packages} packages to ${args.path}, ${formatSize(size)}`);
    this.next(`citadel local:import ${args.path} --dry-run`);
    return exported;
  }

  protected override stopping(): Promise<void> {
    return discard(this.#scratch);
  }
}
