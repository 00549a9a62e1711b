import { describeEvent } from "./events.ts";
import type { JournalEntry } from "./journal.ts";

/** One change as `citadel log --json` prints it. Several people's changes can share an entry and its hash. */
export interface LogItem {
  /** ISO 8601 */
  readonly time: string;
  readonly kind: string;
  readonly name: string;
  readonly rev: number;
  /** SHA-256 (base64url) of the entry, and of the one before; null for the first */
  readonly hash: string;
  readonly prev: string | null;
  readonly who: string;
  readonly via: string;
  readonly address?: string;
  readonly events: readonly { readonly type: string; readonly text: string }[];
}

/** The changes of an entry, newest first. @param who only those of this principal */
export function itemsOf(entry: JournalEntry, who?: string): LogItem[] {
  const { kind, name, rev, sha256, prev } = entry;
  return entry.changes
    .filter((change) => who === undefined || change.who.name === who)
    .map((change) => ({
      time: new Date(change.at).toISOString(),
      kind,
      name,
      rev,
      hash: sha256,
      prev: prev?.sha256 ?? null,
      who: change.who.name,
      via: change.who.via,
      ...(change.who.address !== undefined && { address: change.who.address }),
      events: change.events.map((event) => ({
        type: (event as { type?: string }).type ?? "change",
        text: describeEvent(kind, event),
      })),
    }))
    .toReversed();
}
