/** A key: 1 to 512 ASCII bytes, segments of `[A-Za-z0-9._~@!$&'()*+,;=%-]+` joined by "/", no segment "." or "..",
 *  no "/" at either end. Anything else (names from users) is percent-encoded by the caller with `segment()`.
 *  Keys below `b/` and `m/` are immutable: whoever writes one twice writes the same bytes. */
export type Key = string;
/** Opaque, at most 128 ASCII bytes. Compare for equality, never parse, never order. */
export type ETag = string;

export interface Entry {
  readonly key: Key;
  readonly etag: ETag;
  /** bytes */
  readonly size: number;
  /** bytes that it takes in the store, where a wrapper keeps it in another size */
  readonly stored?: number;
  /** a wrapper keeps it compressed */
  readonly compressed?: true;
  /** a wrapper keeps it encrypted */
  readonly sealed?: true;
  /** ms since 1970 by the store's clock. For people and garbage collection; never decides who won. */
  readonly modified: number;
  /** absolute ms since 1970; from then on the entry is absent for get, head, read and put conditions */
  readonly expires?: number;
  /** at most 2 KiB of ASCII; set once with the object. Never compare-and-set on meta alone. */
  readonly meta?: Readonly<Record<string, string>>;
}
export interface Item extends Entry {
  readonly body: Uint8Array;
}
export interface Opened extends Entry {
  /** half-open byte range of the object that this stream carries */
  readonly range: { readonly start: number; readonly end: number };
  /** one version from first to last byte, or it fails; cancel() frees the connection or file at once */
  readonly stream: ReadableStream<Uint8Array>;
}
export type ListEntry = Pick<Entry, "key" | "size" | "modified"> &
  /** `meta` is all of it, or absent: it was not told */
  Partial<Pick<Entry, "etag" | "expires" | "meta">>;

export interface OpOptions {
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}
export type Condition =
  | { readonly ifMatch?: ETag; readonly ifAbsent?: never }
  | { readonly ifAbsent?: true; readonly ifMatch?: never };
interface Relaxed {
  /**
   * A power failure may undo it until a later put or write without this is acknowledged by the same store; from then on it is
   * as durable as that one. Saves a sync where a store keeps the order of its writes; others ignore it.
   */
  readonly relaxed?: true;
}
export type PutOptions = OpOptions &
  Condition &
  Relaxed & { readonly expires?: number; readonly meta?: Readonly<Record<string, string>> };
export type WriteOptions = OpOptions &
  Relaxed & {
    readonly ifAbsent?: true;
    /** bytes; checked before the object becomes visible */
    readonly size?: number;
    /** 64 raw bytes; checked before the object becomes visible */
    readonly sha512?: Uint8Array;
    readonly expires?: number;
    readonly meta?: Readonly<Record<string, string>>;
  };
export type DeleteOptions = OpOptions & {
  readonly ifMatch?: ETag;
  /** It, and what was deleted before it, is to leave nothing behind, in a journal of the store either; others ignore it. */
  readonly forget?: true;
};
export type ReadOptions = OpOptions & {
  /** bytes, inclusive @default 0 */
  readonly start?: number;
  /** bytes, exclusive, clamped to the size @default size */
  readonly end?: number;
  readonly ifMatch?: ETag;
};
export type ListOptions = OpOptions & {
  readonly prefix?: string;
  /** exclusive */
  readonly after?: Key;
  /** @default 1000, which is also the most */
  readonly limit?: number;
};

export interface Capabilities {
  /** full: ifMatch and ifAbsent are atomic among everybody who shares the store; create: only ifAbsent;
   *  process: atomic inside this process only; none: conditions are refused with UNSUPPORTED, never ignored */
  readonly cas: "full" | "create" | "process" | "none";
  readonly casDelete: boolean;
  /** write(..., { ifAbsent }) is atomic; otherwise it is checked first and may race */
  readonly casWrite: boolean;
  /** unique: a new etag for every put; content: equal bytes give equal etags */
  readonly etags: "unique" | "content";
  /** what an acknowledged put survives */
  readonly durable: "nothing" | "process" | "power" | "node";
  /** who may open the same store at once */
  readonly shared: "process" | "host" | "network";
  /** native: space is freed without help; lazy: absent at once, freed by sweep(); none: UNSUPPORTED */
  readonly ttl: "native" | "lazy" | "none";
  readonly list: "strong" | "eventual";
  readonly watch: "push" | "poll" | "none";
  readonly ranges: boolean;
  /** bytes that put() takes */
  readonly maxItem: number;
  /** bytes that write() takes */
  readonly maxObject: number;
}

export interface Health {
  readonly ok: boolean;
  readonly latencyMs: number;
  /** that the store takes where it lies, if that is known at once */
  readonly bytes?: number;
  readonly detail: Readonly<Record<string, string | number | boolean>>;
}
export interface Page {
  readonly entries: readonly ListEntry[];
  /** pass as `after` for the next page; absent at the end */
  readonly next?: Key;
}
export type Change =
  | { readonly kind: "changed"; readonly key: Key; readonly cursor: string }
  | { readonly kind: "reset"; readonly cursor: string };

/** What holds the bytes. The contract is `docs/drivers.md`; `@citadel/core/testing` checks it. */
export interface Driver {
  readonly api: 1;
  readonly name: string;
  /** fixed once open() has resolved; found by trying, not by version strings */
  readonly caps: Capabilities;
  open(options?: OpOptions): Promise<void>;
  close(): Promise<void>;
  health(options?: OpOptions): Promise<Health>;

  get(key: Key, options?: OpOptions): Promise<Item | undefined>;
  head(key: Key, options?: OpOptions): Promise<Entry | undefined>;
  put(key: Key, body: Uint8Array, options?: PutOptions): Promise<Entry>;
  delete(key: Key, options?: DeleteOptions): Promise<void>;
  list(options?: ListOptions): Promise<Page>;

  read(key: Key, options?: ReadOptions): Promise<Opened | undefined>;
  write(key: Key, source: AsyncIterable<Uint8Array>, options?: WriteOptions): Promise<Entry>;

  watch?(options: {
    readonly prefix?: string;
    readonly since?: string;
    readonly signal: AbortSignal;
  }): AsyncIterable<Change>;
  /** frees expired entries, abandoned temporary files, uploads and index rows older than `olderThanMs`; safe at any time */
  sweep?(options?: OpOptions & { readonly olderThanMs?: number }): Promise<{ removed: number }>;
}

/** What a driver package's entry exports as `default`: one URL in, one driver out; nothing is touched before open(). */
export type DriverFactory = (url: URL) => Driver;
