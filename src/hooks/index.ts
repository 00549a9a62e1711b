export { createHooks, type HooksOptions } from "./hooks.ts";
export { hookKind } from "./kind.ts";
export type * from "./types.ts";
export { startDeliveries, type Deliveries } from "./worker.ts";
