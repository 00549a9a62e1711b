export { integrityOf } from "./blobs.ts";
export { copyStore, planCopy, type Copied, type CopyPlan } from "./copy.ts";
export type { CopyConflict } from "./relation.ts";
export { follow, type FollowOptions, type Following } from "./follow.ts";
export {
  commonState,
  compareHistories,
  forward,
  missingOf,
  replant,
  type Histories,
  type Side,
} from "./histories.ts";
export { blobKey, manifestKey } from "./keys.ts";
export { pairs, pool } from "./pairs.ts";
export { openStore, type StoreOptions } from "./store.ts";
export { temporary, type Passing, type Temporary } from "./temporary.ts";
export type * from "./types.ts";
export { namesOf, walk } from "./walk.ts";
