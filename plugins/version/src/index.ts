export type { TreeOptions as AsciiOptions } from "@citadel/core/graph";
export type { Comparison } from "./compare.ts";
export type {
  GraphOptions,
  VersionGraph,
  VersionLink,
  VersionNode,
  VersionStatus,
} from "./graph.ts";
export type { HistoryVersion, PackageHistory } from "@citadel/core/documents";
export { VersionManager } from "./manager.ts";
export type { ParsedRange, ParsedVersion } from "./parse.ts";
export type { NextOptions, ReleaseType } from "./recommend/next.ts";
export type { ApiChange, Level, TreeComparison } from "@citadel/core/compare";
