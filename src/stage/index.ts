export { stageKind } from "./kind.ts";
export { createStages } from "./stages.ts";
export type * from "./types.ts";
