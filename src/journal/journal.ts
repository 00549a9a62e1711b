import { errorCode } from "../errors.ts";
import type { Kind, PastEntry, Store } from "../store/types.ts";

// oxlint-disable-next-line no-explicit-any -- each kind has states and events of its own
export type AnyKind = Kind<any, unknown>;

/** One entry of the history of one document. */
export interface JournalEntry extends PastEntry<unknown> {
  /** ms since 1970 */
  readonly at: number;
}

/** Where an entry stands among all: by time, then by document, then by revision. */
export type Position = Pick<JournalEntry, "at" | "kind" | "name" | "rev">;

export interface JournalOptions {
  readonly kinds: readonly AnyKind[];
  /** only the document of this name */
  readonly name?: string | undefined;
  /** ms since 1970, inclusive */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  /** begin behind this one */
  readonly after?: Position | undefined;
  /** a history that cannot be read further; the others go on */
  readonly damaged: (key: string, error: Error) => void;
}

/** ms by which the clocks of a store and its writers may differ: a driver does not open beyond that */
const skew = 5 * 60_000;
/** histories that are opened together */
const together = 16;

/** A history with the entry that comes next. */
interface Open {
  readonly entry: JournalEntry;
  readonly rest: AsyncIterator<PastEntry<unknown>>;
}

/** Newest first. */
const order = (a: Position, b: Position): number =>
  b.at - a.at || compare(a.kind, b.kind) || compare(a.name, b.name) || b.rev - a.rev;
const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/**
 * All entries of the store that count, newest first, each checked against its chain. Histories are merged and read as far
 * as they are asked for: the store's date of a document tells when its history has to be opened at the latest.
 */
export async function* journal(
  store: Pick<Store, "ledger">,
  { kinds, name, since = 0, until = Infinity, after, damaged }: JournalOptions,
): AsyncGenerator<JournalEntry, void, void> {
  const waiting = await documents(store, kinds, name);
  // newest last, where it is cheap to take away
  const opened: Open[] = [];

  const keep = async (
    kind: string,
    of: string,
    rest: AsyncIterator<PastEntry<unknown>>,
  ): Promise<void> => {
    try {
      const next = await rest.next();
      if (next.done) return;
      const entry = { ...next.value, at: next.value.changes.at(-1)?.at ?? 0 };
      opened.splice(placeOf(opened, entry), 0, { entry, rest });
    } catch (error) {
      const code = errorCode(error);
      if (code !== "E_HISTORY" && code !== "E_INTEGRITY") throw error;
      damaged(`${kind}/${of}`, error as Error);
    }
  };

  for (;;) {
    const newest = opened.at(-1)?.entry.at ?? since;
    if ((waiting.at(-1)?.modified ?? -Infinity) + skew >= newest) {
      const some = waiting.splice(-together);
      await Promise.all(
        some.map(({ kind, name: of }) =>
          keep(kind.name, of, store.ledger(kind).history(of)[Symbol.asyncIterator]()),
        ),
      );
      continue;
    }
    const first = opened.pop();
    if (!first || first.entry.at < since) return;
    const { entry, rest } = first;
    if (entry.at <= until && (!after || order(entry, after) > 0)) yield entry;
    await keep(entry.kind, entry.name, rest);
  }
}

function placeOf(opened: readonly Open[], entry: Position): number {
  let [low, high] = [0, opened.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (order((opened[middle] as Open).entry, entry) > 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A document as a listing tells of it. */
export interface Listed {
  readonly kind: AnyKind;
  readonly name: string;
  /** ms since 1970 by the store's clock */
  readonly modified: number;
  /** changes with the document */
  readonly mark: string;
}

/** Documents, the one that changed last at the end. */
export async function documents(
  store: Pick<Store, "ledger">,
  kinds: readonly AnyKind[],
  name?: string,
): Promise<Listed[]> {
  const found: Listed[] = [];
  for (const kind of kinds) {
    const ledger = store.ledger(kind);
    let after: string | undefined;
    do {
      const page = await ledger.list({
        ...(after !== undefined && { after }),
        ...(name !== undefined && { prefix: name }),
      });
      for (const { name: of, modified, etag } of page.items)
        if (name === undefined || of === name)
          found.push({ kind, name: of, modified, mark: etag ?? String(modified) });
      after = page.next;
    } while (after !== undefined);
  }
  return found.sort((a, b) => a.modified - b.modified);
}

/** A position as text that `--after` takes. */
export const cursorOf = ({ at, kind, name, rev }: Position): string =>
  [at, kind, rev, encodeURIComponent(name)].join(".");

/** @returns undefined for what is no cursor */
export function positionOf(cursor: string): Position | undefined {
  const [, at, kind, rev, name] = /^(\d{1,16})\.([a-z]+)\.(\d{1,10})\.([^\s]+)$/.exec(cursor) ?? [];
  if (at === undefined || kind === undefined || name === undefined) return undefined;
  try {
    return { at: Number(at), kind, name: decodeURIComponent(name), rev: Number(rev) };
  } catch {
    return undefined;
  }
}
