import type { Driver } from "../driver/index.ts";
import { walk } from "../store/walk.ts";
import { CACHE } from "./shelf.ts";

/** What lies here of other registries. */
export interface KeptCounts {
  readonly packages: number;
  readonly tarballs: number;
  readonly bytes: number;
}

/** Looks at every key below which things from upstream lie, as making room does. */
export async function countKept(driver: Driver): Promise<KeptCounts> {
  const counts = { packages: 0, tarballs: 0, bytes: 0 };
  let last = "";
  for await (const { key, size } of walk(driver, CACHE)) {
    counts.bytes += size;
    const [, id, what, name] = /^([^/]+)\/([pt])\/([^/]+)/.exec(key.slice(CACHE.length)) ?? [];
    if (what === "t") counts.tarballs++;
    // what belongs to a package stands together
    else if (what === "p" && last !== (last = `${id}/${name}`)) counts.packages++;
  }
  return counts;
}
