export { openCatalog, type CatalogOptions } from "./catalog.ts";
export { needKinds, needsOf, type Need, type NeedKind } from "./summary.ts";
export { packages } from "./pages.ts";
export { storedAs, type Stored } from "./stored.ts";
export type { SecretRow, SecretStats } from "./secret-rows.ts";
export type * from "./types.ts";
