export { findVerdaccioConfig, readVerdaccioConfig } from "./config.ts";
export type { VerdaccioConfig, VerdaccioRule, VerdaccioUplink } from "./types.ts";
