import type { Driver, ETag, Key, OpOptions } from "../driver/driver.ts";

/** Who makes a change and by which door; recorded in every entry. */
export interface Actor {
  /** principal name, `local` for the operating-system user */
  readonly name: string;
  readonly via: "cli" | "npm" | "api" | "system";
  /** client address after trusted proxies */
  readonly address?: string;
}

/** One caller's change inside an entry. */
export interface Change<E> {
  readonly who: Actor;
  /** ms since 1970 */
  readonly at: number;
  readonly events: readonly E[];
  /** of a change that a merge has appended: when it was made in another history, and the write id of its entry there */
  readonly first?: { readonly at: number; readonly id: string };
  /** events of that change that the other history has overruled; kept for the record, they change nothing */
  readonly dropped?: readonly E[];
}

/** `h/<kind>/<name>/<rev, 10 digits>-<id>`: what one move of the document did, chained to the one before. */
export interface LedgerEntry<E> {
  readonly v: 1;
  readonly kind: string;
  readonly name: string;
  readonly rev: number;
  /** write id of this move */
  readonly id: string;
  /** write id and SHA-256 (base64url) of the entry before; null for the first */
  readonly prev: { readonly id: string; readonly sha256: string } | null;
  readonly changes: readonly Change<E>[];
}

/** An entry as it is found in a chain. */
export interface PastEntry<E> extends LedgerEntry<E> {
  /** SHA-256 (base64url) of its stored bytes, which the entry or document after it names */
  readonly sha256: string;
}

/** What a family of documents is made of. All functions are pure. */
export interface Kind<S, E> {
  /** one key segment: `package`, `user`, `token`, `scope` */
  readonly name: string;
  /** Folds one event; returns a new state that shares what did not change. */
  reduce(
    state: S | undefined,
    event: E,
    change: { readonly at: number; readonly who: Actor; readonly name: string },
  ): S;
  /** The state as JSON text; must be cheap for a state that changed little. @default JSON.stringify */
  encode?(state: S): string;
  /** The inverse of `encode` after JSON.parse. @default identity */
  decode?(json: unknown): S;
  /** Keys of blobs and manifests that the state refers to; the collector keeps them. @default none */
  references?(state: S): Iterable<Key>;
  /** A prefix of its own, below which keys end in a SHA-256 (hex): the collector takes what no state refers to. @default none */
  readonly owns?: string;
  /** States that no event changes any more: their documents may be removed, history first. @default none */
  ended?(state: S): boolean;
}

/** A document as read: the state and where it stands. */
export interface Document<S> {
  readonly name: string;
  readonly rev: number;
  readonly etag: ETag;
  /** SHA-256 (base64url) of the newest entry */
  readonly tip: string;
  /** ms since 1970 of the newest change */
  readonly modified: number;
  readonly state: S;
}

export interface Problem {
  /** what is damaged */
  readonly key: Key;
  readonly problem: "missing" | "damaged" | "history" | "state" | "unreadable" | "signature";
  /** one sentence for the operator */
  readonly message: string;
}

/** The only code that changes a document. */
export interface Ledger<S, E> {
  /** The newest state: one head(), and a get() and a parse only when the etag is new to this process. */
  read(name: string, options?: OpOptions): Promise<Document<S> | undefined>;
  /**
   * The same for a server's hot path: calls of one turn of the event loop share one look at the store. Call it only from
   * where a request comes in: what the loop hands out in one turn had arrived before the turn began, so each answer is
   * from after its request, and what this process wrote is seen at once. In a store opened with `trust`, what others wrote
   * is seen that many ms later at most; that there is no such document is never taken on trust.
   */
  glance(name: string): Promise<Document<S> | undefined>;
  /**
   * Reads the document, asks `decide` for events, folds them, writes the entry and moves the document by compare-and-set.
   * `decide` is synchronous, may run several times and throws to refuse; an empty list changes nothing and
   * resolves with the document as it is (undefined when there is none). Changes of one name that arrive while
   * another is being written are folded into one move; each caller gets its own refusal.
   */
  change(
    name: string,
    who: Actor,
    decide: (state: S | undefined) => readonly E[],
  ): Promise<Document<S> | undefined>;
  /** Entries that count (reachable from the tip), newest first; each is checked against the chain. */
  history(name: string): AsyncIterable<PastEntry<E>>;
  /** The state as it was at `time` (ms since 1970), undefined when there was none. */
  asOf(name: string, time: number): Promise<S | undefined>;
  /**
   * Takes a document away for good, with its history, when it is in an end state ({@link Kind.ended}). A crash on the way leaves
   * a document without the beginning of its history, which `verify` allows for such a state.
   * @returns false when it has changed since it was read, or has not ended
   */
  remove(document: Document<S>): Promise<boolean>;
  /** Names in key order with the etag of their documents, where the driver lists etags. */
  list(options?: {
    readonly prefix?: string;
    readonly after?: string;
    readonly limit?: number;
  }): Promise<{
    readonly items: readonly {
      readonly name: string;
      readonly etag?: ETag;
      readonly modified: number;
    }[];
    /** pass as `after` */
    readonly next?: string;
  }>;
}

