export { groupsOf, readersOf } from "../access/readers.ts";
export { exportViews, type Exported, type ExportOptions } from "./export.ts";
export type { EdgeToken, Readers, Shard } from "./layout.ts";
