export { integrityOf } from "./blobs.ts";
export { blobKey, manifestKey } from "./keys.ts";
export { openStore, type StoreOptions } from "./store.ts";
export type * from "./types.ts";
