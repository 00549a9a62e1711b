import type { Driver, Key } from "../driver/index.ts";
import type { Background } from "../background.ts";
import { logger } from "../log.ts";
import { walk } from "../store/walk.ts";
import { CACHE } from "./shelf.ts";

/** part of the budget that is left after making room, so that it is not made for every byte */
const LEFT = 0.9;

/** Everything that belongs together and goes together: both objects of a packument, or one tarball. */
interface Unit {
  readonly keys: Key[];
  bytes: number;
  /** ms since 1970 */
  used: number;
}

/**
 * Makes room: what was written or renewed the longest time ago goes first, until the rest fits. Only what came from upstream is
 * looked at; what was published here has no budget and stays.
 * @returns bytes that are there afterwards
 */
export async function evict(
  driver: Driver,
  budget: number,
): Promise<{ readonly bytes: number; readonly removed: number }> {
  const units = new Map<string, Unit>();
  let bytes = 0;
  for await (const { key, size, modified } of walk(driver, CACHE)) {
    const id = key.replace(/\/(?:state|body)$/, "");
    const unit = units.get(id) ?? { keys: [], bytes: 0, used: 0 };
    unit.keys.push(key);
    unit.bytes += size;
    unit.used = Math.max(unit.used, modified);
    units.set(id, unit);
    bytes += size;
  }
  let removed = 0;
  if (bytes <= budget) return { bytes, removed };
  for (const unit of [...units.values()].toSorted((a, b) => a.used - b.used)) {
    if (bytes <= budget * LEFT) break;
    // the state first: bytes that nobody knows of do no harm
    for (const key of unit.keys.toSorted().toReversed()) await driver.delete(key);
    bytes -= unit.bytes;
    removed += unit.keys.length;
  }
  logger("upstream")("made room in the cache", { removed, bytes });
  return { bytes, removed };
}

/** Keeps the cache within its budget while things are written to it. */
export function createKeeper(
  driver: Driver,
  budget: number,
  background: Pick<Background, "run">,
): { wrote(bytes: number): void; idle(): Promise<void> } {
  // the first look comes early: nobody knows what a process finds
  let credit = Math.min(budget / 20, 16 * 2 ** 20);
  let running: Promise<void> | undefined;
  return {
    wrote(bytes) {
      credit -= bytes;
      if (credit > 0 || running) return;
      running = background
        .run("eviction", () => evict(driver, budget))
        .then(({ bytes: there }) => void (credit = Math.max((budget - there) / 2, budget / 20)))
        .catch((error: unknown) => logger("upstream")("no room could be made", { error }))
        .finally(() => (running = undefined));
    },
    async idle() {
      await running;
    },
  };
}
