export * from "./errors.ts";
export type * from "./citadel.ts";
