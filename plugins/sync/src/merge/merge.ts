import type { Change, LedgerEntry } from "@citadel/core/store";

export type Taken = "ours" | "theirs";

/** Something that both histories have changed, and not to the same. */
export interface Conflict {
  /** `version 1.2.0`, `tag latest`, `owners` */
  readonly what: string;
  /** what it is here; "" for nothing */
  readonly ours: string;
  /** what it is in the remote store; "" for nothing */
  readonly theirs: string;
}

/** What two histories of one name come together to. */
export interface Merge<E> {
  /** what must be decided; empty when `take` has decided it */
  readonly conflicts: readonly Conflict[];
  /** The changes of own entries as they are appended to the other history, one list for each entry. */
  again(own: readonly LedgerEntry<E>[]): readonly (readonly Change<E>[])[];
}

/** What is to be merged: the state where the histories part, and what became of it here and there. */
export interface Parted<S, E> {
  readonly base: S | undefined;
  readonly ours: S;
  readonly theirs: S;
  readonly own: readonly LedgerEntry<E>[];
  readonly others: readonly LedgerEntry<E>[];
  /** who is right where both have changed the same; undefined: nobody has decided */
  readonly take: Taken | undefined;
}

export type Facets = ReadonlyMap<string, string>;

/** Who decides each facet of the merged state: whoever has changed it; "both" when there is no difference. */
export interface Decided {
  readonly winner: ReadonlyMap<string, Taken>;
  readonly conflicts: readonly Conflict[];
}

/**
 * Compares facet by facet. Where one side has changed something and the other has not, that side is right.
 * @param prefer decides what both have changed, where it can be decided without anybody
 */
export function decide(
  base: Facets,
  ours: Facets,
  theirs: Facets,
  prefer: (
    facet: string,
    ours: string | undefined,
    theirs: string | undefined,
  ) => Taken | undefined,
): Decided {
  const winner = new Map<string, Taken>();
  const conflicts: Conflict[] = [];
  for (const facet of new Set([...base.keys(), ...ours.keys(), ...theirs.keys()])) {
    const [b, o, t] = [base.get(facet), ours.get(facet), theirs.get(facet)];
    if (o === t || o === b) winner.set(facet, "theirs");
    else if (t === b) winner.set(facet, "ours");
    else {
      const preferred = prefer(facet, o, t);
      if (preferred) winner.set(facet, preferred);
      else conflicts.push({ what: facet, ours: o ?? "", theirs: t ?? "" });
    }
  }
  return { winner, conflicts };
}

/** A change as it is appended again, with the events of it that still count. */
export function appended<E>(
  entry: LedgerEntry<E>,
  change: Change<E>,
  events: readonly E[],
  dropped: readonly E[],
): Change<E> {
  const all = [...(change.dropped ?? []), ...dropped];
  const { dropped: _, ...rest } = change;
  return {
    ...rest,
    events,
    first: change.first ?? { at: change.at, id: entry.id },
    ...(all.length > 0 && { dropped: all }),
  };
}
