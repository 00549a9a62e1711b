import { discard, type Scratch } from "@citadel/core";
import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { factColumns, facts } from "@citadel/core/terminal";
import { string as text } from "@oclif/core/args";
import { string } from "@oclif/core/flags";
import type { Found, Recommendation } from "../../recommend/recommend.ts";

/** Changes that are printed; JSON has all. */
const most = 20;

export default class VersionRecommend extends CitadelCommand {
  static override summary = "Say what the next version is";
  static override description =
    "Of a version or a package: by the kind of change. Of a folder: what it exports is compared with what is published, and the largest of that, commit messages and changesets wins; build it first. Exit code 3 when the kind that you give is too small. docs/versions.md says what counts as what.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> 1.2.3 minor",
    "<%= config.bin %> <%= command.id %> @acme/ui prerelease --preid beta",
    "<%= config.bin %> <%= command.id %> ./packages/ui",
  ];
  static override args = {
    what: text({ required: true, description: "version, package, or folder (./…)" }),
    type: text({ description: "major, minor, patch, prerelease, …" }),
  };
  static override flags = {
    against: string({
      helpValue: "<version>",
      description: "count from this version or tag instead of latest",
    }),
    preid: string({ helpValue: "<word>", description: "word in a prerelease: beta" }),
  };

  #scratch: Scratch = new Set();

  async run(): Promise<Recommendation> {
    const { args, flags } = await this.parse(VersionRecommend);
    const { isFolder, recommend } = await import("../../recommend/recommend.ts");
    const progress = isFolder(args.what)
      ? await this.progress("comparing with what is published")
      : undefined;
    const asked = { ...args, ...flags };
    const answer = await recommend(() => this.citadel(), commandLine, asked, this.#scratch);
    progress?.stop();
    const { found, next, base } = answer;
    if (found) await this.#changes(found);
    if (next === null) await this.table(facts(Object.entries(answer.choices)), factColumns);
    else this.out(next);
    if (answer.kind === "folder") this.#explain(answer);
    if (found && !found.enough) {
      this.warn(`${args.type} is too small for what changed since ${base}`);
      process.exitCode = 3;
    }
    return answer;
  }

  async #changes({ changes }: Found): Promise<void> {
    if (!this.terminal.out.tty && !this.terminal.json) return; // a pipe gets the version alone
    await this.table(changes.slice(0, most), [
      { name: "level", value: ({ level }) => level, importance: 0 },
      { name: "sure", value: ({ proven }) => (proven ? "proven" : "review"), importance: 2 },
      { name: "change", value: ({ what }) => what, importance: 1 },
      { name: "where", value: ({ where }) => where, importance: 3 },
    ]);
    if (changes.length > most) this.note(`and ${changes.length - most} more: see --json`);
  }

  #explain({ package: name, base, type, next, found }: Recommendation): void {
    if (!found) return this.note(`nothing of ${name} is published here: ${next} is the first`);
    const { level, proven, commits, changesets } = found;
    const others = [
      ...(commits === null ? [] : [`commits say ${commits}`]),
      ...(changesets === null ? [] : [`changesets say ${changesets}`]),
    ];
    const sure = proven ? "proven" : "needs review";
    const step = type === level ? type : `${type} (a ${level} change)`;
    this.note(`${[`${step} since ${base}: ${sure}`, ...others].join("; ")}`);
  }

  protected override stopping(): Promise<void> {
    return discard(this.#scratch);
  }
}
