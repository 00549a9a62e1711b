import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Change, Driver, ListEntry } from "../../driver/index.ts";
import { keyvStore } from "../keyv-store.ts";
import type { CacheRow } from "../types.ts";
import { MARK_TTL, ROOM, textKeyv, type Listener, type Shelf, type Size } from "./shelf.ts";

const prefix = "c/citadel/";
/** where keys that start with `~` lie */
const marks = `${prefix}%7E`;

/** A tier in any driver, bounded by `most` bytes: what was written or, in this process, used longest ago makes room. */
export async function driverShelf(driver: Driver, most: number): Promise<Shelf> {
  const { Keyv } = await import("keyv");
  const keyv = textKeyv(Keyv, keyvStore(driver, { prefix }));
  const me = randomUUID();
  const seen = new Map<string, { count: number; last: number }>();
  const closing = new AbortController();
  let listening: Promise<void> | undefined;
  let grown = Infinity; // at the start nobody knows how much there is
  let evictions = 0;
  let room: Promise<void> | undefined;

  async function* entries(): AsyncGenerator<ListEntry> {
    let after: string | undefined;
    do {
      const page = await driver.list({ prefix, ...(after && { after }) });
      yield* page.entries.filter(({ key }) => !key.startsWith(marks));
      after = page.next;
    } while (after !== undefined);
  }
  const usage = async (): Promise<Size> => {
    const size = { entries: 0, bytes: 0 };
    for await (const entry of entries()) {
      size.entries++;
      size.bytes += entry.size;
    }
    return size;
  };
  const nameOf = (entry: ListEntry): string => decodeURIComponent(entry.key.slice(prefix.length));
  const lastUse = (entry: ListEntry): number =>
    Math.max(entry.modified, seen.get(nameOf(entry))?.last ?? 0);

  /** The feed of the driver tells others. */
  const mark = (key: string): Promise<boolean> =>
    keyv.set(`~${key}`, `${me} ${randomUUID()}`, Date.now() + MARK_TTL);

  async function makeRoom(): Promise<void> {
    grown = 0;
    const all = await Array.fromAsync(entries());
    let bytes = all.reduce((sum, entry) => sum + entry.size, 0);
    if (bytes <= most) return;
    for (const entry of all.toSorted((a, b) => lastUse(a) - lastUse(b))) {
      if (bytes <= most * ROOM) return;
      await driver.delete(entry.key);
      seen.delete(nameOf(entry));
      bytes -= entry.size;
      evictions++;
    }
  }

  async function hear(watch: () => AsyncIterable<Change>, listener: Listener): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        for await (const change of watch()) {
          if (change.kind === "reset") listener.missed();
          else await pass(change.key, listener);
        }
      } catch {
        // the store is failing: whoever reads it finds out
      }
      listener.missed();
      await sleep(1000, undefined, { signal: closing.signal, ref: false }).catch(() => {});
    }
  }
  async function pass(key: string, listener: Listener): Promise<void> {
    const name = decodeURIComponent(key.slice(prefix.length));
    const [mark] = await keyv.get([name]);
    if (mark !== undefined && !mark.startsWith(me)) listener.heard(name.slice(1));
  }

  return {
    get: keyv.get,
    async set(key, text, { expires }) {
      if (text.length > most) return;
      await keyv.set(key, text, expires);
      grown += text.length;
      if (grown > most / 20) room = makeRoom().catch(() => {}); // whoever uses the tier next finds out
    },
    async invalidate(key) {
      await mark(key);
      await keyv.delete([key]);
    },
    delete: keyv.delete,
    async clear() {
      const before = await usage();
      await keyv.clear();
      await mark("*");
      seen.clear();
      return before;
    },
    async sweep(dryRun) {
      if (!dryRun) await driver.sweep?.();
      return { entries: 0, bytes: 0 }; // what has expired is in no list
    },
    usage,
    used(key) {
      const { count = 0 } = seen.get(key) ?? {};
      seen.delete(key);
      seen.set(key, { count: count + 1, last: Date.now() });
      if (seen.size > 10_000) seen.delete(seen.keys().next().value ?? "");
    },
    async popular(limit) {
      const all = await Array.fromAsync(entries());
      return all
        .toSorted((a, b) => lastUse(b) - lastUse(a))
        .slice(0, limit)
        .map(nameOf);
    },
    async rows(): Promise<readonly CacheRow[]> {
      return [];
    },
    async listen(listener) {
      const { watch } = driver;
      if (!watch || listening) return;
      listening = hear(() => watch({ prefix: marks, signal: closing.signal }), listener);
    },
    get evictions() {
      return evictions;
    },
    async close() {
      closing.abort();
      await Promise.all([listening, room]);
      await keyv.close();
    },
  };
}
