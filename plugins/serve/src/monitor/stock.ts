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
  /** ms since 1970 when a good backup ended; 0: never */
  readonly lastBackup: number;
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

const kept = 60_000;
const keptAfterPublish = 3000;
/** ms between two looks at all that lies here of other registries */
const seldom = 600_000;
/** ms before its end at which a key is said to be expiring */
const soon = 14 * 86_400_000;

/** @param publishes that this process has seen */
export function createStock(citadel: Citadel, publishes: () => number): Stock {
  let counted:
    | { readonly at: number; readonly after: number; readonly item: Promise<StockItem> }
    | undefined;
  let looked = -Infinity;
  let cached: Promise<Cached> = Promise.resolve({ packages: 0, tarballs: 0, bytes: 0 });
  const cachedNow = (now: number): Promise<Cached> => {
    const { upstream } = citadel;
    if (!upstream || now - looked < seldom) return cached;
    looked = now;
    cached = upstream.kept();
    cached.catch(() => (looked = -Infinity));
    return cached;
  };
  return {
    read() {
      const [now, after] = [performance.now(), publishes()];
      const lasts = counted?.after === after ? kept : keptAfterPublish;
      if (counted && now - counted.at < lasts) return counted.item;
      const item = count(citadel, cachedNow(now));
      counted = { at: now, after, item };
      item.catch(() => (counted = undefined));
      return item;
    },
  };
}

export const isExpiring = ({ expires }: { readonly expires: number }): boolean =>
  expires < Date.now() + soon;

async function count(citadel: Citadel, keeping: Promise<Cached>): Promise<StockItem> {
  const { accounts, backends, backups } = citadel;
  const [catalog, limits, cache, hooks] = await Promise.all([
    citadel.current(),
    citadel.limits(),
    citadel.cache.opened(),
    citadel.hooks.opened(),
  ]);
  const { packages, versions, storedBytes, smallBytes } = catalog.stats();
  const [apiKeys, blocks, tiers, webhookQueue, lastBackup, cached, health] = await Promise.all([
    accounts.countKeys(soon),
    limits.blocks.list(),
    cache?.stats(),
    // they are opened as soon as there is one
    hooks?.waiting(),
    (await backups()).last(),
    keeping,
    backends[0]?.driver.health(),
  ]);
  const [documents = "", blobs = documents] = backends.map(({ url }) => schemeOf(url));
  const apart = backends.length > 1;
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
    lastBackup: lastBackup ?? 0,
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
