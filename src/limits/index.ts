export { blockItem, createBlocks, type Block, type Blocks } from "./blocks.ts";
export { createBuckets, type Buckets, type Verdict } from "./buckets.ts";
export type { Allowance } from "./leases.ts";
export { openLimits, type Limits } from "./limits.ts";
