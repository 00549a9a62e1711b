export { countDays, dayOf } from "./days.ts";
export type { Counts, Downloads } from "./downloads.ts";
