import type { Tree } from "../documents/tree.ts";
import { compareWithinLimits } from "./api-limits.ts";
import { largest, type ApiChange, type Level } from "./change.ts";
import { compareManifests } from "./manifest.ts";

/** What two states of a package are to each other. */
export interface TreeComparison {
  /** the largest of all changes */
  readonly level: Level;
  /** no change needs a look that could make the level wrong */
  readonly proven: boolean;
  /** the largest first */
  readonly changes: readonly ApiChange[];
}

const rank: readonly Level[] = ["major", "minor", "patch"];

/** Compares what can be imported, run and relied on. */
export async function compareTrees(old: Tree, now: Tree): Promise<TreeComparison> {
  const found = [...compareManifests(old, now), ...(await compareWithinLimits(old, now))];
  const changes = found.toSorted(
    (a, b) => rank.indexOf(a.level) - rank.indexOf(b.level) || Number(b.proven) - Number(a.proven),
  );
  const level = largest(changes.map((one) => one.level));
  // nothing is larger than a proven major; below that, whatever is in doubt may be
  const proven =
    level === "major"
      ? changes.some((one) => one.level === "major" && one.proven)
      : changes.every((one) => one.proven);
  return { level, proven, changes };
}
