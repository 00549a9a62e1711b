import type { ScopeEvent, ScopeState } from "@citadel/core/registry";
import { appended, decide, type Facets, type Merge, type Parted } from "./merge.ts";

const facetsOf = (state: ScopeState | undefined): Facets =>
  new Map(state && [["owner", state.founder === undefined ? state.owner : `organisation ${state.owner}`]]); // prettier-ignore

/** Scopes that were claimed on both sides. */
export function mergeScope({
  base,
  ours,
  theirs,
  take,
}: Parted<ScopeState, ScopeEvent>): Merge<ScopeEvent> {
  const { winner, conflicts } = decide(
    facetsOf(base),
    facetsOf(ours),
    facetsOf(theirs),
    () => take,
  );
  const mine = winner.get("owner") === "ours";
  return {
    conflicts,
    again: (own) =>
      own.map((entry) =>
        entry.changes.map((change) =>
          appended(entry, change, mine ? change.events : [], mine ? [] : change.events),
        ),
      ),
  };
}
