import { join } from "node:path";
import { LRUCache } from "lru-cache";
import type { Dirs } from "../config/settings.ts";
import type { Schemes } from "../driver/index.ts";
import { isOver, seal, unseal, type Sealed } from "./envelope.ts";
import { openTallies, type Counts, type Tally } from "./tally.ts";
import { parseTier, tierOptions } from "./tiers/open.ts";
import type { Size } from "./tiers/shelf.ts";
import { createTier, messageOf, within, type Tier } from "./tiers/tier.ts";
import type { Cache, Cached, Filled, Freed, LoadOptions, TierStats } from "./types.ts";

export interface CacheOptions {
  /** URLs, nearest first; `memory:` is the nearest wherever it stands. `?max=2GB` bounds a tier on disk (1 GB) */
  readonly tiers: readonly string[];
  readonly dirs: Pick<Dirs, "cache">;
  readonly schemes: Schemes;
  /** bytes of the memory tier, unless its URL says otherwise */
  readonly memoryBytes: number;
}

const WEEK = 7 * 24 * 3_600_000;
/** part of a ttl that may be taken off at random */
const JITTER = 0.1;
const NEGATIVE = 5000;
/** ms between two notes of what was counted */
const COUNTING = 5000;
/** ms for what is asked by people */
const OPERATOR = 10_000;
const MEMORY = "memory:";
/** invalidations that a tier is told one by one when it is back; more, and it is emptied */
const MANY = 10_000;

/** What one tier said about a key that can change: its text, if it counts, and the mark to keep a new one under. */
interface Found {
  readonly tier: Tier;
  readonly entry: Sealed | undefined;
  readonly mark: string | undefined;
}

/** A load under way. */
interface Flight {
  readonly result: Promise<Cached | undefined>;
  /** somebody invalidated the key since it began */
  dropped: boolean;
}

