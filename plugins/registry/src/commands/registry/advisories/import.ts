import { CitadelError } from "@citadel/core";
import { commandLine } from "@citadel/core/access";
import { osvSources, type ImportReport, type Source } from "@citadel/core/advisories";
import { CitadelCommand } from "@citadel/core/command";
import type { Progress } from "@citadel/core/terminal";
import { string as text } from "@oclif/core/args";
import { boolean } from "@oclif/core/flags";

export default class RegistryAdvisoriesImport extends CitadelCommand {
  static override summary = "Bring in what is known against packages, from OSV files";
  static override description =
    "A JSON file, a folder of them, or the zip archive of an ecosystem as OSV gives it out. Newer records replace older ones, withdrawn ones go; what is of other ecosystems than npm is left out. Audits of every server use them at once. Exits with 3 when some files are no OSV records.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> ./osv",
    "<%= config.bin %> <%= command.id %> all.zip --replace",
  ];
  static override args = {
    path: text({ required: true, description: "file, folder or zip archive" }),
  };
  static override flags = {
    replace: boolean({ description: "take away what is not among these files" }),
    "dry-run": boolean({ char: "n", description: "read and compare, change nothing" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryAdvisoriesImport);
    const advisories = await (await this.citadel()).advisories();
    const progress = await this.progress("reading", { unit: "files" });
    const report = await advisories.import(
      commandLine,
      watched(osvSources(args.path), progress, this.signal),
      { replace: flags.replace, dryRun: flags["dry-run"] },
    );
    progress.stop();
    if (report.read === 0)
      throw new CitadelError("E_USAGE", `there are no JSON files in ${args.path}`, {
        hint: ["name an OSV file, a folder of them, or a zip archive"],
      });
    this.#say(report);
    return report;
  }

  #say({ dryRun, invalid, invalidCount, ...report }: ImportReport): void {
    for (const { path, reason } of invalid) this.warn(`${path}: ${reason}`);
    if (invalidCount > invalid.length)
      this.warn(`and ${invalidCount - invalid.length} more that are no OSV records`);
    const { added, updated, unchanged, removed, skipped, total } = report;
    const what = `${added} added, ${updated} updated, ${unchanged} unchanged, ${removed} removed, ${skipped} left out`;
    if (dryRun) this.note(`would be: ${what}; nothing was changed`);
    else this.success(`${what}; ${total} advisories now`);
    if (invalidCount > 0) process.exitCode = 3;
  }
}

async function* watched(
  sources: AsyncIterable<Source>,
  progress: Progress,
  signal: AbortSignal,
): AsyncGenerator<Source, void, void> {
  let read = 0;
  for await (const source of sources) {
    signal.throwIfAborted();
    progress.at(++read);
    yield source;
  }
}
