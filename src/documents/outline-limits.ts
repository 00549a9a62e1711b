import { confined } from "./confined.ts";
import { namesOnly, type Outline } from "./outline.ts";
import type { Tree } from "./tree.ts";

/** MB, ms: types can be written that no compiler reads in a lifetime */
const limits = { memory: 1024, patience: 30_000 };

/**
 * What an unpacked package offers, without harm to this process whatever its types do; names alone beyond 20 MiB of types or
 * 30 seconds.
 */
export async function outlineOf(tree: Tree): Promise<Outline> {
  const found = await confined<Outline>(
    new URL("./outline-worker.js", import.meta.url),
    tree,
    limits,
  );
  return found ?? namesOnly(tree, "time");
}
