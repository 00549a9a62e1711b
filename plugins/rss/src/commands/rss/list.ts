import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { timeText } from "@citadel/core/terminal";
import { string as text } from "@oclif/core/args";
import { boolean, integer } from "@oclif/core/flags";
import type { Entry } from "../../page.ts";
import type { Subscribed } from "../../reader.ts";

interface FeedRow {
  readonly url: string;
  readonly title: string;
  readonly folder: string | null;
  readonly state: "new" | "ok" | "failing" | "gone";
  readonly unread: number;
  readonly items: number;
  /** ISO 8601 */
  readonly checked: string | null;
  readonly problem: string | null;
}

interface ItemRow {
  readonly id: string;
  readonly feed: string;
  readonly title: string;
  readonly link: string | null;
  /** ISO 8601 */
  readonly date: string;
  readonly read: boolean;
}

export default class RssList extends CitadelCommand {
  static override summary = "List subscribed feeds, or what is in them";
  static override description =
    "Without a feed and flags, the subscriptions. With a feed, its items, newest first; with --unread, the items of all feeds, or of one, that were not read. --read says that the items that are shown are read now. --opml prints the subscriptions for another reader.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --unread --read",
    "<%= config.bin %> <%= command.id %> --opml > feeds.opml",
  ];
  static override args = { feed: text({ description: "address or title of a subscribed feed" }) };
  static override flags = {
    unread: boolean({ description: "items that were not read" }),
    read: boolean({ description: "mark the items that are shown as read" }),
    opml: boolean({ exclusive: ["unread", "read"], description: "print OPML" }),
    limit: integer({ min: 1, default: 50, description: "most items" }),
  };

  async run(): Promise<
    { readonly items: readonly (FeedRow | ItemRow)[] } | { readonly opml: string }
  > {
    const { args, flags } = await this.parse(RssList);
    const { openReader } = await import("../../reader.ts");
    const reader = openReader(await this.citadel(), commandLine);
    try {
      const feeds = args.feed === undefined ? await reader.list() : [await reader.find(args.feed)];
      if (flags.opml) return await this.#opml(feeds);
      if (args.feed === undefined && !flags.unread && !flags.read) return await this.#feeds(feeds);
      const { entriesOf } = await import("../../entries.ts");
      const entries = entriesOf(feeds, flags);
      const items = await this.#items(entries);
      if (flags.read)
        for (const { url } of feeds) {
          const shown = entries.filter((entry) => entry.url === url).map(({ item }) => item.id);
          if (shown.length > 0) await reader.markRead(url, new Set(shown));
        }
      return { items };
    } finally {
      await reader.close();
    }
  }

  async #opml(feeds: readonly Subscribed[]): Promise<{ readonly opml: string }> {
    const { writeOpml } = await import("../../opml.ts");
    const opml = writeOpml(
      feeds.map(({ url, title, folder, kept }) => ({
        ...{ url, title: title ?? (kept?.title || url), link: kept?.link },
        ...(folder !== undefined && { folder }),
      })),
    );
    this.out(opml.trimEnd());
    return { opml };
  }

  async #feeds(feeds: readonly Subscribed[]): Promise<{ readonly items: readonly FeedRow[] }> {
    const items = feeds.map(({ url, title, folder, gone, kept }): FeedRow => ({
      url,
      title: title ?? kept?.title ?? "",
      folder: folder ?? null,
      state: gone ? "gone" : !kept?.checked ? "new" : kept.problem === undefined ? "ok" : "failing",
      unread: kept?.items.filter(({ read }) => !read).length ?? 0,
      items: kept?.items.length ?? 0,
      checked: kept?.checked === undefined ? null : new Date(kept.checked).toISOString(),
      problem: kept?.problem ?? null,
    }));
    await this.table(items, [
      { name: "feed", value: ({ title, url }) => title || url, importance: 1 },
      { name: "unread", value: ({ unread }) => unread, align: "right", importance: 0 },
      { name: "items", value: ({ items: all }) => all, align: "right", importance: 3 },
      { name: "state", value: ({ state }) => state, importance: 0 },
      { name: "folder", value: ({ folder }) => folder ?? "", importance: 4 },
      { name: "url", value: ({ url }) => url, importance: 2 },
    ]);
    if (items.length === 0) this.note("no feed is subscribed to");
    if (items.length === 0) this.next("citadel rss:add <address>");
    return { items };
  }

  async #items(entries: readonly Entry[]): Promise<readonly ItemRow[]> {
    const { timeOf } = await import("../../shelf.ts");
    const items = entries.map(({ item, feed }): ItemRow => ({
      id: item.id,
      feed,
      title: item.title,
      link: item.link ?? null,
      date: new Date(timeOf(item)).toISOString(),
      read: item.read === true,
    }));
    await this.table(items, [
      {
        name: "date",
        value: ({ date }) => timeText(this.terminal, Date.parse(date)),
        importance: 2,
      },
      { name: "feed", value: ({ feed }) => feed, importance: 3 },
      { name: "title", value: ({ title }) => title, importance: 1 },
      { name: "read", value: ({ read }) => (read ? "read" : ""), importance: 4 },
      { name: "link", value: ({ link }) => link ?? "", importance: 2 },
    ]);
    if (items.length === 0) this.note("nothing to read");
    return items;
  }
}
