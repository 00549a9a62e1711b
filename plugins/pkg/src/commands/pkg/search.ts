import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { integer } from "@oclif/core/flags";
import type { Hit } from "../../search.ts";

export default class PkgSearch extends CitadelCommand {
  static override summary = "Search packages, and what they export";
  static override description =
    "Packages of this registry and those that pkg:fetch has kept: by name, by the names that they export, by what their README says, and by names that are spelled alike. Exact names come first, then beginnings, exports, text; among equals what is downloaded most. Nobody outside is asked.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> ui",
    '<%= config.bin %> <%= command.id %> "parse dates" --limit 5',
  ];
  static override args = {
    query: text({ required: true, description: "words; any characters" }),
  };
  static override strict = false;
  static override flags = {
    limit: integer({ min: 1, max: 250, default: 20, description: "most results" }),
  };

  async run(): Promise<{ readonly items: readonly Hit[] }> {
    const { argv, flags } = await this.parse(PkgSearch);
    const { searchPackages } = await import("../../search.ts");
    const query = argv.map(String).join(" ");
    const items = await searchPackages(await this.citadel(), commandLine, query, flags);
    await this.table(items, [
      { name: "package", value: ({ name }) => name, importance: 0 },
      { name: "version", value: ({ version }) => version, importance: 0 },
      { name: "found in", value: ({ match, symbol }) => symbol ?? words[match], importance: 2 },
      {
        name: "description",
        value: ({ description, deprecated }) =>
          deprecated === undefined ? description : `deprecated: ${deprecated}`,
        importance: 3,
      },
      { name: "kept", value: ({ fetched }) => fetched, importance: 4 },
    ]);
    const [first] = items;
    if (!first) this.note("nothing was found");
    else this.next(`citadel pkg:fetch ${first.name}`);
    return { items };
  }
}

const words: Readonly<Record<Hit["match"], string>> = {
  name: "name",
  prefix: "name",
  symbol: "export",
  part: "name",
  text: "text",
  similar: "similar name",
};
