import { createHash } from "node:crypto";
import { parseFeed } from "feedsmith";
import { discover } from "./discover.ts";
import { decode } from "./decode.ts";
import { guard } from "./guard.ts";
import type { Feed, Item, Read } from "./model.ts";

const mostItems = 1000;
const longestHtml = 128 * 1024;
const longestText = 1000;

/** What came, where it came from in the end, and what its server called it. */
export interface Source {
  readonly bytes: Uint8Array;
  readonly url: string;
  readonly contentType?: string | undefined;
}

type Parsed = ReturnType<typeof parseFeed<string>>;

/** Reads a feed of any format, or a page that names some. Takes what it takes: `read.ts` has limits. */
export function parse({ bytes, url, contentType }: Source): Read {
  const text = decode(bytes, contentType).replace(/^[\uFEFF\s]+/, "");
  if (text.startsWith("{")) return ofJson(text, url);
  if (!text.startsWith("<")) return { kind: "none", why: "it is neither XML, JSON nor HTML" };
  if (isPage(text, contentType)) return { kind: "page", alternates: discover(text, url) };
  const guarded = guard(text);
  if ("refused" in guarded) return { kind: "none", why: guarded.refused };
  try {
    return { kind: "feed", feed: normalised(parseFeed<string>(guarded.xml), url) };
  } catch (error) {
    return { kind: "none", why: reason(error) };
  }
}

function ofJson(text: string, url: string): Read {
  try {
    return { kind: "feed", feed: normalised(parseFeed<string>(JSON.parse(text)), url) };
  } catch (error) {
    return { kind: "none", why: reason(error) };
  }
}

const reason = (error: unknown): string =>
  error instanceof SyntaxError ? "it is damaged JSON" : "it is no feed, or a damaged one";

const isPage = (text: string, contentType = ""): boolean =>
  /^(?:<!--[\s\S]*?-->|<\?[\s\S]*?\?>|\s)*<(?:!doctype\s+html|html|head|body)\b/i.test(text) ||
  (/html/i.test(contentType) &&
    !/^(?:<\?xml[\s\S]*?\?>|<!--[\s\S]*?-->|\s)*<(?:rss|feed|rdf:RDF)\b/i.test(text));

function normalised(parsed: Parsed, url: string): Feed {
  switch (parsed.format) {
    case "atom":
      return ofAtom(parsed.feed, url);
    case "json":
      return ofJsonFeed(parsed.feed, url);
    default:
      return ofRss(parsed, url);
  }
}

type AtomFeed = Extract<Parsed, { format: "atom" }>["feed"];
type JsonFeed = Extract<Parsed, { format: "json" }>["feed"];
type RssLike = Extract<Parsed, { format: "rss" | "rdf" }>;

function ofAtom(feed: AtomFeed, url: string): Feed {
  const base = resolved(feed.xml?.base, url) ?? url;
  const link = linkOf(feed.links, base);
  return {
    format: "atom",
    title: short(plain(feed.title)),
    ...(link !== undefined && { link }),
    ...optional("description", short(plain(feed.subtitle))),
    items: (feed.entries ?? []).slice(0, mostItems).map((entry) => {
      const here = resolved(entry.xml?.base, base) ?? base;
      const { content, summary } = entry;
      const body = content?.value === undefined ? summary : content;
      return item({
        id: entry.id,
        title: plain(entry.title),
        link: linkOf(entry.links, here),
        published: entry.published ?? entry.updated,
        authors: (entry.authors ?? feed.authors)?.flatMap(({ name }) => name ?? []),
        html: htmlOf(body),
        base: resolved(body?.xml?.base, here) ?? here,
        enclosures: entry.links?.flatMap((one) =>
          one.rel === "enclosure" ? [{ url: resolved(one.href, here), type: one.type }] : [],
        ),
      });
    }),
  };
}

type AtomText = { readonly value?: string; readonly type?: string };

/** Text of an Atom construct, without markup. */
const plain = (text: AtomText | undefined): string =>
  text?.type === "html" || text?.type === "xhtml" || text?.type === "text/html"
    ? withoutTags(text.value ?? "")
    : (text?.value ?? "");

const htmlOf = (text: AtomText | undefined): string | undefined =>
  text?.value === undefined || /html/i.test(text.type ?? "")
    ? text?.value
    : `<p>${escape(text.value)}</p>`;

type AtomLinks = AtomFeed["links"];

function linkOf(links: AtomLinks, base: string): string | undefined {
  const alternates = (links ?? []).filter(({ rel = "alternate" }) => rel === "alternate");
  const best = alternates.find(({ type = "text/html" }) => /html/.test(type)) ?? alternates[0];
  return resolved(best?.href, base);
}

