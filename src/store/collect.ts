import { storeCode, type Driver, type Key, type ListEntry } from "../driver/index.ts";
import { chain } from "./chain.ts";
import { documentCodec, type Stored } from "./codec.ts";
import { Damage } from "./damage.ts";
import { documentKey, parseEntryKey } from "./keys.ts";
import type { Kind, Store } from "./types.ts";
import { groups, walk } from "./walk.ts";

/**
 * {@link Store.collect}. Why nothing is lost to a publish beside it: only what is older than `grace` *before* the first
 * document is read can go. Whoever used such a thing without putting it again saw it younger than half the grace time,
 * and has moved its document long since, so the reading below sees the reference; everybody else puts it again, which
 * makes it young, and that is looked at right before it is removed.
 *
 * @throws E_INTEGRITY, with nothing removed, when a document cannot be read: nobody knows what it refers to
 */
export async function collect(
  driver: Driver,
  { kinds, grace, dryRun = false }: Parameters<Store["collect"]>[0],
): ReturnType<Store["collect"]> {
  const before = Date.now() - grace;
  const keys: Key[] = [];
  let bytes = 0;

  const remove = async ({ key }: ListEntry): Promise<void> => {
    const now = await driver.head(key);
    if (!now || now.modified >= before) return;
    try {
      if (!dryRun) await driver.delete(key, driver.caps.casDelete ? { ifMatch: now.etag } : {});
    } catch (error) {
      // put again meanwhile: somebody is about to use it
      if (storeCode(error) === "CONFLICT") return;
      throw error;
    }
    keys.push(key);
    bytes += now.stored ?? now.size;
  };

  const used = fingerprints();
  const losers: ListEntry[] = [];
  for (const kind of kinds) {
    const revisions = await readDocuments(driver, kind, used.add);
    for await (const loser of losingEntries(driver, kind, revisions, before)) losers.push(loser);
  }
  const isUsed = used.done();

  for (const loser of losers) await remove(loser);
  for (const prefix of ["b/", "m/", ...kinds.flatMap(({ owns }) => owns ?? [])])
    for await (const entry of walk(driver, prefix))
      if (entry.modified < before && !isUsed(entry.key)) await remove(entry);

  const swept = dryRun ? undefined : await driver.sweep?.({ olderThanMs: grace });
  return { removed: keys.length + (swept?.removed ?? 0), bytes, keys };
}

/** Hands out what the documents of a kind refer to. Returns their revisions by name as it stands in keys. */
async function readDocuments<S, E>(
  driver: Driver,
  kind: Kind<S, E>,
  refer: (key: Key) => void,
): Promise<ReadonlyMap<string, number>> {
  const revisions = new Map<string, number>();
  const prefix = documentKey(kind.name);
  for await (const { key } of walk(driver, prefix)) {
    const doc = await readDocument(driver, kind, key);
    if (!doc) continue;
    revisions.set(key.slice(prefix.length), doc.rev);
    for (const reference of kind.references?.(doc.state) ?? []) refer(reference);
  }
  return revisions;
}

async function readDocument<S, E>(
  driver: Driver,
  kind: Kind<S, E>,
  key: Key,
): Promise<Stored<S> | undefined> {
  const item = await driver.get(key);
  return item && documentCodec(kind, key).parse(item.body);
}

/** Entries that lost against another one of their revision, or whose document was never moved. */
async function* losingEntries<S, E>(
  driver: Driver,
  kind: Kind<S, E>,
  revisions: ReadonlyMap<string, number>,
  before: number,
): AsyncGenerator<ListEntry, void, void> {
  const entries = walk(driver, `h/${kind.name}/`);
  for await (const [name, all] of groups(entries, ({ key }) => parseEntryKey(key)?.segment ?? "")) {
    const count = new Map<number, number>();
    for (const { rev } of all.map(placeOf)) count.set(rev, (count.get(rev) ?? 0) + 1);
    const known = revisions.get(name) ?? 0;
    const doubtful = all.filter((entry) => {
      const { rev } = placeOf(entry);
      return entry.modified < before && rev > 0 && (rev > known || (count.get(rev) ?? 0) > 1);
    });
    if (doubtful.length === 0) continue;

    const key = `d/${kind.name}/${name}`;
    const doc = await readDocument(driver, kind, key);
    // a second revision is only ever tried on a document that was there
    if (all.some((entry) => placeOf(entry).rev > (doc?.rev ?? 0) + 1))
      throw new Damage("missing", key, `the document ${key} is missing or older than its history`);
    const oldest = Math.min(...doubtful.map((entry) => placeOf(entry).rev));
    const winners = doc ? await winnersSince(driver, kind.name, name, doc, oldest) : new Map();
    if (!winners) continue;
    for (const entry of doubtful) {
      const { rev, id } = placeOf(entry);
      if (winners.get(rev) !== id) yield entry;
    }
  }
}

const placeOf = ({ key }: ListEntry): { readonly rev: number; readonly id: string } =>
  parseEntryKey(key) ?? { rev: 0, id: "" };

/** Write ids by revision, from the document's own down to `oldest`; undefined when the chain is broken before that. */
async function winnersSince<S>(
  driver: Driver,
  kind: string,
  segment: string,
  doc: Stored<S>,
  oldest: number,
): Promise<ReadonlyMap<number, string> | undefined> {
  const winners = new Map(doc.w.map((id, back) => [doc.rev - back, id]));
  if (doc.rev - doc.w.length < oldest) return winners;
  try {
    for await (const { rev, id } of chain(driver, kind, decodeURIComponent(segment), doc)) {
      winners.set(rev, id);
      if (rev <= oldest) break;
    }
    return winners;
  } catch (error) {
    if (error instanceof Damage || storeCode(error) === "CORRUPT") return undefined;
    throw error;
  }
}

/**
 * A set of keys that end in a hash, in 8 bytes each: 52 bits tell two of a million apart but for one chance in
 * thousands, and what is taken for another one stays, which does no harm.
 */
function fingerprints(): {
  readonly add: (key: Key) => void;
  /** sorts; nothing may be added afterwards */
  readonly done: () => (key: Key) => boolean;
} {
  let held = new Float64Array(1024);
  let length = 0;
  const of = (key: Key): number =>
    Number.parseInt(key.slice(key.lastIndexOf("/") + 1).slice(0, 13), 16);
  return {
    add(key) {
      if (length === held.length) {
        const larger = new Float64Array(2 * length);
        larger.set(held);
        held = larger;
      }
      held[length++] = of(key);
    },
    done() {
      const sorted = held.subarray(0, length).sort();
      return (key) => {
        const wanted = of(key);
        let low = 0;
        let high = length;
        while (low < high) {
          const middle = (low + high) >>> 1;
          if ((sorted[middle] as number) < wanted) low = middle + 1;
          else high = middle;
        }
        // a key without a hash is none of ours to judge
        return Number.isNaN(wanted) || sorted[low] === wanted;
      };
    },
  };
}
