import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { clean, timeText } from "@citadel/core/terminal";
import { string as text } from "@oclif/core/args";
import { boolean } from "@oclif/core/flags";
import type { Report } from "../../reader.ts";

export default class RssFetch extends CitadelCommand {
  static override summary = "Ask subscribed feeds for what is new";
  static override description =
    "All that are due, or the one that you name. Servers are asked politely: with what they said last time, no sooner than they want, and ever more seldom while they fail. A feed that has moved for good is followed, one that is gone is not asked again. Exit code 7 when the one that you name fails. docs/feeds.md has the rules.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> https://example.org/feed.xml --force",
  ];
  static override args = { feed: text({ description: "address or title of a subscribed feed" }) };
  static override flags = {
    force: boolean({ char: "f", description: "also those that are not due" }),
  };

  async run(): Promise<{ readonly items: readonly Report[] }> {
    const { args, flags } = await this.parse(RssFetch);
    const { openReader } = await import("../../reader.ts");
    const reader = openReader(await this.citadel(), commandLine);
    try {
      const feeds = args.feed === undefined ? await reader.list() : [await reader.find(args.feed)];
      if (feeds.length === 0) this.next("citadel rss:add <address>");
      const progress = await this.progress(`asking ${feeds.length} feeds`);
      const options = { force: flags.force, signal: this.signal };
      const items = await reader.refresh(feeds, options);
      progress.stop();
      await this.#show(items);
      if (args.feed !== undefined && items[0]?.outcome === "failed") process.exitCode = 7;
      return { items };
    } finally {
      await reader.close();
    }
  }

  async #show(items: readonly Report[]): Promise<void> {
    await this.table(items, [
      { name: "feed", value: ({ title, url }) => title || url, importance: 1 },
      { name: "outcome", value: ({ outcome }) => outcome, importance: 0 },
      { name: "new", value: ({ fresh }) => fresh, align: "right", importance: 0 },
      {
        name: "next",
        value: ({ next }) => (next === undefined ? "" : timeText(this.terminal, next)),
        importance: 3,
      },
      { name: "url", value: ({ to, url }) => to ?? url, importance: 2 },
    ]);
    const failed = items.filter(({ problem }) => problem !== undefined);
    for (const { url, problem } of failed) this.warn(clean(`${url}: ${problem}`));
    if (items.some(({ fresh }) => fresh > 0)) this.next("citadel rss:list --unread");
  }
}
