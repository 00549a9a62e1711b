import type { Keyv as KeyvClass } from "keyv";
import type { CacheRow } from "../types.ts";

export interface Size {
  readonly entries: number;
  readonly bytes: number;
}

/** What is known of an entry besides its text; times in ms since 1970, sizes in bytes. */
export interface Label {
  readonly size: number;
  readonly integrity: string;
  readonly fetched: number;
  readonly expires?: number;
}

/** Told about keys that another process invalidated; `*` stands for all. */
export interface Listener {
  heard(key: string): void;
  /** some were missed: whatever is not checked against this shelf may be stale */
  missed(): void;
}

/**
 * The content of one tier that processes share: Keyv, and what Keyv lacks. Everything may fail or hang; what uses it has
 * deadlines. Keys that start with `~` hold marks: a new one at every invalidation, so that an entry counts only as long as
 * the mark is the one it was loaded under.
 */
export interface Shelf {
  get(keys: readonly string[]): Promise<readonly (string | undefined)[]>;
  set(key: string, text: string, label: Label): Promise<void>;
  /** Sets a new mark, deletes the entry, and tells other processes. */
  invalidate(key: string): Promise<void>;
  delete(keys: readonly string[]): Promise<void>;
  /** Empties it, and tells other processes. @returns what it freed */
  clear(): Promise<Size>;
  sweep(dryRun: boolean): Promise<Size>;
  usage(): Promise<Size>;
  /** An entry was of use. Never waits. */
  used(key: string): void;
  /** keys of what was used most, most first */
  popular(limit: number): Promise<readonly string[]>;
  rows(): Promise<readonly CacheRow[]>;
  listen(listener: Listener): Promise<void>;
  /** Gives up a connection that does not answer; the next call makes a new one. */
  abandon?(): void;
  /** entries that this process had to take away to make room */
  readonly evictions: number;
  close(): Promise<void>;
}

/** Marks outlive every fill that could bring something back. */
export const MARK_TTL = 24 * 3_600_000;
/** A tier on disk makes room down to this part of its limit. */
export const ROOM = 0.9;

/** A Keyv that keeps text as it is, with failures that reject: Keyv itself turns them into events and misses. */
export interface TextKeyv {
  get(keys: readonly string[]): Promise<readonly (string | undefined)[]>;
  /** @returns whether there was room for it */
  set(key: string, text: string, expires?: number): Promise<boolean>;
  delete(keys: readonly string[]): Promise<void>;
  clear(): Promise<void>;
  close(): Promise<void>;
}

export function textKeyv(Keyv: typeof KeyvClass, store: object, namespace?: string): TextKeyv {
  const keyv = new Keyv({
    store,
    ...(namespace !== undefined && { namespace }),
    serialization: {
      stringify: (data: unknown) => (data as { value: string }).value,
      parse: <T>(value: string) => ({ value }) as T,
    },
  });
  let failures = 0;
  let last: unknown;
  keyv.on("error", (error: unknown) => {
    failures++;
    last = error;
  });
  const watched = async <T>(work: () => Promise<T>): Promise<T> => {
    const before = failures;
    const result = await work();
    if (failures !== before) throw last;
    return result;
  };
  return {
    get: (keys) => watched(() => keyv.getMany<string>([...keys])),
    async set(key, text, expires) {
      const ttl = expires === undefined ? undefined : expires - Date.now();
      // Keyv would keep it for ever
      if (ttl !== undefined && ttl <= 0) return false;
      return watched(() => keyv.set(key, text, ttl));
    },
    delete: (keys) => watched(async () => void (await keyv.deleteMany([...keys]))),
    clear: () => watched(() => keyv.clear()),
    close: () => keyv.disconnect(),
  };
}
