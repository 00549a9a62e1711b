import type { Citadel } from "@citadel/core";

/** What is in the registry; counting it costs more than a scrape should. */
export interface StockItem {
  readonly packages: number;
  readonly versions: number;
  readonly storage: readonly {
    /** scheme of a store, or name of a tier */
    readonly backend: string;
    readonly kind: "tarball" | "cache";
    readonly bytes: number;
  }[];
  readonly blockedClients: number;
  readonly apiKeys: { readonly active: number; readonly expiring: number };
}

export interface Stock {
  /** As it was at most a minute ago; a few seconds, where something was published since. */
  read(): Promise<StockItem>;
}

const kept = 60_000;
const keptAfterPublish = 3000;
/** ms before its end at which a key is said to be expiring */
const soon = 14 * 86_400_000;

/** @param publishes that this process has seen */
export function createStock(citadel: Citadel, publishes: () => number): Stock {
  let counted:
    | { readonly at: number; readonly after: number; readonly item: Promise<StockItem> }
    | undefined;
  return {
    read() {
      const [now, after] = [performance.now(), publishes()];
      const lasts = counted?.after === after ? kept : keptAfterPublish;
      if (counted && now - counted.at < lasts) return counted.item;
      const item = count(citadel);
      counted = { at: now, after, item };
      item.catch(() => (counted = undefined));
      return item;
    },
  };
}

export const isExpiring = ({ expires }: { readonly expires: number }): boolean =>
  expires < Date.now() + soon;

async function count(citadel: Citadel): Promise<StockItem> {
  const [catalog, keys, limits, cache] = await Promise.all([
    citadel.current(),
    citadel.apiKeys(),
    citadel.limits(),
    citadel.cache.opened(),
  ]);
  const { packages, versions, storedBytes } = catalog.stats();
  const [all, blocks, tiers] = await Promise.all([
    keys.list(),
    limits.blocks.list(),
    cache?.stats(),
  ]);
  const expiring = all.filter(isExpiring).length;
  const scheme = new URL(citadel.settings.store.blobs).protocol.slice(0, -1);
  return {
    packages,
    versions,
    storage: [
      { backend: scheme, kind: "tarball", bytes: storedBytes },
      ...(tiers ?? []).flatMap(({ tier, bytes }) =>
        bytes === undefined ? [] : [{ backend: tier, kind: "cache" as const, bytes }],
      ),
    ],
    blockedClients: blocks.length,
    apiKeys: { active: all.length - expiring, expiring },
  };
}
