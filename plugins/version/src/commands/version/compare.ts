import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { string } from "@oclif/core/flags";
import type { Comparison } from "../../compare.ts";

/** Versions that are printed; JSON has all. */
const most = 8;

export default class VersionCompare extends CitadelCommand {
  static override summary = "Say which of two versions is higher, and why";
  static override description =
    "Also a version with a range, and two ranges. With --package: which versions of it fit each of the two here.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> 1.10.0 1.9.9",
    "<%= config.bin %> <%= command.id %> 1.0.0-beta.2 '>=1.0.0-beta'",
    "<%= config.bin %> <%= command.id %> '^1.2' '~1.2.3' --package @acme/ui",
  ];
  static override args = {
    a: text({ required: true, description: "version or range" }),
    b: text({ required: true, description: "version or range" }),
  };
  static override flags = {
    package: string({ helpValue: "<name>", description: "look what fits in this registry" }),
  };

  async run(): Promise<Comparison & { readonly matches?: Record<"a" | "b", string[]> }> {
    const { args, flags } = await this.parse(VersionCompare);
    const { compareVersions } = await import("../../compare.ts");
    const found = compareVersions(args.a, args.b);
    const { a, b, relation, difference, why } = found;
    const matches =
      flags.package === undefined ? undefined : await this.#matches(flags.package, found);
    const kind = difference === null ? "" : ` (${difference})`;
    this.out(`${a} ${relation} ${b}${kind}: ${why}`);
    if (!matches) return found;
    for (const side of ["a", "b"] as const) {
      const all = matches[side];
      const rest = all.length > most ? ` and ${all.length - most} more` : "";
      this.out(`${found[side]}: ${all.slice(0, most).join(" ") || "nothing fits"}${rest}`);
    }
    return { ...found, matches };
  }

  async #matches(name: string, { a, b }: Comparison): Promise<Record<"a" | "b", string[]>> {
    const [{ readHistory }, { matchingVersions }] = await Promise.all([
      import("@citadel/core/documents"),
      import("../../matches.ts"),
    ]);
    const history = await readHistory(await this.citadel(), name, commandLine);
    return { a: matchingVersions(history, a), b: matchingVersions(history, b) };
  }
}
