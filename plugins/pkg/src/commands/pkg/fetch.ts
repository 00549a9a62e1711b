import { discard, type Scratch } from "@citadel/core";
import { commandLine } from "@citadel/core/access";
import type { Match } from "@citadel/core/advisories";
import { CitadelCommand } from "@citadel/core/command";
import { CitadelError } from "@citadel/core/errors";
import { string as text } from "@oclif/core/args";
import { boolean, string } from "@oclif/core/flags";
import type { DocumentDiff } from "../../diff.ts";
import type { Fetched } from "../../fetch.ts";
import { sections, type Section } from "../../show.ts";

type Shown = Omit<Fetched, "documents"> &
  Fetched["documents"] & { readonly advisories: readonly Match["advisory"][] };

export default class PkgFetch extends CitadelCommand {
  static override summary = "Show what a package says of itself, and keep it";
  static override description =
    "README, API, changelog, exports, examples, licence and advisories: of the version that is installed here, else of latest, or of the one that you name. Kept, so that it can be read without a network. With --diff, what changed in them between two versions. docs/documents.md has the JSON fields.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> @acme/ui",
    "<%= config.bin %> <%= command.id %> @acme/ui@2 --section api",
    "<%= config.bin %> <%= command.id %> @acme/ui --diff 1.4.0 2.0.0",
  ];
  static override args = {
    package: text({ required: true, description: "name, with @version, @range or @tag" }),
  };
  static override flags = {
    section: string({
      multiple: true,
      options: [...sections],
      helpValue: "<name>",
      description: `only this: ${sections.join(", ")}`,
    }),
    diff: string({
      multiple: true,
      helpValue: "<a> <b>",
      exclusive: ["section"],
      description: "two versions or tags to compare",
    }),
    offline: boolean({ description: "ask no other registry" }),
  };

  #scratch: Scratch = new Set();

  async run(): Promise<Shown | DocumentDiff> {
    const { args, flags } = await this.parse(PkgFetch);
    if (flags.diff) return this.#diff(args.package, flags.diff, flags.offline);
    const { advisoriesOf } = await import("../../advisories.ts");
    const { showDocuments } = await import("../../show.ts");
    const { documents, ...how } = await this.#fetch(args.package, flags.offline);
    const known = await advisoriesOf(await this.citadel(), documents);
    const { out } = this.terminal;
    const wanted =
      (flags.section as Section[] | undefined) ?? sections.filter((one) => one !== "license");
    const { strong, dim } = out.palette;
    const width = out.tty ? out.width : undefined;
    if (!this.terminal.json)
      await this.page(await showDocuments(documents, known, wanted, { strong, dim, width }));
    this.#explain(documents.version, how);
    return { ...documents, ...how, advisories: known.map(({ advisory }) => advisory) };
  }

  async #fetch(what: string, offline: boolean): Promise<Fetched> {
    const { fetchDocuments } = await import("../../fetch.ts");
    const progress = await this.progress(`reading ${what.slice(0, 80)}`);
    const asked = { what, folder: process.cwd(), offline };
    const found = await fetchDocuments(await this.citadel(), commandLine, asked, this.#scratch);
    progress.stop();
    return found;
  }

  async #diff(name: string, versions: readonly string[], offline: boolean): Promise<DocumentDiff> {
    const [from, to] = versions;
    if (from === undefined || to === undefined || versions.length > 2 || name.indexOf("@", 1) > 0)
      throw new CitadelError(
        "E_USAGE",
        "--diff takes two versions, after the name of the package",
        {
          hint: ["citadel pkg:fetch @acme/ui --diff 1.4.0 2.0.0"],
        },
      );
    const { diffDocuments, showDiff } = await import("../../diff.ts");
    const before = await this.#fetch(`${name}@${from}`, offline);
    const after = await this.#fetch(`${name}@${to}`, offline);
    const found = diffDocuments(before.documents, after.documents);
    if (!this.terminal.json) await this.page(showDiff(found, this.terminal.out.palette));
    return found;
  }

  #explain(version: string, { because, stale }: Omit<Fetched, "documents">): void {
    if (because === "installed") this.note(`${version} is what is installed here`);
    if (stale) this.note("read from what was kept; no other registry was asked");
  }

  protected override stopping(): Promise<void> {
    return discard(this.#scratch);
  }
}
