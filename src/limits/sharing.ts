import type { Driver } from "../driver/driver.ts";
import { logger } from "../log.ts";
import { temporary } from "../store/temporary.ts";
import type { Buckets } from "./buckets.ts";

/** ms between two exchanges: what a client may take more than its share of, from each other process, is what fits in it */
const every = 250;

/**
 * Lets the processes over a store fill the same buckets: each tells what was taken, and learns how full they are. Only buckets
 * of which an eighth is used are told about, so that ordinary clients cost nothing. While the store is away each counts for itself.
 * @returns stops it
 */
export function shareBuckets(driver: Driver, buckets: Buckets): () => void {
  const log = logger("limits");
  const shared = temporary<number>(driver, "limits");
  let exchanging = false;

  const tell = async (): Promise<void> => {
    await Promise.all(
      buckets.untold().map(async ([key, level]) => {
        const { max, window } = level.allowance;
        const told = level.untold;
        const full = await shared.change(key, (found) => {
          const now = Date.now();
          const next = Math.max(found?.value ?? 0, now) + (told * window) / max;
          const value = Math.min(next, now + 2 * window);
          return { next: { value, until: value + every }, answer: value };
        });
        level.untold -= told;
        // what was taken while the others were asked comes on top
        level.full = Math.max(level.full, full + (level.untold * window) / max);
      }),
    );
  };
  const timer = setInterval(() => {
    if (exchanging) return;
    exchanging = true;
    void tell()
      .catch((error: unknown) => log("limits are counted here alone", { error }))
      .finally(() => (exchanging = false));
  }, every).unref();
  return () => clearInterval(timer);
}
