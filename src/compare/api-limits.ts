import { confined } from "../documents/confined.ts";
import type { Tree } from "../documents/tree.ts";
import { compareApis } from "./api.ts";
import { patch, type ApiChange } from "./change.ts";

/** MB, ms: types can be written that no compiler compares in a lifetime */
const limits = { memory: 1024, patience: 60_000 };

/** The comparison of types; of names alone where types are too intricate to compare, which is said then. */
export async function compareWithinLimits(old: Tree, now: Tree): Promise<ApiChange[]> {
  const found = await confined<ApiChange[]>(
    new URL("./api-worker.js", import.meta.url),
    { old, now },
    limits,
  );
  if (found) return found;
  return [
    ...(await compareApis(old, now, { types: false })),
    patch("types are too intricate to be compared: only names were", "types", false),
  ];
}
