import { boundOf } from "../backends.ts";
import { openDriver, type Driver, type Schemes } from "../driver/index.ts";
import type { Notices } from "../notices/notices.ts";
import type { Ledger } from "../store/types.ts";
import { temporary } from "../store/temporary.ts";
import { createBlocks, type Blocks } from "./blocks.ts";
import { createBuckets, type Buckets } from "./buckets.ts";
import type { BlockEvent, BlockState } from "./kind.ts";

/** What keeps single clients from taking all there is. */
export interface Limits {
  readonly buckets: Buckets;
  readonly blocks: Blocks;
  close(): Promise<void>;
}

export interface LimitsOptions {
  /** of the registry's documents */
  readonly driver: Driver;
  /** a Redis that shares the counts instead */
  readonly redis: string | undefined;
  readonly schemes: Schemes;
  readonly notices: Pick<Notices, "note">;
  /** of blocks that administrators make */
  readonly history: Pick<Ledger<BlockState, BlockEvent>, "change">;
}

/**
 * Counts over Redis where there is one, else over the registry's own store where processes share it; over S3, where each exchange
 * would cost, every process counts for itself. Blocks are in the registry's store.
 * @throws E_STORE_UNAVAILABLE
 */
export async function openLimits({
  driver,
  redis,
  schemes,
  notices,
  history,
}: LimitsOptions): Promise<Limits> {
  const own = redis === undefined ? undefined : await openDriver(redis, schemes);
  const over = own ?? driver;
  const together = over.caps.shared !== "process" && boundOf("auto", over.caps) === 0;
  const buckets = createBuckets({
    shared: together ? temporary<number>(over, "limits", { relaxed: true }) : undefined,
  });
  const blocks = createBlocks(driver, notices, history);
  blocks.follow();
  return {
    buckets,
    blocks,
    async close() {
      buckets.close();
      blocks.close();
      await own?.close();
    },
  };
}