function ofRss({ format, feed }: RssLike, url: string): Feed {
  const base = resolved((feed as { xml?: { base?: string } }).xml?.base, url) ?? url;
  const link = resolved(feed.link, base);
  const ttl = "ttl" in feed && typeof feed.ttl === "number" ? feed.ttl * 60_000 : undefined;
  return {
    format,
    title: short(feed.title ?? ""),
    ...(link !== undefined && { link }),
    ...optional("description", short(feed.description)),
    ...(ttl !== undefined && ttl > 0 && { ttl }),
    items: ((feed.items ?? []) as readonly RssItem[]).slice(0, mostItems).map((entry) => {
      const { guid, dc } = entry;
      const own = entry.xml?.base;
      const here = resolved(own, base) ?? base;
      const permanent =
        guid?.value !== undefined && guid.isPermaLink !== false && /^https?:/i.test(guid.value);
      const to = resolved(entry.link ?? (permanent ? guid.value : undefined), link ?? here);
      return item({
        id: guid?.value ?? entry.rdf?.about,
        title: withoutTags(entry.title ?? ""),
        link: to,
        published: entry.pubDate ?? dc?.dates?.[0] ?? dc?.date,
        authors: entry.authors?.flatMap(({ name, email }) => name ?? email ?? []) ?? dc?.creators,
        html: entry.content?.encoded ?? entry.description,
        base: own === undefined ? (to ?? link ?? here) : here,
        enclosures: entry.enclosures?.map((one) => ({
          url: resolved(one.url, here),
          type: one.type,
        })),
      });
    }),
  };
}

/** As much of an item of RSS or RDF as is read. */
interface RssItem {
  readonly title?: string;
  readonly link?: string;
  readonly description?: string;
  readonly guid?: { readonly value?: string; readonly isPermaLink?: boolean };
  readonly rdf?: { readonly about?: string };
  readonly pubDate?: string;
  readonly dc?: {
    readonly date?: string;
    readonly dates?: readonly string[];
    readonly creators?: readonly string[];
  };
  readonly authors?: readonly { readonly name?: string; readonly email?: string }[];
  readonly content?: { readonly encoded?: string };
  readonly enclosures?: readonly { readonly url?: string; readonly type?: string }[];
  readonly xml?: { readonly base?: string };
}

function ofJsonFeed(feed: JsonFeed, url: string): Feed {
  const link = resolved(feed.home_page_url, url);
  return {
    format: "json",
    title: short(feed.title ?? ""),
    ...(link !== undefined && { link }),
    ...optional("description", short(feed.description)),
    items: (feed.items ?? []).slice(0, mostItems).map((entry) => {
      const { content_html: html, content_text: text, summary } = entry;
      const to = resolved(entry.url ?? entry.external_url, url);
      const words = text ?? summary;
      return item({
        id: entry.id,
        title: entry.title,
        link: to,
        published: entry.date_published ?? entry.date_modified,
        authors: (entry.authors ?? feed.authors)?.flatMap(({ name }) => name ?? []),
        html: html ?? (words === undefined ? undefined : `<p>${escape(words)}</p>`),
        base: to ?? link ?? url,
        enclosures: entry.attachments?.map((one) => ({
          url: resolved(one.url, url),
          type: one.mime_type,
        })),
      });
    }),
  };
}

interface Found {
  readonly id: string | undefined;
  readonly title: string | undefined;
  readonly link: string | undefined;
  readonly published: string | undefined;
  readonly authors: readonly string[] | undefined;
  readonly html: string | undefined;
  readonly base: string;
  readonly enclosures:
    | readonly { readonly url: string | undefined; readonly type: string | undefined }[]
    | undefined;
}

function item({ id, title, link, published, authors, html, base, enclosures }: Found): Item {
  const time = Date.parse(published ?? "");
  const body = html?.slice(0, longestHtml);
  const files = enclosures?.flatMap(({ url, type }) =>
    url === undefined ? [] : [{ url, ...(type !== undefined && { type: short(type) }) }],
  );
  const names = authors?.map(short).filter(Boolean);
  const name = short(title) || short(withoutTags(html?.slice(0, 2000) ?? "")).slice(0, 80);
  return {
    id: (id?.trim() || link || hash([title, published, html])).slice(0, 2000),
    title: name || "(without a title)",
    ...(link !== undefined && { link }),
    ...(!Number.isNaN(time) && { published: time }),
    ...(names?.length && { authors: names.slice(0, 20) }),
    ...(body && { html: body }),
    base,
    ...(files?.length && { enclosures: files.slice(0, 20) }),
  };
}

const hash = (parts: readonly unknown[]): string =>
  `sha256:${createHash("sha256").update(JSON.stringify(parts)).digest("base64url")}`;

/** An address of the web, made absolute. */
function resolved(address: string | undefined, base: string): string | undefined {
  const url = address === undefined ? null : URL.parse(address.trim(), base);
  return url && /^https?:$/.test(url.protocol) ? url.href : undefined;
}

const short = (text: string | undefined): string =>
  (text ?? "").replace(/\s+/g, " ").trim().slice(0, longestText);

const optional = <K extends string>(key: K, value: string): Partial<Record<K, string>> =>
  value === "" ? {} : ({ [key]: value } as Record<K, string>);

const signs: Readonly<Record<string, string>> = {
  ...{
    "&lt;": "<",
    "&gt;": ">",
    "&quot;": '"',
    "&#39;": "'",
    "&apos;": "'",
    "&nbsp;": " ",
    "&amp;": "&",
  },
};

const withoutTags = (html: string): string =>
  html
    .replace(/<[a-z/!?][^<>]*>/gi, " ")
    .replace(/&(?:lt|gt|quot|#39|apos|nbsp|amp);/g, (sign) => signs[sign] ?? sign)
    .replace(/\s+/g, " ")
    .trim();

const escape = (text: string): string =>
  text.replace(/[&<>]/g, (sign) => (sign === "&" ? "&amp;" : sign === "<" ? "&lt;" : "&gt;"));
