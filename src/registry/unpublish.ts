import prerelease from "semver/functions/prerelease.js";
import rcompare from "semver/functions/rcompare.js";

import { changeRevision, type Context } from "./context.ts";
import { versionNotFound } from "./resolve.ts";
import type { PackageEvent, Registry } from "./types.ts";

/** See {@link Registry.unpublish}. */
export function unpublisher(context: Context): Registry["unpublish"] {
  return async function unpublish(name, versions, caller, { rev } = {}) {
    return changeRevision(context, name, caller, rev, (state) => {
      const gone = new Set(versions === "all" ? state.versions.keys() : versions);
      for (const version of gone)
        if (!state.versions.has(version)) throw versionNotFound(state, version);
      if (gone.size === 0) return [];
      const events: PackageEvent[] = [{ type: "unpublish", versions: [...gone] }];
      // other tags end with their version; without `latest` nothing could be installed by name
      if (gone.has(state.tags.get("latest") ?? "")) {
        const left = newest([...state.versions.keys()].filter((version) => !gone.has(version)));
        if (left !== undefined) events.push({ type: "tag", tag: "latest", version: left });
      }
      return events;
    });
  };
}

/** The newest release, or the newest prerelease where there is no release. */
export function newest(versions: readonly string[]): string | undefined {
  const sorted = versions.toSorted((a, b) => rcompare(a, b, true));
  return sorted.find((version) => prerelease(version, true) === null) ?? sorted[0];
}
