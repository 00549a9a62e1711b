export { drawMermaid } from "./mermaid.ts";
export { drawTree, type TreeOptions } from "./tree.ts";
export type { DrawnGraph, DrawnNode } from "./types.ts";
