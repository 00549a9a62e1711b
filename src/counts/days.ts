import { randomUUID } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Driver, ETag, Key } from "../driver/driver.ts";
import { logger } from "../log.ts";
import { walk } from "../store/walk.ts";

const flushEvery = 10_000;
const dayLong = 86_400_000;
/** Bytes, as stored, of other writers' numbers that are kept parsed. */
const kept = 4 << 20;

/** `2026-11-28`, UTC */
export const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);

/**
 * Numbers for people, day by day. Each process writes its own objects, so that no two ever wait for each other, every ten seconds
 * and at the end; what was counted is the sum over all of them. A process that is killed loses the last ten seconds.
 */
export interface Days<T> {
  /** What this process has counted today, to be added to right away. Costs nothing but memory. */
  today(): T;
  /** The same in a further object of today, for one that has grown large; undefined when there are `most` of them. */
  further(most: number): T | undefined;
  /** What all processes have counted, in the order of days, `start` and `end` included; a day comes as often as it has objects. */
  read(range?: {
    readonly start?: string;
    readonly end?: string;
  }): AsyncGenerator<{ readonly day: string; readonly counts: T }, void, void>;
  /** Writes what is not written yet. */
  close(): Promise<void>;
}

export interface DaysOptions<T> {
  /** one key segment: objects lie at `n/<name>/<day>/<process>-<part>` */
  readonly name: string;
  /** days that are remembered @default all */
  readonly days?: number;
  /** Does a write; for who counts how they go. */
  writing?<R>(write: () => Promise<R>): Promise<R>;
  empty(): T;
  /** as JSON */
  encode(counts: T): unknown;
  /** throws for what it cannot read: a number that is missing stops nobody */
  decode(json: unknown): T;
}

export function countDays<T>(
  driver: Driver,
  {
    name,
    days = Infinity,
    writing: around = (write) => write(),
    empty,
    encode,
    decode,
  }: DaysOptions<T>,
): Days<T> {
  const log = logger("counts");
  const prefix = `n/${name}/`;
  const writer = randomUUID().slice(0, 13);
  const parsed = new LRUCache<Key, { readonly etag: ETag; readonly counts: T }>({ maxSize: kept });
  let counts = empty();
  let part = 0;
  /** ms since 1970 at which the day of `counts` ends */
  let ends = 0;
  let dirty = false;
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  const dayIn = (key: Key): string => key.slice(prefix.length).split("/", 1)[0] ?? "";

  /** Never rejects: the next time writes them all. */
  const then = (work: () => Promise<unknown>, failed: () => void): Promise<void> =>
    (writing = writing
      .then(work)
      .then(() => {})
      .catch((error: unknown) => {
        failed();
        log(`${name}: not written yet`, { error });
      }));

  const save = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    if (!dirty) return writing;
    dirty = false;
    const key = `${prefix}${dayOf(ends - 1)}/${writer}-${String(part).padStart(3, "0")}`;
    const body = Buffer.from(JSON.stringify(encode(counts)));
    return then(
      () => around(() => driver.put(key, body, { relaxed: true })),
      () => (dirty = true),
    );
  };

  const forget = async (before: string): Promise<void> => {
    for await (const { key } of walk(driver, prefix)) {
      if (dayIn(key) >= before) return;
      await driver.delete(key);
    }
  };

  const touched = (): T => {
    dirty = true;
    timer ??= setTimeout(() => void save(), flushEvery).unref();
    return counts;
  };

  const begin = (): void => {
    void save();
    counts = empty();
  };

  const read = async (key: Key, etag: ETag | undefined): Promise<T | undefined> => {
    const known = parsed.get(key);
    if (known && known.etag === etag) return known.counts;
    const item = await driver.get(key);
    if (!item) return undefined;
    try {
      const found = decode(JSON.parse(Buffer.from(item.body).toString()));
      parsed.set(key, { etag: item.etag, counts: found }, { size: item.size || 1 });
      return found;
    } catch (error) {
      log(`${name}: not read`, { key, error });
      return undefined;
    }
  };

  return {
    today() {
      const now = Date.now();
      if (now >= ends) {
        begin();
        part = 0;
        ends = now - (now % dayLong) + dayLong;
        if (days < Infinity)
          void then(
            () => forget(dayOf(now - days * dayLong)),
            () => {},
          );
      }
      return touched();
    },

    further(most) {
      if (part + 1 >= most) return undefined;
      begin();
      part++;
      return touched();
    },

    async *read({ start, end } = {}) {
      await save();
      const from = start ?? (days < Infinity ? dayOf(Date.now() - days * dayLong) : undefined);
      const after = from === undefined ? undefined : prefix + from;
      for await (const { key, etag } of walk(driver, prefix, after)) {
        const day = dayIn(key);
        if (end !== undefined && day > end) return;
        const found = await read(key, etag);
        if (found !== undefined) yield { day, counts: found };
      }
    },

    close: save,
  };
}
