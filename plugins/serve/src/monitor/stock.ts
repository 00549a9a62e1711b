import type { Citadel } from "@citadel/core";

/** What is in the registry; counting it costs more than a scrape should. */
export interface StockItem {
  readonly packages: number;
  readonly versions: number;
  /** what lies here of other registries */
  readonly cached: { readonly packages: number; readonly tarballs: number };
  readonly storage: readonly StorageItem[];
  readonly blockedClients: number;
  readonly apiKeys: Awaited<ReturnType<Citadel["accounts"]["countKeys"]>>;
  /** changes and notices that hooks are still to be told of */
  readonly webhookQueue: number;
}

interface StorageItem {
  /** scheme of a store, or name of a tier */
  readonly backend: string;
  readonly kind: "tarball" | "metadata" | "cache";
  readonly bytes: number;
}

export interface Stock {
  /** As it was at most a minute ago; a few seconds, where something was published since. */
  read(): Promise<StockItem>;
}

type Cached = StockItem["cached"] & { readonly bytes: number };
const nothing: Cached = { packages: 0, tarballs: 0, bytes: 0 };

const counting = 60_000;
const countingAfterPublish = 3000;
/** ms between two looks at all that lies here of other registries, and at all tokens */
const seldom = 600_000;
/** ms before its end at which a key is said to be expiring */
const soon = 14 * 86_400_000;

/** @param publishes that this process has seen */
export function createStock(citadel: Citadel, publishes: () => number): Stock {
  let counted:
    | { readonly at: number; readonly after: number; readonly item: Promise<StockItem> }
    | undefined;
  const kept = seldomly(async () => citadel.upstream?.kept() ?? nothing);
  const keys = seldomly(() => citadel.accounts.countKeys(soon));
  return {
    read() {
      const [now, after] = [performance.now(), publishes()];
      const lasts = counted?.after === after ? counting : countingAfterPublish;
      if (counted && now - counted.at < lasts) return counted.item;
      const item = count(citadel, kept(now), keys(now));
      counted = { at: now, after, item };
      item.catch(() => (counted = undefined));
      return item;
    },
  };
}

export const isExpiring = ({ expires }: { readonly expires: number }): boolean =>
  expires < Date.now() + soon;

/** What `work` found at most a while ago. */
function seldomly<T>(work: () => Promise<T>): (now: number) => Promise<T> {
  let found: { readonly at: number; readonly value: Promise<T> } | undefined;
  return (now) => {
    if (found && now - found.at < seldom) return found.value;
    const value = work();
    found = { at: now, value };
    value.catch(() => (found = undefined));
    return value;
  };
}

async function count(
  citadel: Citadel,
  keeping: Promise<Cached>,
  keys: Promise<StockItem["apiKeys"]>,
): Promise<StockItem> {
  const [catalog, limits, cache, hooks] = await Promise.all([
    citadel.current(),
    citadel.limits(),
    citadel.cache.opened(),
    citadel.hooks.opened(),
  ]);
  const { packages, versions, storedBytes, smallBytes } = catalog.stats();
  const [apiKeys, blocks, tiers, webhookQueue, cached, health] = await Promise.all([
    keys,
    limits.blocks.list(),
    cache?.stats(),
    // they are opened as soon as there is one
    hooks?.waiting(),
    keeping,
    citadel.backends[0]?.driver.health(),
  ]);
  const [documents = "", blobs = documents] = citadel.backends.map(({ url }) => schemeOf(url));
  const apart = citadel.backends.length > 1;
  const large = apart ? storedBytes - smallBytes : 0;
  // what is no document, of what the store of documents takes
  const beside = storedBytes - large + (apart ? 0 : cached.bytes);
  return {
    packages,
    versions,
    cached,
    storage: summed([
      { backend: documents, kind: "tarball", bytes: storedBytes - large },
      { backend: blobs, kind: "tarball", bytes: large },
      ...(health?.bytes === undefined
        ? []
        : [{ backend: documents, kind: "metadata" as const, bytes: Math.max(0, health.bytes - beside) }]), // prettier-ignore
      { backend: blobs, kind: "cache", bytes: cached.bytes },
      ...(tiers ?? []).flatMap(({ tier, bytes }) =>
        bytes === undefined ? [] : [{ backend: tier, kind: "cache" as const, bytes }],
      ),
    ]),
    blockedClients: blocks.length,
    apiKeys,
    webhookQueue: webhookQueue ?? 0,
  };
}

const schemeOf = (url: string): string => url.slice(0, url.indexOf(":"));

/** A store and a tier may be of the same sort. */
function summed(items: readonly StorageItem[]): readonly StorageItem[] {
  const all = Map.groupBy(items, ({ backend, kind }) => `${backend} ${kind}`);
  return Array.from(all.values(), ([first, ...more]) => ({
    ...(first as StorageItem),
    bytes: more.reduce((sum, { bytes }) => sum + bytes, first?.bytes ?? 0),
  }));
}
