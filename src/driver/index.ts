export {
  aborted,
  checkDelete,
  checkList,
  checkPut,
  checkRead,
  checkSignal,
  checkWrite,
  rangeOf,
  tooLarge,
} from "./check.ts";
export { checkClock } from "./clock.ts";
export type * from "./driver.ts";
export {
  asking,
  limitsOf,
  once,
  receive,
  replaced,
  whole,
  type Content,
  type Found,
} from "./chunks.ts";
export { StoreError, storeCode, type StoreErrorCode } from "./error.ts";
export { gate, type Gate } from "./gate.ts";
export { incoming } from "./incoming.ts";
export { compressed, type CompressedOptions } from "./compressed.ts";
export { delegate } from "./delegate.ts";
export {
  sealed,
  sealedMeta,
  type SealedOptions,
  type SealingKey,
  type SealingKeys,
} from "./sealed.ts";
export { locked, type Locks } from "./locked.ts";
export { observe, type Call, type Observed, type Operation, type Tally } from "./observe.ts";
export { openDriver, type Schemes } from "./open.ts";
export { persist, tail, type Look, type Position, type Tail } from "./tail.ts";
export { smallBlob, split, type SplitOptions } from "./split.ts";
export { checkKey, prefixEnd, segment } from "./key.ts";
export { update, type Codec, type Doc, type Loaded } from "./update.ts";
