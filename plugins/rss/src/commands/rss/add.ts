import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { CitadelError } from "@citadel/core/errors";
import { string as text } from "@oclif/core/args";
import { string } from "@oclif/core/flags";
import type { Added } from "../../reader.ts";

export default class RssAdd extends CitadelCommand {
  static override summary = "Subscribe to a feed, or to all of an OPML file";
  static override description =
    "RSS, RDF, Atom or JSON Feed; of a page, the feed that it names first. With --opml, the feeds of a file that another reader has exported; those are asked by the next rss:fetch.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> https://example.org/feed.xml",
    "<%= config.bin %> <%= command.id %> --opml feeds.opml",
  ];
  static override args = { url: text({ description: "address of a feed or a page" }) };
  static override flags = {
    title: string({ helpValue: "<text>", description: "what to call it" }),
    folder: string({ helpValue: "<name>", description: "group to put it in" }),
    opml: string({ helpValue: "<file>", description: "OPML file, - for standard input" }),
  };

  async run(): Promise<Added | { readonly items: readonly string[]; readonly listed: number }> {
    const { args, flags } = await this.parse(RssAdd);
    const { openReader } = await import("../../reader.ts");
    if ((args.url === undefined) === (flags.opml === undefined))
      throw new CitadelError("E_USAGE", "give the address of a feed, or --opml with a file");
    const reader = openReader(await this.citadel(), commandLine);
    try {
      if (flags.opml !== undefined) {
        const { readOpml } = await import("../../opml.ts");
        const { readInput } = await import("../../input.ts");
        const listed = readOpml(await readInput(flags.opml));
        const items = await reader.addAll(listed);
        this.success(`${items.length} of ${listed.length} feeds are new`);
        if (items.length > 0) this.next("citadel rss:fetch");
        return { items, listed: listed.length };
      }
      const { title, folder } = flags;
      const added = await reader.add(args.url ?? "", {
        ...(title !== undefined && { title }),
        ...(folder !== undefined && { folder }),
      });
      const { clean } = await import("@citadel/core/terminal");
      this.success(clean(`subscribed to ${added.title || added.url}, ${added.items} items`));
      for (const other of added.others) this.note(clean(`the page also names ${other}`));
      this.next(`citadel rss:list ${added.url}`);
      return added;
    } finally {
      await reader.close();
    }
  }
}
