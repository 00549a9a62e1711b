import { bumpFor, type TreeComparison } from "@citadel/core/compare";
import { historyOfPackument } from "@citadel/core/documents";
import { generateAsciiGraph, generateMermaid } from "./draw.ts";
import { compareVersions } from "./compare.ts";
import { buildVersionGraph } from "./graph.ts";
import { parseVersion } from "./parse.ts";
import { choices, nextVersion } from "./recommend/next.ts";

/** Loads the compiler only when it is called. */
const compareTarballs = async (old: Uint8Array, now: Uint8Array): Promise<TreeComparison> =>
  (await import("./recommend/compare-tarballs.ts")).compareTarballs(old, now);

/** The library behind the `version:` commands: functions of values, without a registry. `docs/versions.md` shows them. */
export const VersionManager = {
  parseVersion,
  compareVersions,
  buildVersionGraph,
  generateAsciiGraph,
  generateMermaid,
  historyOfPackument,
  nextVersion,
  choices,
  bumpFor,
  compareTarballs,
} as const;
