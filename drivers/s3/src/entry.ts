import type { ETag, Entry, Key, PutOptions } from "@citadel/core/driver";

// `expires` travels as metadata, because the header of that name knows whole seconds only.
const EXPIRES = "citadel-expires";

/** Names that callers cannot use in `meta`. */
export const reserved: ReadonlySet<string> = new Set([EXPIRES]);

/**
 * Our etag: the server's without quotes, and when the entry expires, so that a condition on an entry that has expired
 * meanwhile is refused without asking.
 */
export function etagOf(tag: string | undefined, expires?: number): ETag {
  const bare = (tag ?? "").replace(/^W\//, "").replaceAll('"', "");
  return expires === undefined ? bare : `${bare}~${expires.toString(36)}`;
}

/** The server's part of our etag, without quotes; undefined when it is none of ours. */
export const tagOf = (etag: ETag): string | undefined =>
  /^([\w.+/=:-]{1,100})(?:~[0-9a-z]{1,11})?$/.exec(etag)?.[1];

/** Whether an entry with this etag has expired. */
export function isPast(etag: ETag): boolean {
  const [, expires] = etag.split("~");
  return expires !== undefined && Number.parseInt(expires, 36) <= Date.now();
}

export const hasExpired = ({ expires }: Pick<Entry, "expires">): boolean =>
  expires !== undefined && expires <= Date.now();

/** What head and get answer. */
interface Answer {
  readonly ETag?: string | undefined;
  readonly LastModified?: Date | undefined;
  readonly Metadata?: Record<string, string> | undefined;
}

/** An entry, expired or not. */
export function entryOf(key: Key, size: number, answer: Answer): Entry {
  const { [EXPIRES]: until, ...meta } = answer.Metadata ?? {};
  const expires = until === undefined ? undefined : Number(until);
  return {
    key,
    etag: etagOf(answer.ETag, expires),
    size,
    modified: answer.LastModified?.getTime() ?? 0,
    ...(expires === undefined ? {} : { expires }),
    ...(Object.keys(meta).length === 0 ? {} : { meta }),
  };
}

/** The metadata of a new object. */
export function metadataOf({
  expires,
  meta,
}: Pick<PutOptions, "expires" | "meta">): Record<string, string> {
  return { ...meta, ...(expires === undefined ? {} : { [EXPIRES]: String(expires) }) };
}
