import { follow } from "../store/follow.ts";
import type { Store } from "../store/types.ts";
import { documents, type AnyKind, type JournalEntry, type Listed } from "./journal.ts";

/** ms between two looks at everything: without, and with a store that tells of its changes */
const looks = { deaf: 2000, hearing: 15_000 };
/** documents read at once */
const together = 32;

/** Which revision of each document is known. */
type Known = Map<string, { mark: string; rev: number }>;

/** Entries as they come. Nothing is told twice or left out, however late the store tells of a change. */
export interface Tail {
  /** From the moment of {@link openTail} on, oldest first, until `signal` is aborted. */
  entries(signal: AbortSignal): AsyncGenerator<JournalEntry, void, void>;
}

/** Remembers where each document stands. @param name only the document of this name */
export async function openTail(
  store: Store,
  kinds: readonly AnyKind[],
  name?: string,
): Promise<Tail> {
  const known: Known = new Map();
  const all = await documents(store, kinds, name);
  for (let at = 0; at < all.length; at += together)
    await Promise.all(
      all.slice(at, at + together).map(async ({ kind, name: of, mark }) => {
        const rev = (await store.ledger(kind).read(of))?.rev ?? 0;
        known.set(`${kind.name}/${of}`, { mark, rev });
      }),
    );

  return {
    async *entries(signal) {
      let wake = (): void => {};
      const told = follow({
        driver: store.driver,
        prefix: "d/",
        changed: () => wake(),
        reset: () => wake(),
      });
      try {
        while (!signal.aborted) {
          const changed = (await documents(store, kinds, name)).filter(
            ({ kind, name: of, mark }) => known.get(`${kind.name}/${of}`)?.mark !== mark,
          );
          const found = await Promise.all(changed.map((one) => since(store, one, known)));
          yield* found.flat().sort((a, b) => a.at - b.at);
          if (changed.length > 0) continue; // something may have come while this was told
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, told.alive ? looks.hearing : looks.deaf);
            wake = () => (clearTimeout(timer), resolve());
            signal.addEventListener("abort", wake, { once: true });
            if (signal.aborted) wake();
          });
        }
      } finally {
        await told.stop();
      }
    },
  };
}

/** What became of a document after the revision that is known, newest first. */
async function since(
  store: Store,
  { kind, name, mark }: Listed,
  known: Known,
): Promise<JournalEntry[]> {
  const key = `${kind.name}/${name}`;
  const before = known.get(key)?.rev ?? 0;
  const found: JournalEntry[] = [];
  for await (const entry of store.ledger(kind).history(name)) {
    if (entry.rev <= before) break;
    found.push({ ...entry, at: entry.changes.at(-1)?.at ?? 0 });
  }
  known.set(key, { mark, rev: found[0]?.rev ?? before });
  return found.toReversed();
}
