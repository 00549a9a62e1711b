import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { CitadelError } from "../errors.ts";
import type { Manifests } from "../store/types.ts";
import type { Advisory } from "./types.ts";

/** Advisories by package. */
export type Shard = ReadonlyMap<string, readonly Advisory[]>;

/** bytes of parsed shards that are kept, as text */
const memory = 64 * 2 ** 20;

/** Which shard a package is in; the same on every server. */
export const shardOf = (name: string): string =>
  createHash("sha256").update(name).digest("hex").slice(0, 2);

export interface Shards {
  load(hash: string): Promise<Shard>;
  /** Returns the name of the stored object. */
  save(advisories: readonly Advisory[]): Promise<string>;
}

/** Shards are immutable, so what is in memory stays right. */
export function createShards(manifests: Manifests): Shards {
  const kept = new LRUCache<string, Shard>({ maxSize: memory });
  const loading = new Map<string, Promise<Shard>>();

  const read = async (hash: string): Promise<Shard> => {
    const bytes = await manifests.get(hash);
    if (!bytes)
      throw new CitadelError("E_INTEGRITY", `the advisories ${hash} are missing from the store`);
    const items = JSON.parse(Buffer.from(bytes).toString()) as readonly Advisory[];
    const shard = Map.groupBy(items, ({ name }) => name);
    kept.set(hash, shard, { size: bytes.byteLength });
    return shard;
  };

  return {
    async load(hash) {
      const known = kept.get(hash);
      if (known) return known;
      let job = loading.get(hash);
      if (!job) {
        job = read(hash).finally(() => loading.delete(hash));
        loading.set(hash, job);
      }
      return job;
    },
    save: (advisories) => manifests.put(Buffer.from(JSON.stringify(advisories.toSorted(byName)))),
  };
}

/** In order of names, then of ids. */
export const byName = (a: Advisory, b: Advisory): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : a.osv < b.osv ? -1 : a.osv > b.osv ? 1 : 0;
