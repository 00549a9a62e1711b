import type { Citadel } from "@citadel/core";
import type { Freed } from "@citadel/core/cache";

export interface ClearedCache {
  /** by tier, nearest first */
  readonly items: readonly Freed[];
  readonly entries: number;
  readonly bytes: number;
}

/** Empties all cache tiers, for every process that shares them. A tier that is down is one that says so. */
export async function clearCache(citadel: Citadel): Promise<ClearedCache> {
  const items = await (await citadel.cache()).clear();
  await (await citadel.catalog()).noteCache([]);
  const total = (key: "entries" | "bytes") => items.reduce((sum, item) => sum + item[key], 0);
  return { items, entries: total("entries"), bytes: total("bytes") };
}
