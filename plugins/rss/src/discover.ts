import sanitize from "sanitize-html";
import type { Alternate } from "./model.ts";

const types = /^(?:application|text)\/(?:rss|atom|rdf|feed)\+?(?:xml|json)\b|^application\/json\b/i;

/** The feeds that a page names, in its order. */
export function discover(html: string, url: string): Alternate[] {
  let base = url;
  const found = new Map<string, Alternate>();
  sanitize(html.slice(0, 2 ** 20), {
    allowedTags: [],
    onOpenTag(tag, { href, rel, type, title }) {
      const to = href === undefined ? null : URL.parse(href.trim(), base);
      if (!to || !/^https?:$/.test(to.protocol)) return;
      if (tag === "base") base = to.href;
      if (tag !== "link" || !/(?:^|\s)alternate(?:\s|$)/i.test(rel ?? "")) return;
      if (types.test(type ?? "") && found.size < 50)
        found.set(to.href, { url: to.href, ...(title && { title: title.slice(0, 200) }) });
    },
  });
  return [...found.values()];
}
