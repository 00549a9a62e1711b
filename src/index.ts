export { addressBlocks, plainAddress } from "./addresses.ts";
export * from "./errors.ts";
export type * from "./citadel.ts";
export * from "./config/index.ts";
export { logger, type Logger } from "./log.ts";
export { nearest } from "./nearest.ts";
export { findDrivers, findSchemes, type DriverItem } from "./plugins.ts";
export { discard, replaceFile, withFolder, type Scratch } from "./scratch.ts";
export { createTurns } from "./turns.ts";
