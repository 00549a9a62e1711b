export { createGuard, type Guard, type GuardOptions } from "./guard.ts";
export { openGuard } from "./open.ts";
