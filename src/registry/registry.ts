import type { Scopes } from "../access/scopes.ts";
import type { Accounts } from "../access/state.ts";
import type { AccessPolicy, Visibility } from "../access/types.ts";
import type { Keys } from "../keys/keys.ts";
import { createStages } from "../stage/stages.ts";
import type { StageLimits } from "../stage/types.ts";
import type { Store } from "../store/types.ts";
import { createBatches } from "./batch/batches.ts";
import { batchKind } from "./batch/kind.ts";
import { claims } from "./claims.ts";
import type { Context } from "./context.ts";
import { deprecator } from "./deprecate.ts";
import { packageKind } from "./kind.ts";
import { ownership } from "./owners.ts";
import { publisher } from "./publish.ts";
import { resolver } from "./resolve.ts";
import { signer } from "./sign.ts";
import { starrer } from "./star.ts";
import { tagger } from "./tag.ts";
import type { Registry, RegistryLimits } from "./types.ts";
import { unpublisher } from "./unpublish.ts";
import { visibility } from "./visibility.ts";

export interface RegistryOptions {
  readonly store: Store;
  readonly accounts: Pick<Accounts, "user">;
  readonly scopes: Pick<Scopes, "holder" | "claim">;
  readonly keys: Pick<Keys, "signVersion">;
  readonly limits: RegistryLimits;
  /** visibility of a new scoped package whose publisher does not say @default "public" */
  readonly scoped?: Visibility;
  readonly stage: StageLimits;
  /** the rules of now */
  readonly policy: () => AccessPolicy | Promise<AccessPolicy>;
  readonly upstreamOf?: Context["upstreamOf"];
  readonly guard?: Context["guard"];
  readonly quota?: Context["quota"];
}

/** The registry over a store: every door publishes, resolves and changes packages through this. */
export function createRegistry(options: RegistryOptions): Registry {
  const { store, accounts, scopes, keys, limits, scoped = "public", policy } = options;
  const { upstreamOf, guard, quota } = options;
  const kind = packageKind();
  const batches = createBatches(store.ledger(kind), store.ledger(batchKind()));
  const { packages } = batches;
  const context: Context = {
    store,
    packages,
    batches,
    scopes,
    accounts,
    keys,
    limits,
    scoped,
    policy,
    ...(upstreamOf && { upstreamOf }),
    ...(guard && { guard }),
    ...(quota && { quota }),
    same: (a, b) => a === b || kind.encode(a) === kind.encode(b),
  };
  const publishing = publisher(context);
  return {
    packages,
    publish: publishing.publish,
    checkPublish: publishing.checkPublish,
    publishBatch: async (inputs, caller) =>
      (await import("./batch/publish.ts")).publishBatch(context, publishing, inputs, caller),
    tidyBatches: batches.tidy,
    stages: createStages({ store, context, publishing, limits: options.stage }),
    ...tagger(context),
    rollback: async (...given) =>
      (await import("./rollback.ts")).roller(context).rollback(...given),
    undoRollback: async (...given) =>
      (await import("./rollback.ts")).roller(context).undoRollback(...given),
    deprecate: deprecator(context),
    unpublish: unpublisher(context),
    setOwners: ownership(context),
    ...visibility(context),
    star: starrer(context),
    sign: signer(context),
    ...resolver(context),
    ...claims(context),
  };
}
