import { tarballUrl } from "../registry/views/parts.ts";
import type { Outline, Span } from "./outline.ts";

/** A version that upstream does not have any more and that somebody let through. */
export interface Extra {
  readonly version: string;
  /** its manifest as it was there */
  readonly manifest: { readonly [key: string]: unknown };
  readonly published: number | undefined;
}

/** What of a packument is shown. */
export interface Shown {
  /** versions that are left out */
  readonly hidden: ReadonlySet<string>;
  readonly tags: ReadonlyMap<string, string>;
  readonly extra: readonly Extra[];
}

export interface Rendered {
  readonly bytes: Buffer;
  /** where each version's manifest stands in them */
  readonly manifests: ReadonlyMap<string, Span>;
}

/** Bytes that take the place of others. */
interface Edit extends Span {
  readonly pieces: readonly Uint8Array[];
}

/**
 * The packument as it is served: the bytes that upstream sent, with our addresses in place of its own. Versions, tags and dates are
 * left out where `shown` says so; what stays is not touched.
 */
export function render(source: Buffer, outline: Outline, base: string, shown: Shown): Rendered {
  const { name, releases, versionsAt, tagsAt, timeAt } = outline;
  const { hidden, tags, extra } = shown;
  const untouched = hidden.size === 0 && extra.length === 0 && outline.complete;
  const edits: Edit[] = [];
  const places: { version: string; at: number; size: number }[] = [];

  const pieces: Uint8Array[] = [];
  let size = 0;
  const push = (piece: Uint8Array): void => {
    pieces.push(piece);
    size += piece.length;
  };
  push(opening);
  for (const { version, entry, manifest, tarball } of releases.values()) {
    if (hidden.has(version)) continue;
    if (size > 1) push(comma);
    push(source.subarray(entry.start, manifest.start));
    const at = size;
    const { start, end } = tarball ?? { start: manifest.end, end: manifest.end };
    push(source.subarray(manifest.start, start));
    if (tarball) push(json(tarballUrl(base, name, encodeVersion(version))));
    push(source.subarray(end, manifest.end));
    places.push({ version, at, size: size - at });
  }
  for (const { version, manifest } of extra) {
    if (size > 1) push(comma);
    push(Buffer.from(`${JSON.stringify(version)}:`));
    const at = size;
    const dist = { ...(manifest["dist"] as object) };
    const tarball = tarballUrl(base, name, encodeVersion(version));
    push(json({ ...manifest, dist: { ...dist, tarball } }));
    places.push({ version, at, size: size - at });
  }
  push(closing);
  edits.push({ ...versionsAt, pieces });
  if (tagsAt && !untouched) edits.push({ ...tagsAt, pieces: [json(Object.fromEntries(tags))] });
  if (timeAt && !untouched) edits.push({ ...timeAt, pieces: [times(source, timeAt, shown)] });

  const all: Uint8Array[] = [];
  let from = 0;
  let length = 0;
  let versionsFrom = 0;
  for (const edit of edits.toSorted((a, b) => a.start - b.start)) {
    const before = source.subarray(from, edit.start);
    all.push(before, ...edit.pieces);
    length += before.length;
    if (edit.pieces === pieces) versionsFrom = length;
    for (const piece of edit.pieces) length += piece.length;
    from = edit.end;
  }
  all.push(source.subarray(from));
  const manifests = new Map<string, Span>();
  for (const { version, at, size: long } of places)
    manifests.set(version, { start: versionsFrom + at, end: versionsFrom + at + long });
  return { bytes: Buffer.concat(all), manifests };
}

/** The dates without those of versions that are not shown. */
function times(source: Buffer, { start, end }: Span, { hidden, extra }: Shown): Uint8Array {
  const all = JSON.parse(source.toString("utf8", start, end)) as Record<string, unknown>;
  const kept = Object.entries(all).filter(([key]) => !hidden.has(key));
  for (const { version, published } of extra)
    if (published !== undefined) kept.push([version, new Date(published).toISOString()]);
  return json(Object.fromEntries(kept));
}

/** Build metadata has a plus, which is a blank to some servers. */
const encodeVersion = (version: string): string => version.replaceAll("+", "%2B");
const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const opening = Buffer.from("{");
const closing = Buffer.from("}");
const comma = Buffer.from(",");
