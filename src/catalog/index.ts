export { openCatalog, type CatalogOptions } from "./catalog.ts";
export { storedAs, type Stored } from "./stored.ts";
export type * from "./types.ts";
