export { createHooks, type HooksOptions } from "./hooks.ts";
export type * from "./types.ts";
