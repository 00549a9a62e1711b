export { createAdvisories } from "./advisories.ts";
export { affectedRanges } from "./ranges.ts";
export { osvSources } from "./sources.ts";
export * from "./types.ts";
