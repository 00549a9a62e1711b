import { manifestKey } from "../store/keys.ts";
import type { Kind } from "../store/types.ts";

/** State of `d/advisories/default`: where the advisories lie. */
export interface AdvisoriesState {
  /** shard (two hex digits of the SHA-256 of package names) → name of the stored object */
  readonly shards: Readonly<Record<string, string>>;
  readonly total: number;
  readonly packages: number;
}

export interface AdvisoriesEvent {
  readonly type: "import" | "remove";
  /** that changed; null: gone */
  readonly shards: Readonly<Record<string, string | null>>;
  readonly total: number;
  readonly packages: number;
}

export const noAdvisories: AdvisoriesState = { shards: {}, total: 0, packages: 0 };

/** Advisories: one document, so that a look at it says whether anything has changed, over immutable shards. */
export function advisoriesKind(): Kind<AdvisoriesState, AdvisoriesEvent> {
  return {
    name: "advisories",
    reduce(before = noAdvisories, { shards, total, packages }) {
      const all = Object.entries({ ...before.shards, ...shards }).filter(
        ([, hash]) => hash !== null,
      );
      return { shards: Object.fromEntries(all) as Record<string, string>, total, packages };
    },
    *references({ shards }) {
      for (const hash of Object.values(shards)) yield manifestKey(hash);
    },
  };
}
