import { createHash } from "node:crypto";
import { legal } from "./legal.ts";
import type { FeedContent, FeedDocument, FeedEntry, FeedFormat } from "./types.ts";

/** A feed in one format; the same content gives the same bytes. */
export async function writeFeed(content: FeedContent, format: FeedFormat): Promise<FeedDocument> {
  const modified = content.entries.reduce((newest, { time }) => Math.max(newest, time), 0);
  const text = await writers[format](content, modified);
  const etag = createHash("sha256").update(text).digest("base64url").slice(0, 27);
  return { text, contentType: types[format], etag, modified };
}

const types: Readonly<Record<FeedFormat, string>> = {
  atom: "application/atom+xml; charset=utf-8",
  rss: "application/rss+xml; charset=utf-8",
  json: "application/feed+json; charset=utf-8",
};

const writers = { atom: atomOf, rss: rssOf, json: jsonOf } as const;

/** Fields for programs: categories with a scheme of our own. */
const fields = ({ event, package: name, version }: FeedEntry): (readonly [string, string])[] => [
  ["urn:citadel:event", event],
  ...(name === undefined ? [] : [["urn:citadel:package", name] as const]),
  ...(version === undefined ? [] : [["urn:citadel:version", version] as const]),
];

async function atomOf(content: FeedContent, modified: number): Promise<string> {
  const { generateAtomFeed } = await import("feedsmith");
  return generateAtomFeed({
    id: content.id,
    title: { value: legal(content.title) },
    updated: new Date(modified),
    authors: [{ name: "citadel" }],
    links: [
      { rel: "self", href: content.self, type: "application/atom+xml" },
      { rel: "alternate", href: content.home },
    ],
    entries: content.entries.map((entry) => ({
      id: legal(entry.id),
      title: { value: legal(entry.title) },
      updated: new Date(entry.time),
      published: new Date(entry.time),
      links: [{ rel: "alternate", href: entry.link }],
      authors: [{ name: legal(entry.by) || "unknown" }],
      categories: fields(entry).map(([scheme, term]) => ({ scheme, term: legal(term) })),
      content: { type: "html", value: legal(entry.html) },
    })),
  });
}

async function rssOf(content: FeedContent, modified: number): Promise<string> {
  const { generateRssFeed } = await import("feedsmith");
  return generateRssFeed({
    title: legal(content.title),
    link: content.home,
    description: legal(content.title),
    lastBuildDate: new Date(modified),
    atom: { links: [{ rel: "self", href: content.self, type: "application/rss+xml" }] },
    items: content.entries.map((entry) => ({
      title: legal(entry.title),
      link: entry.link,
      guid: { value: legal(entry.id), isPermaLink: false },
      pubDate: new Date(entry.time),
      categories: fields(entry).map(([domain, name]) => ({ domain, name: legal(name) })),
      description: legal(entry.html),
      dc: { creators: [legal(entry.by) || "unknown"] },
    })),
  });
}

function jsonOf(content: FeedContent): string {
  return `${JSON.stringify(
    {
      version: "https://jsonfeed.org/version/1.1",
      title: legal(content.title),
      home_page_url: content.home,
      feed_url: content.self,
      items: content.entries.map((entry) => ({
        id: legal(entry.id),
        url: entry.link,
        title: legal(entry.title),
        content_html: legal(entry.html),
        date_published: new Date(entry.time).toISOString(),
        authors: [{ name: legal(entry.by) || "unknown" }],
        tags: [entry.event, ...entry.tags.map(legal)],
        _citadel: {
          about: "urn:citadel",
          event: entry.event,
          package: entry.package,
          version: entry.version,
        },
      })),
    },
    null,
    1,
  )}\n`;
}
