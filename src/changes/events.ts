import { packageKind } from "../registry/kind.ts";
import type { PackageEvent, PackageState } from "../registry/types.ts";
import type { Actor, Ledger, LedgerEntry } from "../store/types.ts";

/** One event of the history of a package. */
export interface PastEvent {
  readonly rev: number;
  readonly event: PackageEvent;
  readonly who: Actor;
  /** ms since 1970 */
  readonly time: number;
  /** the state before it, where the event says what is and not what has changed */
  readonly before?: PackageState | undefined;
}

/**
 * What became of a package after revision `after`, up to `rev`, in order; from its history, so that nothing has to be remembered.
 * What a batch held back stands where it was committed.
 */
export async function eventsBetween(
  packages: Pick<Ledger<PackageState, PackageEvent>, "history">,
  name: string,
  after: number,
  rev: number,
): Promise<readonly PastEvent[]> {
  const entries: LedgerEntry<PackageEvent>[] = [];
  // some events say what is, not what has changed: then the state before them is needed
  let whole = false;
  for await (const entry of packages.history(name)) {
    if (entry.rev > rev) continue;
    if (entry.rev <= after && !whole) break;
    entries.push(entry);
    whole ||= entry.changes.some(({ events }) => events.some(needsState));
  }
  const { reduce } = packageKind();
  const found: PastEvent[] = [];
  let before: PackageState | undefined;
  for (const { rev: at, changes } of entries.reverse())
    for (const { who, at: time, events } of changes)
      for (const event of events) {
        if (at > after)
          for (const one of committed(event, before))
            found.push({ rev: at, event: one, who, time, before });
        if (whole) before = reduce(before, event, { at: time, who, name });
      }
  return found;
}

const needsState = ({ type }: PackageEvent): boolean => type === "owners" || type === "settle";

const committed = (
  event: PackageEvent,
  before: PackageState | undefined,
): readonly PackageEvent[] => {
  if (event.type !== "settle") return [event];
  return (event.commit ? before?.pending?.get(event.batch) : undefined) ?? [];
};
