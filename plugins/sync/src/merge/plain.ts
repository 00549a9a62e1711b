import type { HeldBack, PackageEvent } from "@citadel/core/registry";
import type { Change, LedgerEntry } from "@citadel/core/store";

/** An event that is what it says: nothing of a batch. */
export type Plain = Exclude<PackageEvent, { readonly type: "reserve" | "settle" }>;

/**
 * The changes of each entry with batches resolved: what was held back counts where its batch was committed. A batch that has not ended
 * must not be in them.
 */
export function plain(
  entries: readonly LedgerEntry<PackageEvent>[],
): readonly (readonly (Change<PackageEvent> & { readonly events: readonly Plain[] })[])[] {
  const pending = new Map<string, HeldBack>();
  return entries.map(({ changes }) =>
    changes.map((change) => ({
      ...change,
      events: change.events.flatMap((event): readonly Plain[] => {
        if (event.type === "reserve") {
          pending.set(event.batch, event.events);
          return [];
        }
        if (event.type !== "settle") return [event];
        return (event.commit && pending.get(event.batch)) || [];
      }),
    })),
  );
}
