import type { Heading } from "./types.ts";
import { prefixed } from "./links.ts";

/** The page has the first two levels. */
const shift = 2;

interface Part {
  readonly at: number;
  readonly end: number;
  readonly level: number;
  readonly attributes: string;
  /** its end tag, as an index of the list */
  close: number;
}

/**
 * Moves the headings of clean HTML below those of the page, without jumps, and names each after its text.
 * @param html as sanitize-html writes it: every `<` begins a tag, every tag is closed
 */
export function withHeadings(html: string): { html: string; headings: Heading[] } {
  const open: Part[] = [];
  const parts: Part[] = [];
  for (const found of html.matchAll(/<(\/?)h([1-6])((?: [^<>]*)?)>/g)) {
    const [whole, slash, level, attributes = ""] = found;
    const part = { at: found.index, end: found.index + whole.length, level: Number(level), attributes, close: -1 }; // prettier-ignore
    const begin = slash ? open.pop() : undefined;
    if (begin) begin.close = parts.length;
    if (!slash) open.push(part);
    parts.push(part);
  }
  const headings: Heading[] = [];
  const used = new Map<string, number>();
  const names = new Map<number, string>();
  let out = "";
  let from = 0;
  let last = shift;
  for (const [n, { at, end, level, attributes, close }] of parts.entries()) {
    const name = names.get(n);
    const closing = parts[close];
    out += html.slice(from, at);
    if (name !== undefined) out += `</${name}>`;
    else if (closing) {
      const lower = Math.min(level + shift, last + 1, 6);
      last = lower;
      const text = textOf(html.slice(end, closing.at));
      const id = unique(prefixed(slug(text) || "section"), used);
      headings.push({ level: lower, text, id });
      names.set(close, `h${lower}`);
      out += `<h${lower} id="${id}"${attributes.replace(/ id="[^"]*"/, "")}>`;
    }
    from = end;
  }
  return { html: out + html.slice(from), headings };
}

const signs: Readonly<Record<string, string>> = {
  ...{ "&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"' },
};

const textOf = (html: string): string =>
  html
    .replace(/<[^>]*>/g, "")
    .replace(/&(?:amp|lt|gt|quot);/g, (sign) => signs[sign] ?? sign)
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, 200);

/** As GitHub makes them. */
const slug = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, "")
    .replaceAll(" ", "-");

function unique(id: string, used: Map<string, number>): string {
  const before = used.get(id);
  used.set(id, (before ?? 0) + 1);
  if (before === undefined) return id;
  const next = `${id}-${before}`;
  return used.has(next) ? unique(next, used) : (used.set(next, 1), next);
}
