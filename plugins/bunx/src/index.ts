export { BunXIntegration } from "./integration.ts";
export type { Executed } from "./execute.ts";
export type { ExecuteOptions } from "./options.ts";
export type { Runtime } from "./launch.ts";
export type { Place } from "./registry.ts";
export type { Resolution } from "./resolve.ts";
export type { SourceOptions } from "./source.ts";
