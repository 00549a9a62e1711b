export { blockItem, createBlocks, type Block, type Blocks } from "./blocks.ts";
export { createBuckets, type Allowance, type Buckets, type Verdict } from "./buckets.ts";
export { openLimits, type Limits } from "./limits.ts";
