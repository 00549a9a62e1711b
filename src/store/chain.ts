import type { Driver } from "../driver/index.ts";
import { parseEntry, type Link } from "./codec.ts";
import { Damage } from "./damage.ts";
import { entryKey } from "./keys.ts";
import type { LedgerEntry, PastEntry } from "./types.ts";

/**
 * The entries from `tip` (written as revision `rev`) back to the first, each checked against the link that led to it.
 * Throws {@link Damage} where the chain breaks.
 */
export async function* chain<E>(
  driver: Driver,
  kind: string,
  name: string,
  { rev, tip }: { readonly rev: number; readonly tip: Link },
): AsyncGenerator<PastEntry<E>, void, void> {
  for (let link: Link | null = tip, at = rev; link; at--) {
    const key = entryKey(kind, name, at, link.id);
    const item = await driver.get(key);
    if (!item) throw new Damage("missing", key, `the history entry ${key} is missing`);
    const entry: LedgerEntry<E> = parseEntry<E>(item.body, key, { kind, name, rev: at, link });
    yield { ...entry, sha256: link.sha256 };
    link = entry.prev;
  }
}
