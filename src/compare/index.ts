export { bumpFor } from "./bump.ts";
export { larger, largest, type ApiChange, type Level } from "./change.ts";
export { compareTrees, type TreeComparison } from "./compare-trees.ts";
