import { discard, type Scratch, formatSize } from "@citadel/core";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { boolean } from "@oclif/core/flags";
import { commandLine } from "@citadel/core/access";
import { factColumns, facts, showPhases, sizeText } from "@citadel/core/terminal";
import { importFrom } from "../../transfer/import.ts";

export default class LocalImport extends CitadelCommand {
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
    "dry-run": boolean({ char: "n", description: "check everything, add nothing" }),
  };

  #scratch: Scratch = new Set();

  async run(): Promise<object> {
    const { args, flags } = await this.parse(LocalImport);
    const citadel = await this.citadel();
    const progress = await this.progress(`reading ${args.path}`);
    const options = {
      dryRun: flags["dry-run"],
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

  protected override stopping(): Promise<void> {
    return discard(this.#scratch);
  }
}