/** Opens caches in the background; see {@link Cache}. Reads and writes nothing itself. @throws E_CONFIG */
export function openCache({ tiers: urls, dirs, schemes, memoryBytes }: CacheOptions): Cache {
  const parsed = urls.map(parseTier);
  const near = parsed.find(({ name }) => name === "memory");
  const memory =
    near &&
    new LRUCache<string, Cached>({
      maxSize: Math.max(1, near.max ?? memoryBytes),
      sizeCalculation: sizeOf,
      dispose: (_value, _key, reason) => {
        if (reason === "evict") inMemory.evictions++;
      },
    });
  const inMemory = { hits: 0, misses: 0, evictions: 0 };
  const negative = new LRUCache<string, true>({ max: 10_000 });
  const gets = new Map<string, Promise<Cached | undefined>>();
  const flights = new Map<string, Flight>();
  const writing = new Set<Promise<unknown>>();
  /** what a tier that was down has to be told when it is back */
  const owed = new Map<Tier, Set<string>>();
  /** what was fetched before and can change is not fresh any more: an invalidation may have been missed */
  const doubted = new Map<Tier | undefined, number>();

  const tiers: readonly Tier[] = parsed
    .filter(({ name }) => name !== "memory")
    .map((one) => {
      const tier: Tier = createTier({
        ...tierOptions(one, schemes, dirs.cache),
        back: () => {
          missed(tier);
          for (const key of owed.get(tier) ?? []) background(tell(tier, key));
          background(listen(tier));
        },
      });
      return tier;
    });
  const ready = Promise.all(tiers.map((tier) => tier.ready)).then(async () => {
    await Promise.all(tiers.map(listen));
  });
  const tally = (): Tally => ({
    tiers: Object.fromEntries<Counts>([
      ...(memory ? ([[MEMORY, { ...inMemory }]] as const) : []),
      ...tiers.map(
        ({ url, hits, misses, evictions }) => [url, { hits, misses, evictions }] as const,
      ),
    ]),
    memory: { entries: memory?.size ?? 0, bytes: memory?.calculatedSize ?? 0 },
  });
  const tallies = openTallies(join(dirs.cache, "tally"), tally);
  const counting = setInterval(() => void tallies.save(), COUNTING).unref();

  function background(work: Promise<unknown>): void {
    const quiet = work.catch(() => {});
    writing.add(quiet);
    void quiet.finally(() => writing.delete(quiet));
  }

  function forget(key: string): void {
    memory?.delete(key);
    negative.delete(key);
    const flight = flights.get(key);
    if (flight) flight.dropped = true;
    flights.delete(key);
  }
  function forgetAll(): void {
    for (const key of [...flights.keys()]) forget(key);
    memory?.clear();
    negative.clear();
  }
  function missed(by: Tier): void {
    for (const one of [undefined, ...tiers]) if (one !== by) doubted.set(one, Date.now());
  }
  const listen = (tier: Tier): Promise<unknown> =>
    tier.tell((shelf) =>
      shelf.listen({
        heard(key) {
          if (key === "*") return forgetAll();
          forget(key);
          for (const other of tiers)
            if (other !== tier) background(other.tell((one) => one.delete([key])));
        },
        missed: () => missed(tier),
      }),
    );
  async function tell(tier: Tier, key: string): Promise<void> {
    const keys = owed.get(tier) ?? new Set();
    // nobody is to find the entry meanwhile
    owed.set(tier, keys.add(key));
    if (keys.size > MANY && !keys.has("*")) keys.add("*");
    const told = await tier.tell(async (shelf) => {
      if (key === "*") await shelf.clear();
      else await shelf.invalidate(key);
    });
    if (told) keys.delete(key);
  }

  const isFresh = (entry: Cached, tier?: Tier): boolean =>
    entry.fresh === Infinity ||
    (entry.fresh > Date.now() && entry.fetched > (doubted.get(tier) ?? 0));

  function remembered(key: string): Cached | undefined {
    const entry = memory?.get(key);
    if (!entry || !isOver(entry)) return entry;
    memory?.delete(key);
    return undefined;
  }
  function count(entry: unknown, counts: { hits: number; misses: number }, key: string): void {
    if (entry) {
      counts.hits++;
      for (const tier of tiers) tier.used(key);
    } else counts.misses++;
  }
  async function write(tier: Tier, key: string, entry: Sealed): Promise<void> {
    await tier.tell(async (shelf) => {
      const { text, integrity } = seal(entry);
      const { fetched, expires, body } = entry;
      const size = body.byteLength;
      await shelf.set(key, text, { size, integrity, fetched, ...(expires && { expires }) });
    });
  }

  async function find(key: string): Promise<Cached | undefined> {
    for (const [at, tier] of tiers.entries()) {
      const answer = await tier.ask((shelf) => shelf.get([key]));
      if (!answer) continue;
      const entry = unseal(answer.value[0]);
      count(entry, tier, key);
      if (!entry) continue;
      memory?.set(key, entry);
      for (const nearer of tiers.slice(0, at)) background(write(nearer, key, entry));
      return entry;
    }
    return undefined;
  }

  async function look(key: string, tier: Tier): Promise<Found | undefined> {
    const answer = await tier.ask((shelf) => shelf.get([key, `~${key}`]));
    if (!answer) return undefined;
    const [text, mark] = answer.value;
    const entry = unseal(text);
    const told = owed.get(tier);
    const valid = entry?.mark === mark && !told?.has(key) && !told?.has("*");
    return { tier, entry: valid ? entry : undefined, mark };
  }

  function keep(key: string, { mark: _, ...entry }: Sealed, places: readonly Found[]): void {
    memory?.set(key, entry);
    for (const { tier, mark } of places)
      background(write(tier, key, { ...entry, ...(mark !== undefined && { mark }) }));
  }

  async function fetch(
    key: string,
    fill: (stale: Cached | undefined) => Promise<Filled | undefined>,
    lasting: number,
    flight: () => Flight,
  ): Promise<Cached | undefined> {
    const places: Found[] = [];
    let stale = remembered(key);
    for (const tier of tiers) {
      const found = await look(key, tier);
      if (!found) continue;
      const fresh = found.entry && isFresh(found.entry, tier) ? found.entry : undefined;
      count(fresh, tier, key);
      if (fresh) {
        if (!flight().dropped) keep(key, fresh, places);
        return fresh;
      }
      places.push(found);
      if (found.entry && found.entry.fetched > (stale?.fetched ?? 0)) stale = found.entry;
    }
    const fetched = Date.now();
    const filled = await fill(stale);
    if (!filled) {
      if (!flight().dropped) negative.set(key, true, { ttl: lasting });
      return undefined;
    }
    const { etag, body, ttl, keep: more = WEEK } = filled;
    const fresh = ttl === Infinity ? ttl : fetched + ttl * (1 - Math.random() * JITTER);
    const expires = Number.isFinite(fresh + more) ? { expires: Math.ceil(fresh + more) } : {};
    const entry: Cached = { etag, body, fetched, fresh, ...expires };
    if (!flight().dropped) keep(key, entry, places);
    return entry;
  }

  function load(
    key: string,
    fill: (stale: Cached | undefined) => Promise<Filled | undefined>,
    { negative: lasting = NEGATIVE }: LoadOptions = {},
  ): Promise<Cached | undefined> {
    const underWay = flights.get(key);
    if (underWay) return underWay.result;
    const result = fetch(key, fill, lasting, () => flight).finally(() => {
      if (flights.get(key) === flight) flights.delete(key);
    });
    const flight: Flight = { result, dropped: false };
    flights.set(key, flight);
    return result;
  }

  const each = (work: (tier: Tier) => Promise<Size>): Promise<Freed[]> =>
    Promise.all(
      tiers.map(async (tier) => {
        try {
          return { tier: tier.name, ...(await work(tier)) };
        } catch (error) {
          return { tier: tier.name, entries: 0, bytes: 0, error: messageOf(error) };
        }
      }),
    );

  async function warm(): Promise<number> {
    await ready;
    let brought = 0;
    for (const tier of tiers) {
      const keys = await tier.ask((shelf) => shelf.popular(1000));
      for (const key of keys?.value ?? []) {
        if (!memory) return brought;
        if (memory.has(key) || flights.has(key)) continue;
        const found = await look(key, tier);
        if (!found) break;
        if (!found.entry || !isFresh(found.entry, tier) || memory.has(key)) continue;
        if (memory.calculatedSize + sizeOf(found.entry, key) > memory.maxSize) return brought;
        memory.set(key, found.entry);
        brought++;
      }
    }
    return brought;
  }

  return {
    ready,
    async get(key) {
      const entry = remembered(key);
      if (memory) count(entry, inMemory, key);
      if (entry) return entry;
      let finding = gets.get(key);
      if (!finding) {
        finding = find(key).finally(() => gets.delete(key));
        gets.set(key, finding);
      }
      return finding;
    },
    async put(key, { etag, body }) {
      const entry: Cached = { etag, body, fetched: Date.now(), fresh: Infinity };
      memory?.set(key, entry);
      const all = Promise.all(tiers.map((tier) => write(tier, key, entry)));
      background(all);
      await all;
    },
    touch(key) {
      for (const tier of tiers) tier.used(key);
    },
    async drop(key) {
      memory?.delete(key);
      await Promise.all(tiers.map((tier) => tier.tell((shelf) => shelf.delete([key]))));
    },
    async load(key, fill, options) {
      const entry = remembered(key);
      const fresh = entry && isFresh(entry) ? entry : undefined;
      if (memory) count(fresh, inMemory, key);
      if (fresh) return fresh;
      if (negative.has(key)) return undefined;
      return load(key, fill, options);
    },
    async invalidate(key) {
      forget(key);
      await Promise.all(tiers.map((tier) => tell(tier, key)));
    },
    async clear() {
      const here = { entries: memory?.size ?? 0, bytes: memory?.calculatedSize ?? 0 };
      forgetAll();
      const freed = await each((tier) => tier.patiently((shelf) => shelf.clear(), OPERATOR));
      await tallies.clear();
      return [...(memory ? [{ tier: "memory", ...here }] : []), ...freed];
    },
    async sweep({ dryRun = false } = {}) {
      const before = { entries: memory?.size ?? 0, bytes: memory?.calculatedSize ?? 0 };
      for (const key of [...(memory?.keys() ?? [])]) remembered(key);
      const entries = before.entries - (memory?.size ?? 0);
      const bytes = before.bytes - (memory?.calculatedSize ?? 0);
      const freed = await each((tier) => tier.patiently((shelf) => shelf.sweep(dryRun), OPERATOR));
      return [...(memory ? [{ tier: "memory", entries, bytes }] : []), ...freed];
    },
    warm,
    async stats() {
      const sum = await tallies.sum();
      const numbers = (url: string) => {
        const { hits, misses, evictions } = sum.tiers[url] ?? { hits: 0, misses: 0, evictions: 0 };
        const asked = hits + misses;
        return { hits, misses, hitRate: asked === 0 ? null : hits / asked, evictions };
      };
      const up = { tier: "memory", url: MEMORY, state: "up", ...sum.memory } as const;
      return [
        ...(memory ? [{ ...up, ...numbers(MEMORY) }] : []),
        ...(await Promise.all(
          tiers.map(async (tier) => ({ ...(await measure(tier)), ...numbers(tier.url) })),
        )),
      ];
    },
    counts: () => [
      ...(memory ? [{ tier: "memory", hits: inMemory.hits, misses: inMemory.misses }] : []),
      ...tiers.map(({ name, hits, misses }) => ({ tier: name, hits, misses })),
    ],
    rows: async () => (await Promise.all(tiers.map(rowsOf))).flat(),
    async close() {
      clearInterval(counting);
      await within(1000, Promise.all(writing)).catch(() => {});
      forgetAll();
      await tallies.save();
      await Promise.all(tiers.map((tier) => tier.close()));
    },
  };
}

const sizeOf = ({ body }: Cached, key: string): number => body.byteLength + 2 * key.length + 256;

type Measured = Omit<TierStats, "hits" | "misses" | "hitRate" | "evictions">;

async function measure(tier: Tier): Promise<Measured> {
  const { name, url } = tier;
  try {
    // opening is no part of the latency
    await tier.patiently(async () => {});
    const start = performance.now();
    await tier.patiently((shelf) => shelf.get(["~"]));
    const latencyMs = performance.now() - start;
    const size = await tier.patiently((shelf) => shelf.usage(), OPERATOR);
    return { tier: name, url, state: "up", latencyMs, ...size };
  } catch (error) {
    const entries = undefined;
    return { tier: name, url, state: "down", error: messageOf(error), entries, bytes: entries };
  }
}

const rowsOf = async (tier: Tier) => {
  try {
    return await tier.patiently((shelf) => shelf.rows());
  } catch {
    return [];
  }
};
