import { siteKind, tokenKind, userKind } from "./access/kinds.ts";
import { memberKind, orgKind } from "./access/org-kind.ts";
import { rulesKind } from "./access/rules-kind.ts";
import { advisoriesKind } from "./advisories/kind.ts";
import { hookKind } from "./hooks/kind.ts";
import { keyKind } from "./keys/kind.ts";
import { blockKind } from "./limits/kind.ts";
import { liveKind } from "./live/kind.ts";
import { policyKind } from "./policy/kind.ts";
import { batchKind } from "./registry/batch/kind.ts";
import { packageKind, scopeKind } from "./registry/kind.ts";
import { stageKind } from "./stage/kind.ts";
import type { Kind } from "./store/types.ts";
import { subscriptionKind } from "./subscriptions/kind.ts";
import { trustKind } from "./trust/kind.ts";
import { quarantineKind } from "./upstream/quarantine.ts";
import { vaultKind } from "./vault/kind.ts";

/** Every kind of document that the core keeps, for the store's `verify` and `collect`. */
// oxlint-disable-next-line no-explicit-any -- each kind has states and events of its own
export function kinds(): readonly Kind<any, any>[] {
  return [
    packageKind(),
    scopeKind(),
    userKind(),
    tokenKind(),
    siteKind(),
    orgKind(),
    memberKind(),
    rulesKind(),
    policyKind(),
    liveKind(),
    blockKind(),
    advisoriesKind(),
    keyKind(),
    batchKind(),
    stageKind(),
    trustKind(),
    quarantineKind(),
    hookKind(),
    vaultKind(),
    subscriptionKind(),
  ];
}
