export { countDays, dayOf } from "./days.ts";
export type { Counts, Downloads } from "./downloads.ts";
export type { DownloadRecord, Records } from "./records.ts";
export { createTotals, type Total, type Totals } from "./totals.ts";
