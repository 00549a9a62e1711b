import { createTurns, logger, type Citadel } from "@citadel/core";
import { createGuard, type Guard } from "@citadel/core/guard";
import type { ServerVault } from "./vault.ts";

/** Packages that are looked into at once, and bytes of an archive within one: what they unpack to is in memory. */
const atOnce = 2;
const bounds = { packed: 16 * 2 ** 20, unpacked: 64 * 2 ** 20 };

/**
 * H7: what clients publish here must not hold a value of the vault. What only looks like a secret is not looked for: that costs
 * more than the rest of a publish, and the command line does it.
 */
export function createPublishGuard({ settings }: Citadel, vault: ServerVault): Guard {
  const log = logger("guard");
  const turn = createTurns(atOnce);
  const check = createGuard({
    ...{ values: settings.guard.values, patterns: "off", bounds },
    traces: () => vault((opened) => opened.traces()),
    warn: (line) => log(line),
  });
  return (what, content) => turn(() => check(what, content));
}
