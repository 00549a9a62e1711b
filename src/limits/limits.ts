import { openDriver, type Driver, type Schemes } from "../driver/index.ts";
import type { Notices } from "../notices/notices.ts";
import { createBlocks, type Blocks } from "./blocks.ts";
import { createBuckets, type Buckets } from "./buckets.ts";
import { shareBuckets } from "./sharing.ts";

/** What keeps single clients from taking all there is. */
export interface Limits {
  readonly buckets: Buckets;
  readonly blocks: Blocks;
  close(): Promise<void>;
}

export interface LimitsOptions {
  /** of the registry */
  readonly driver: Driver;
  /** a Redis that shares the counts instead */
  readonly redis: string | undefined;
  readonly schemes: Schemes;
  readonly notices: Pick<Notices, "note">;
}

/**
 * Counts over Redis where there is one, else over the registry's own store; over S3, where each exchange would cost, every process
 * counts for itself. Blocks are in the registry's store.
 * @throws E_STORE_UNAVAILABLE
 */
export async function openLimits({
  driver,
  redis,
  schemes,
  notices,
}: LimitsOptions): Promise<Limits> {
  const own = redis === undefined ? undefined : await openDriver(redis, schemes);
  const buckets = createBuckets();
  const blocks = createBlocks(driver, notices);
  const over = own ?? (driver.caps.ttl === "none" ? undefined : driver);
  const stop = over && shareBuckets(over, buckets);
  blocks.follow();
  return {
    buckets,
    blocks,
    async close() {
      stop?.();
      blocks.close();
      await own?.close();
    },
  };
}
