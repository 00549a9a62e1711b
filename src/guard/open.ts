import type { Citadel } from "../citadel.ts";
import { lazy } from "../lazy.ts";
import { createGuard, type Guard } from "./guard.ts";

/**
 * The guard of the settings for the vault of this store, as far as it opens without asking anybody.
 * @param lenient lets pass what only looks like a secret
 */
export function openGuard(
  citadel: Citadel,
  { lenient, warn }: { readonly lenient: boolean; readonly warn: (line: string) => void },
): Guard {
  const { values, patterns } = citadel.settings.guard;
  const vault = lazy(async () => (await import("../secrets/unasked.ts")).openUnasked(citadel));
  return createGuard({
    ...{ values, warn },
    patterns: lenient && patterns === "refuse" ? "warn" : patterns,
    traces: async () => (await vault()).traces(),
  });
}
