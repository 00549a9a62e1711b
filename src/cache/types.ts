/** What is kept of one thing. Times are ms since 1970. */
export interface Cached {
  /** etag of the source that the body was made from */
  readonly etag: string;
  /** when loading it began */
  readonly fetched: number;
  /** until then nobody needs to ask the source; `Infinity` for what never changes */
  readonly fresh: number;
  /** from then on it is gone; absent: it stays until it has to make room */
  readonly expires?: number;
  /** not to be modified */
  readonly body: Uint8Array;
}

/** What a source answered. */
export interface Filled {
  readonly etag: string;
  readonly body: Uint8Array;
  /** ms that it is fresh; a tenth of it at most is taken off at random, so that not everything goes stale at once */
  readonly ttl: number;
  /** ms that it is kept after that, for a source that is asked whether it changed, or does not answer @default a week */
  readonly keep?: number;
}

export interface LoadOptions {
  /** ms that "there is no such thing" is believed, in this process only @default 5000 */
  readonly negative?: number;
}

/**
 * Caches from the nearest to the farthest: memory, Redis, SQLite, files. A tier that fails or is slow is a miss and shows in
 * {@link Cache.stats}; no method rejects because of one, and no read waits longer than the deadline of each tier once.
 */
export interface Cache {
  /** Resolves when every tier is open or has failed to. Needed by nobody who can live with a miss. */
  readonly ready: Promise<void>;
  /** Something whose key says what it is, so that it cannot be stale. */
  get(key: string): Promise<Cached | undefined>;
  /** Keeps such a thing in all tiers. The nearest has it at once; what the promise waits for are the others. */
  put(key: string, value: { readonly etag: string; readonly body: Uint8Array }): Promise<void>;
  /** It was of use to somebody who has it still: the tiers are to keep it. */
  touch(key: string): void;
  /** Takes such a thing away, because nobody will ask for it any more. */
  drop(key: string): Promise<void>;
  /**
   * Something that changes, as fresh as it says. Of all that ask at once, one asks the source: `fill` gets the stale entry,
   * if any, and resolves with undefined when there is no such thing. What it throws, its callers get.
   */
  load(
    key: string,
    fill: (stale: Cached | undefined) => Promise<Filled | undefined>,
    options?: LoadOptions,
  ): Promise<Cached | undefined>;
  /**
   * Forgets something that has changed at its source, in all tiers and processes. A fill that began before is not kept.
   * A tier that is down is told when it is back; if this process ends before, what the tier has lasts until it is stale.
   */
  invalidate(key: string): Promise<void>;
  /** Forgets everything, everywhere. */
  clear(): Promise<readonly Freed[]>;
  /** Removes what has expired. A dry run only counts. What a tier hides by itself as soon as it expires is not counted. */
  sweep(options?: { readonly dryRun?: boolean }): Promise<readonly Freed[]>;
  /** Brings what was used most into memory, as long as it has room. @returns how many entries */
  warm(): Promise<number>;
  stats(): Promise<readonly TierStats[]>;
  /** What this process has asked of each tier since it began, nearest first. Costs nothing. */
  counts(): readonly { readonly tier: string; readonly hits: number; readonly misses: number }[];
  /** What the tiers on disk hold, where they keep account of it. */
  rows(): Promise<readonly CacheRow[]>;
  /** Waits for what is being written, at most a second. */
  close(): Promise<void>;
}

export interface Freed {
  /** `memory`, `redis`, `sqlite`, `file`, or another scheme */
  readonly tier: string;
  readonly entries: number;
  readonly bytes: number;
  /** why a tier could not be asked */
  readonly error?: string;
}

export interface TierStats {
  /** `memory`, `redis`, `sqlite`, `file`, or another scheme */
  readonly tier: string;
  /** without credentials */
  readonly url: string;
  readonly state: "up" | "down";
  readonly error?: string;
  /** of one round trip; absent for memory and for a tier that is down */
  readonly latencyMs?: number;
  /** undefined when it cannot be asked */
  readonly entries: number | undefined;
  readonly bytes: number | undefined;
  /** by all processes of this machine within the last week */
  readonly hits: number;
  readonly misses: number;
  /** `hits / (hits + misses)`; null when nobody asked */
  readonly hitRate: number | null;
  /** entries that made room for others */
  readonly evictions: number;
}

/** One entry as the table `cache` of the catalog has it. Times are ms since 1970. */
export interface CacheRow {
  readonly key: string;
  /** bytes */
  readonly size: number;
  /** `sha256-<base64>` of the body */
  readonly integrity: string;
  readonly timestamp: number;
  /** ms; null for what never expires */
  readonly ttl: number | null;
  readonly access_count: number;
  readonly last_accessed: number;
}
