import type { Driver, Key } from "../driver/index.ts";
import { parseEntry, type Link } from "./codec.ts";
import { Damage } from "./damage.ts";
import { entryKey } from "./keys.ts";
import type { LedgerEntry, PastEntry } from "./types.ts";

/** An entry as it is stored. */
export interface StoredEntry<E> {
  readonly key: Key;
  readonly bytes: Uint8Array;
  readonly entry: LedgerEntry<E>;
}

/** The entry that `link` leads to, written as revision `rev`. Throws {@link Damage} when it is missing or another. */
export async function readEntry<E>(
  driver: Pick<Driver, "get">,
  kind: string,
  name: string,
  rev: number,
  link: Link,
): Promise<StoredEntry<E>> {
  const key = entryKey(kind, name, rev, link.id);
  const item = await driver.get(key);
  if (!item) throw new Damage("missing", key, `the history entry ${key} is missing`);
  const entry = parseEntry<E>(item.body, key, { kind, name, rev, link });
  return { key, bytes: item.body, entry };
}

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
    const { entry }: StoredEntry<E> = await readEntry<E>(driver, kind, name, at, link);
    yield { ...entry, sha256: link.sha256 };
    link = entry.prev;
  }
}
