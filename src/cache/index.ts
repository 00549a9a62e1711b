export { openCache, type CacheOptions } from "./cache.ts";
export { keyvStore, type KeyvStore, type KeyvStoreOptions } from "./keyv-store.ts";
export type * from "./types.ts";
