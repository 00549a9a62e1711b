import rsort from "semver/functions/rsort.js";
import satisfies from "semver/functions/satisfies.js";
import type { PackageHistory } from "@citadel/core/documents";

/** The versions of a package that fit a version or range, highest first. */
export function matchingVersions({ versions }: PackageHistory, range: string): string[] {
  const fitting = versions
    .filter(({ version, removed }) => !removed && satisfies(version, range, { loose: true }))
    .map(({ version }) => version);
  return rsort(fitting, true);
}
