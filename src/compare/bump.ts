import parse from "semver/functions/parse.js";
import type { Level } from "./change.ts";

/** Before 1.0 every kind of change is one step smaller, as a caret reads it. */
export function bumpFor(base: string, level: Level): "major" | "minor" | "patch" | "prerelease" {
  const from = parse(base, { loose: true });
  if (from && from.prerelease.length > 0) return "prerelease";
  if (from?.major !== 0) return level;
  return level === "major" ? "minor" : "patch";
}
