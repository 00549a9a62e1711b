export type * from "./driver.ts";
export { StoreError, storeCode, type StoreErrorCode } from "./error.ts";
export { checkKey, prefixEnd, segment } from "./key.ts";
