import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { integer } from "@oclif/core/flags";
import { searchHere, searchThere } from "../../find.ts";
import { foundColumns } from "../../found-columns.ts";
import { thereFlags, thereOf } from "../../there.ts";

export default class RegistrySearch extends CitadelCommand {
  static override summary = "Search packages by name, keywords and description";
  static override description =
    "The best first. Takes npm's qualifiers: keywords:a,b scope:s author:u maintainer:u is:deprecated not:deprecated. In the store of this machine, or with --registry in any registry that has a search.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> button",
    "<%= config.bin %> <%= command.id %> 'keywords:ui not:deprecated' --limit 50",
    "<%= config.bin %> <%= command.id %> button --registry http://localhost:4873/",
  ];
  static override strict = false;
  static override args = {
    text: text({ required: true, description: "words to look for" }),
  };
  static override flags = {
    limit: integer({ min: 1, max: 250, default: 20, description: "packages at most" }),
    from: integer({ min: 0, default: 0, description: "packages to pass over" }),
    ...thereFlags,
  };

  async run(): Promise<object> {
    const { argv, flags } = await this.parse(RegistrySearch);
    const { limit: size, from } = flags;
    const page = { text: argv.map(String).join(" "), size, from };
    const there = await thereOf(flags, this.signal);
    const found = there
      ? await searchThere(there, page)
      : await searchHere(await this.citadel(), page);
    const { items, total } = found;
    await this.table(items, foundColumns(this.terminal));
    if (total === 0) this.note("nothing found");
    else if (from + items.length < total)
      this.next(`${from + items.length} of ${total}; the rest: --from ${from + items.length}`);
    return found;
  }
}
