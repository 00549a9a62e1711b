export { createHooks, type HooksOptions } from "./hooks.ts";
export type { DeliveryItem } from "./deliveries.ts";
export type * from "./types.ts";
