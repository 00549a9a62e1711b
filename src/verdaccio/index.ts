export { applyRules, type AppliedRules } from "./apply.ts";
export { findVerdaccioConfig, readVerdaccioConfig } from "./config.ts";
export { parseListen } from "./listen.ts";
export { translateRules, type TranslatedRules } from "./rules.ts";
export { translateSettings } from "./settings.ts";
export type { VerdaccioConfig, VerdaccioRule, VerdaccioUplink } from "./types.ts";
