export { openCatalog, type CatalogOptions } from "./catalog.ts";
export type * from "./types.ts";