/** Content to store: whole, or a replayable source of known size. */
export type Content = Uint8Array | { readonly size: number; stream(): AsyncIterable<Uint8Array> };

export interface BlobRef {
  /** `sha512-<base64>` of the plain content */
  readonly integrity: string;
  /** bytes, plain */
  readonly size: number;
}

export interface Blobs {
  /**
   * Stores content under its hash; idempotent. An object older than half the grace time is put again, so that a
   * collection under way cannot take it. `integrity` must be that of `content` (checked by the driver while writing).
   * As durable as the next document that is moved: what no document refers to yet need not survive a power failure.
   */
  put(content: Content, ref: BlobRef): Promise<void>;
  /** All bytes, SHA-512 checked (E_INTEGRITY names the object). Small ones come from a byte-bounded memory cache; do not modify. */
  bytes(ref: BlobRef, options?: OpOptions): Promise<Uint8Array>;
  /**
   * A stream of `start`..`end` (exclusive). A whole read is checked while it streams: the last chunk is held back and the stream
   * errors with E_INTEGRITY when the hash is wrong. Undefined when there is no such blob.
   */
  open(
    ref: BlobRef,
    options?: OpOptions & { readonly start?: number; readonly end?: number },
  ): Promise<ReadableStream<Uint8Array> | undefined>;
  /** The cached bytes when they are in memory; never waits. */
  cached(integrity: string): Uint8Array | undefined;
}

/** Small immutable objects named by SHA-256: version manifests, readmes. */
export interface Manifests {
  /** Returns the base64url SHA-256, which is also the name. Idempotent; refreshes like {@link Blobs.put}. */
  put(bytes: Uint8Array): Promise<string>;
  /** Checked; E_INTEGRITY when damaged, undefined when missing. */
  get(hash: string): Promise<Uint8Array | undefined>;
}

export interface Store {
  readonly driver: Driver;
  readonly blobs: Blobs;
  readonly manifests: Manifests;
  /** Trusts a document, or all, no longer without a look at the store: a hint came that it has changed. */
  doubt(key?: Key): void;
  /** One ledger per kind and store; asking twice gives the same one. */
  ledger<S, E>(kind: Kind<S, E>): Ledger<S, E>;
  /**
   * Removes what no document refers to and is older than `grace` ms: blobs, manifests, entries that lost, expired and
   * temporary things of the driver. Safe beside running publishes as long as `grace` is at least that of the store.
   * `kinds` must hold every kind that refers to blobs or manifests.
   * @throws E_INTEGRITY, with nothing removed, when a document is missing or cannot be read
   */
  collect(options: {
    readonly kinds: readonly Kind<unknown, unknown>[];
    readonly grace: number;
    readonly dryRun?: boolean;
  }): Promise<{ readonly removed: number; readonly bytes: number; readonly keys: readonly Key[] }>;
  /** Recomputes every chain, state, blob and manifest. Yields problems as they are found. */
  verify(options: {
    readonly kinds: readonly Kind<unknown, unknown>[];
    /** only so many documents of each kind, those that changed last, and so many objects of each @default all */
    readonly newest?: number | undefined;
    readonly counted?: (what: "documents" | "entries" | "manifests" | "blobs") => void;
  }): AsyncIterable<Problem>;
  close(): Promise<void>;
}

/** Steps of a publish after which a test may stop the process. */
export type CrashPoint = "blob" | "manifest" | "entry" | "document";
/** Called right after the write that it names. */
export type Crash = (point: CrashPoint) => void;

/** Where a blob lies: `b/sha512/<2 hex>/<128 hex>`. `integrity` is an SRI string with exactly one sha512. */
export type BlobKey = (integrity: string) => Key;
