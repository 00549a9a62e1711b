import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Citadel } from "@citadel/core";
import type { Vault } from "@citadel/core/vault";
import { leftovers } from "./leftovers.ts";

export interface CleanedUp {
  /** objects of the store that nothing refers to */
  readonly objects: { readonly removed: number; readonly bytes: number };
  /** files and folders that killed processes left behind */
  readonly temporary: { readonly removed: number; readonly bytes: number };
  /** entries of caches that have expired */
  readonly cache: { readonly removed: number; readonly bytes: number };
  /** tokens whose time was over for a day */
  readonly tokens: { readonly removed: number };
  /** versions of secrets that expired long enough ago or are no longer kept; `locked`: the vault was not opened */
  readonly secrets: { readonly removed: number; readonly locked: boolean };
  /** bytes of all */
  readonly bytes: number;
  /** what was removed: keys of the store and paths */
  readonly items: readonly string[];
  readonly dryRun: boolean;
}

/**
 * Frees what nothing needs any more and is older than the setting `store.grace`, so that publishes under way are safe.
 * @param vault without it no secrets are looked at
 * @param dryRun finds and counts, removes nothing
 */
export async function cleanUp(
  citadel: Citadel,
  dryRun = false,
  vault?: Pick<Vault, "clean">,
): Promise<CleanedUp> {
  const { grace } = citadel.settings.secrets;
  const versions = (await vault?.clean({ grace, dryRun })) ?? [];
  const { removed, bytes, keys, expiredTokens } = await citadel.collect({ dryRun });
  const old = await leftovers(join(citadel.dirs.cache, "tmp"), citadel.settings.store.grace);
  if (!dryRun) {
    for (const { path } of old) await rm(path, { recursive: true, force: true });
    await (await citadel.catalog()).sync();
  }
  const cache = await sweepCache(citadel, dryRun);
  const spare = old.reduce((sum, each) => sum + each.bytes, 0);
  return {
    objects: { removed, bytes },
    temporary: { removed: old.length, bytes: spare },
    cache,
    tokens: { removed: expiredTokens },
    secrets: {
      removed: versions.reduce((sum, each) => sum + each.versions.length, 0),
      locked: vault === undefined,
    },
    bytes: bytes + spare + cache.bytes,
    items: [
      ...keys,
      ...old.map(({ path }) => path),
      ...versions.map(({ scope, name, versions: ns }) => `${scope}/${name} (${ns.join(", ")})`),
    ],
    dryRun,
  };
}

/** A tier that is down keeps what it has. */
async function sweepCache(citadel: Citadel, dryRun: boolean): Promise<CleanedUp["cache"]> {
  const swept = await (await citadel.cache()).sweep({ dryRun });
  const sum = (key: "entries" | "bytes") => swept.reduce((total, tier) => total + tier[key], 0);
  return { removed: sum("entries"), bytes: sum("bytes") };
}
