import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { boolean, integer, string } from "@oclif/core/flags";

export default class RssHtml extends CitadelCommand {
  static override summary = "Write what is in feeds as a page";
  static override description =
    "One HTML file that is complete in itself: the newest items of a feed, or of all; without scripts, pictures and anything else that would be asked of somebody when it is opened, and with a policy that makes a browser keep to that.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> -o news.html",
    "<%= config.bin %> <%= command.id %> https://example.org/feed.xml > feed.html",
  ];
  static override args = { feed: text({ description: "address or title of a subscribed feed" }) };
  static override flags = {
    output: string({ char: "o", helpValue: "<file>", description: "file instead of stdout" }),
    unread: boolean({ description: "only items that were not read" }),
    limit: integer({ min: 1, max: 500, default: 50, description: "most items" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RssHtml);
    const { openReader } = await import("../../reader.ts");
    const { entriesOf } = await import("../../entries.ts");
    const { renderPage } = await import("../../page.ts");
    const reader = openReader(await this.citadel(), commandLine);
    try {
      const feeds = args.feed === undefined ? await reader.list() : [await reader.find(args.feed)];
      const entries = entriesOf(feeds, flags);
      const title = args.feed === undefined ? "Feeds" : (entries[0]?.feed ?? args.feed);
      const html = await renderPage(title, entries);
      if (flags.output === undefined || flags.output === "-") {
        this.out(html.trimEnd());
        return { items: entries.length, html };
      }
      const { writeFile } = await import("node:fs/promises");
      await writeFile(flags.output, html);
      this.success(`${entries.length} items in ${flags.output}`);
      return { items: entries.length, file: flags.output };
    } finally {
      await reader.close();
    }
  }
}
