import type { Asked } from "./exchange.ts";

/**
 * The entity tag in `if-none-match` that stands for the same document, compared weakly; undefined when there is none.
 * @param etag without quotes
 * @param suffixes what may follow it, one per encoding
 */
export function matching(
  field: string,
  etag: string,
  suffixes: readonly string[],
): string | undefined {
  if (field === "*") return etag;
  for (const part of field.split(",")) {
    let tag = part.trim();
    if (tag.startsWith("W/")) tag = tag.slice(2);
    if (tag[0] !== '"' || !tag.startsWith(etag, 1) || tag.at(-1) !== '"') continue;
    const suffix = tag.slice(etag.length + 1, -1);
    if (suffix === "" || suffixes.includes(suffix)) return etag + suffix;
  }
  return undefined;
}

/**
 * The entity tag that a 304 may repeat, or undefined for a whole answer. `if-none-match` decides alone where it is given;
 * dates count in whole seconds; `cache-control: no-cache` asks for a body (pnpm, after it published).
 */
export function notModified(
  asked: Asked,
  etag: string,
  suffixes: readonly string[],
  modified: number,
): string | undefined {
  const tags = asked.header("if-none-match");
  const date = tags === undefined ? asked.header("if-modified-since") : undefined;
  if (tags === undefined && date === undefined) return undefined;
  if (asked.header("cache-control")?.includes("no-cache")) return undefined;
  if (tags !== undefined) return matching(tags, etag, suffixes);
  return Date.parse(date ?? "") >= modified - (modified % 1000) ? etag : undefined;
}

/** Half-open byte range. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * One range of `size` bytes. Several ranges, other units and nonsense mean the whole (undefined), as RFC 9110 allows.
 * @returns "none" when it lies outside
 */
export function rangeOf(field: string, size: number): Range | "none" | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(field.trim());
  if (!match) return undefined;
  const [, first = "", last = ""] = match;
  if (first === "" && last === "") return undefined;
  if (first === "") {
    const length = Math.min(Number(last), size);
    return length === 0 ? "none" : { start: size - length, end: size };
  }
  const start = Number(first);
  const end = last === "" ? size : Math.min(Number(last) + 1, size);
  if (start >= size) return "none";
  return start < end ? { start, end } : undefined;
}
