import { randomUUID } from "node:crypto";
import { LRUCache } from "lru-cache";
import { logger } from "../log.ts";
import type { Driver, Key } from "../driver/driver.ts";

const flushEvery = 10_000;
const prefix = "n/downloads/";
const dayLong = 86_400_000;
/** Documents of other servers and days that are kept parsed. */
const kept = 200;

/** Package → version → downloads. */
export type Counts = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** How often tarballs were fetched. Numbers for people: a process that is killed loses the last ten seconds. */
export interface Downloads {
  /** One more. Costs two look-ups in memory; written every ten seconds, and at the end. */
  note(name: string, version: string): void;
  /** What all servers have counted, day by day (UTC, `2026-11-28`), from `start` to `end`, both included; days without any are left out. */
  read(
    start: string,
    end: string,
  ): AsyncIterable<{ readonly day: string; readonly counts: Counts }>;
  /** Writes what is not written yet. */
  close(): Promise<void>;
}

/** `2026-11-28` */
export const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);

/** What lies under `n/downloads/<day>/<writer>`: one writer each, so that servers count without waiting for each other. */
interface Stored {
  readonly v: 1;
  readonly counts: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export function createDownloads(driver: Driver): Downloads {
  const log = logger("counts");
  const writer = randomUUID().slice(0, 13);
  const parsed = new LRUCache<Key, { readonly etag: string; readonly counts: Counts }>({
    max: kept,
  });
  let counts = new Map<string, Map<string, number>>();
  /** ms since 1970 at which the day of `counts` ends */
  let ends = 0;
  let dirty = false;
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  /** Never rejects: they are only numbers, and the next time writes them all. */
  const save = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    if (!dirty) return writing;
    dirty = false;
    const key = `${prefix}${dayOf(ends - 1)}/${writer}`;
    const body = Buffer.from(textOf(counts));
    writing = writing.then(async () => {
      try {
        await driver.put(key, body);
      } catch (error) {
        dirty = true;
        log("downloads are not written yet", { error });
      }
    });
    return writing;
  };

  const countsOf = async (key: Key, etag: string | undefined): Promise<Counts | undefined> => {
    const known = parsed.get(key);
    if (known && known.etag === etag) return known.counts;
    const item = await driver.get(key);
    const read = item && parse(item.body);
    if (item && read) parsed.set(key, { etag: item.etag, counts: read });
    return read;
  };

  return {
    note(name, version) {
      const now = Date.now();
      if (now >= ends) {
        void save();
        counts = new Map();
        ends = now - (now % dayLong) + dayLong;
      }
      let versions = counts.get(name);
      if (!versions) counts.set(name, (versions = new Map()));
      versions.set(version, (versions.get(version) ?? 0) + 1);
      dirty = true;
      timer ??= setTimeout(() => void save(), flushEvery).unref();
    },

    async *read(start, end) {
      await save();
      let day = "";
      let sum = new Map<string, Map<string, number>>();
      let after: Key | undefined = `${prefix}${start}`;
      do {
        const page = await driver.list({ prefix, after });
        for (const { key, etag } of page.entries) {
          const [of = ""] = key.slice(prefix.length).split("/");
          if (of > end) {
            if (sum.size > 0) yield { day, counts: sum };
            return;
          }
          if (of !== day) {
            if (sum.size > 0) yield { day, counts: sum };
            day = of;
            sum = new Map();
          }
          add(sum, (await countsOf(key, etag)) ?? new Map());
        }
        after = page.next;
      } while (after !== undefined);
      if (sum.size > 0) yield { day, counts: sum };
    },

    close: save,
  };
}

function add(sum: Map<string, Map<string, number>>, more: Counts): void {
  for (const [name, versions] of more) {
    let mine = sum.get(name);
    if (!mine) sum.set(name, (mine = new Map()));
    for (const [version, count] of versions) mine.set(version, (mine.get(version) ?? 0) + count);
  }
}

const textOf = (counts: Counts): string =>
  JSON.stringify({
    v: 1,
    counts: Object.fromEntries(
      Array.from(counts, ([name, versions]) => [name, Object.fromEntries(versions)]),
    ),
  } satisfies Stored);

/** Undefined for what cannot be read: a number that is missing stops nobody. */
function parse(body: Uint8Array): Counts | undefined {
  try {
    const { counts } = JSON.parse(Buffer.from(body).toString()) as Stored;
    return new Map(
      Object.entries(counts).map(([name, versions]) => [name, new Map(Object.entries(versions))]),
    );
  } catch {
    return undefined;
  }
}
