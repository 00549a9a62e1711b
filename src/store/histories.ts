import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { storeCode, type Driver, type ETag, type Item, type Key } from "../driver/index.ts";
import { CitadelError } from "../errors.ts";
import { readEntry, type StoredEntry } from "./chain.ts";
import { documentCodec, encodeEntry, sha256, type Link, type Stored } from "./codec.ts";
import { Damage } from "./damage.ts";
import { checked, nameOf } from "./hashes.ts";
import { keep } from "./immutable.ts";
import { comingKey, documentKey, entriesOf, entryKey, parseEntryKey } from "./keys.ts";
import { fold } from "./ledger.ts";
import type { Change, Kind, LedgerEntry } from "./types.ts";
import { pool } from "./pairs.ts";
import { walk } from "./walk.ts";

/** Bytes up to which an object travels in one piece. */
const WHOLE = 1 << 20;
/** Entries read ahead, objects on their way at once. */
const AT_ONCE = 16;
/** Write ids in a document. */
const RING = 64;
const ATTEMPTS = 6;

/** One name in one of two stores. */
export interface Side<S, E> {
  /** absent: there is no such document */
  readonly document?: { readonly etag: ETag; readonly body: Uint8Array; readonly doc: Stored<S> };
  /** entries after the newest that both have, oldest first */
  readonly since: readonly StoredEntry<E>[];
}

/** The histories of one name in two stores, up to where they part. */
export interface Histories<S, E> {
  readonly kind: Kind<S, E>;
  readonly name: string;
  /** newest revision that both have; 0: none */
  readonly common: number;
  readonly here: Side<S, E>;
  readonly there: Side<S, E>;
}

/** How entries of one history are appended to another. */
export type Replant<E> = (own: readonly LedgerEntry<E>[]) => readonly (readonly Change<E>[])[];

/** Finds the newest entry that both have. Every entry after it is read and checked against its chain. Throws {@link Damage}. */
export async function compareHistories<S, E>(
  kind: Kind<S, E>,
  name: string,
  here: Driver,
  there: Driver,
): Promise<Histories<S, E>> {
  const key = documentKey(kind.name, name);
  const [ours, theirs] = await Promise.all([here.get(key), there.get(key)]);
  const [a, b] = [ours, theirs].map((item) => held(kind, key, item));
  const [left, right] = [backwards(kind, name, here, a?.doc), backwards(kind, name, there, b?.doc)];
  while (!same(left, right)) {
    const [l, r] = [left.rev, right.rev];
    await Promise.all([l >= r && left.step(), r >= l && right.step()]);
  }
  return {
    ...{ kind, name, common: left.rev },
    here: { ...(a && { document: a }), since: left.entries.toReversed() },
    there: { ...(b && { document: b }), since: right.entries.toReversed() },
  };
}

const held = <S, E>(kind: Kind<S, E>, key: Key, item: Item | undefined) =>
  item && { etag: item.etag, body: item.body, doc: documentCodec(kind, key).parse(item.body) };

interface Backwards<E> {
  readonly rev: number;
  readonly link: Link | null;
  readonly entries: readonly StoredEntry<E>[];
  step(): Promise<void>;
}

const same = (a: Backwards<unknown>, b: Backwards<unknown>): boolean =>
  a.rev === b.rev && a.link?.id === b.link?.id && a.link?.sha256 === b.link?.sha256;

/** A walk from the tip back to the first entry, a step at a time. */
function backwards<S, E>(
  kind: Kind<S, E>,
  name: string,
  driver: Driver,
  doc: Stored<S> | undefined,
): Backwards<E> {
  const entries: StoredEntry<E>[] = [];
  const ahead = readAhead(driver, entriesOf(kind.name, name));
  let rev = doc?.rev ?? 0;
  let link = doc?.tip ?? null;
  return {
    get rev() {
      return rev;
    },
    get link() {
      return link;
    },
    entries,
    async step() {
      if (!link) throw new Damage("history", documentKey(kind.name, name), `the history of ${kind.name} ${name} has no beginning`); // prettier-ignore
      const one = await readEntry<E>(ahead(rev), kind.name, name, rev, link);
      entries.push(one);
      link = one.entry.prev;
      rev--;
    },
  };
}

/** Reads entries before they are asked for: each says only when it is there which one comes before it. */
function readAhead(driver: Driver, prefix: string): (rev: number) => Pick<Driver, "get"> {
  const found = new Map<Key, Promise<Item | undefined>>();
  let listed: Promise<readonly { readonly key: Key; readonly rev: number }[]> | undefined;
  let asked = 0;
  const list = async () => {
    const keys: { key: Key; rev: number }[] = [];
    for await (const { key } of walk(driver, prefix))
      keys.push({ key, rev: parseEntryKey(key)?.rev ?? 0 });
    return keys;
  };
  const read = (key: Key): Promise<Item | undefined> => {
    const item = driver.get(key);
    // who needs it hears of the failure
    item.catch(() => {});
    found.set(key, item);
    return item;
  };
  return (rev) => ({
    async get(key) {
      // the first ones are not worth a list
      if (asked++ > 2 && !found.has(key))
        for (const near of await (listed ??= list()))
          if (near.rev <= rev && near.rev > rev - AT_ONCE) void read(near.key);
      const item = await (found.get(key) ?? driver.get(key));
      found.delete(key);
      return item;
    },
  });
}

/** The state at the newest entry that both have, computed from the history here; undefined when there is none. */
export async function commonState<S, E>(
  { kind, name, common, here }: Histories<S, E>,
  driver: Driver,
): Promise<S | undefined> {
  const first = here.since[0]?.entry;
  const doc = here.document?.doc;
  if (common === 0 || !doc) return undefined;
  const changes: Change<E>[] = [];
  let link = first ? first.prev : doc.tip;
  for (let rev = common; link; rev--) {
    const { entry }: StoredEntry<E> = await readEntry<E>(driver, kind.name, name, rev, link);
    changes.push(...entry.changes.toReversed());
    link = entry.prev;
  }
  return fold(kind, name, changes.toReversed());
}

interface Travel {
  readonly grace: number;
  readonly signal?: AbortSignal;
  /** hears the bytes that came over */
  readonly moved?: (bytes: number) => void;
}

/**
 * Brings the history of `from` to a store that has an earlier state of it: objects first, then entries, the document last.
 * @returns false when the document there is another by now
 */
export async function forward<S, E>(
  { kind, name, here, there }: Histories<S, E>,
  way: "up" | "down",
  drivers: { readonly here: Driver; readonly there: Driver },
  travel: Travel,
): Promise<boolean> {
  const [from, to] = way === "up" ? [here, there] : [there, here];
  const [source, target] = way === "up" ? [drivers.here, drivers.there] : [drivers.there, drivers.here]; // prettier-ignore
  if (!from.document) return true;
  await carryObjects(kind, from, to, source, target, travel);
  return arrive(kind.name, name, target, from.since, from.document.body, to.document);
}

/**
 * Puts the history of there in the place of the one here, with what only this one has appended to it as new entries. Entries that
 * stand in the other history already, as they are or appended before, do not come again. There nothing changes.
 * @param again makes the changes to append, one list for each entry; none may be left out
 * @returns false when the document here is another by now
 */
export async function replant<S, E>(
  { kind, name, here, there }: Histories<S, E>,
  again: Replant<E>,
  drivers: { readonly here: Driver; readonly there: Driver },
  travel: Travel,
): Promise<boolean> {
  const base = there.document;
  if (!base) return true;
  const key = documentKey(kind.name, name);
  const own = missingOf(here.since, there.since);
  let { rev, tip, at, state, w } = base.doc;
  const entries: StoredEntry<E>[] = [];
  for (const changes of again(own)) {
    // what was said of a day before the merge must stay true
    at = Math.max(Date.now(), at);
    const dated = changes.map((change) => ({ ...change, at }));
    state = fold(kind, name, dated, state) as S;
    const id = randomUUID();
    const entry = { v: 1 as const, kind: kind.name, name, rev: ++rev, id, prev: tip, changes: dated }; // prettier-ignore
    const bytes = encodeEntry(entry);
    entries.push({ key: entryKey(kind.name, name, rev, id), bytes, entry });
    tip = { id, sha256: sha256(bytes) };
    w = [id, ...w].slice(0, RING);
  }
  const body = documentCodec(kind, key).bytes({ rev, w, tip, at, state });
  await carryObjects(kind, there, here, drivers.there, drivers.here, travel);
  return arrive(kind.name, name, drivers.here, [...there.since, ...entries], body, here.document);
}

/** Entries that the other history has in no form. */
export function missingOf<E>(
  own: readonly StoredEntry<E>[],
  others: readonly StoredEntry<E>[],
): readonly LedgerEntry<E>[] {
  const known = new Set<string>();
  for (const { entry } of others) {
    known.add(entry.id);
    for (const { first } of entry.changes) if (first) known.add(first.id);
  }
  return own.flatMap(({ entry }) => {
    const { id, changes } = entry;
    return known.has(id) || changes.some(({ first }) => first && known.has(first.id)) ? [] : [entry]; // prettier-ignore
  });
}

/**
 * Entries first, then the document that counts them in. As long as it has not moved, more than one entry beyond it would look as if
 * an older document had been put in its place: so it is said before that they come.
 */
async function arrive(
  kind: string,
  name: string,
  driver: Driver,
  entries: readonly StoredEntry<unknown>[],
  body: Uint8Array,
  before: Side<unknown, unknown>["document"],
): Promise<boolean> {
  const newest = entries.at(-1)?.entry.rev ?? 0;
  const coming = newest > (before?.doc.rev ?? 0) + 1 ? comingKey(kind, name) : undefined;
  if (coming) await driver.put(coming, Buffer.from(JSON.stringify({ v: 1, rev: newest })));
  await pool(entries, AT_ONCE, undefined, ({ key, bytes }) =>
    keep(driver, key, bytes.byteLength, Infinity, (condition) => driver.put(key, bytes, condition)),
  );
  const moved = await moveDocument(driver, documentKey(kind, name), body, before?.etag);
  // where it has not moved, the next try says anew what comes
  if (coming && moved) await driver.delete(coming);
  return moved;
}

/** The newest revision that may lie here before its document; 0: none. */
export async function comingTo(driver: Driver, kind: string, name: string): Promise<number> {
  const item = await driver.get(comingKey(kind, name));
  const { rev } = item ? (JSON.parse(Buffer.from(item.body).toString()) as { rev?: unknown }) : {};
  return typeof rev === "number" ? rev : 0;
}

/** What the document of `from` refers to and that of `to` does not. */
async function carryObjects<S, E>(
  kind: Kind<S, E>,
  from: Side<S, E>,
  to: Side<S, E>,
  source: Driver,
  target: Driver,
  travel: Travel,
): Promise<void> {
  const of = ({ document }: Side<S, E>): Iterable<Key> =>
    (document && kind.references?.(document.doc.state)) ?? [];
  const missing = new Set(of(from)).difference(new Set(of(to)));
  await pool(missing, AT_ONCE, travel.signal, (key) => carry(source, target, key, travel));
}

/** Copies one object that is named by its hash, unless it is there. @throws E_INTEGRITY */
async function carry(
  from: Driver,
  to: Driver,
  key: Key,
  { grace, signal, moved = () => {} }: Travel,
): Promise<void> {
  signal?.throwIfAborted();
  const wanted = nameOf(key);
  if (!wanted) throw new Damage("unreadable", key, `${key} is no name of a stored object`);
  const found = await to.head(key);
  if (found && found.modified > Date.now() - grace / 2) return;
  const head = await from.head(key);
  if (!head) throw new Damage("missing", key, `${key} is missing in the store that it is to come from`); // prettier-ignore
  const options = signal ? { signal } : {};
  await keep(to, key, head.size, grace / 2, async (condition) => {
    const opened = await from.read(key, options);
    if (!opened) throw new Damage("missing", key, `${key} went away while it was copied`);
    const stream = checked(opened.stream, key, wanted, moved);
    if (head.size <= Math.min(WHOLE, to.caps.maxItem))
      return to.put(key, Buffer.concat(await Array.fromAsync(stream)), { ...condition, ...options }); // prettier-ignore
    const sha512 = wanted.algorithm === "sha512" && { sha512: Buffer.from(wanted.hex, "hex") };
    return to.write(key, stream, { ...condition, ...options, size: head.size, ...sha512 });
  });
}

/** @returns false when somebody else was faster */
async function moveDocument(
  driver: Driver,
  key: Key,
  body: Uint8Array,
  before: ETag | undefined,
): Promise<boolean> {
  const condition = before === undefined ? { ifAbsent: true as const } : { ifMatch: before };
  for (let attempt = 1; ; attempt++)
    try {
      await driver.put(key, body, condition);
      return true;
    } catch (error) {
      const code = storeCode(error);
      if (code !== "CONFLICT" && code !== "UNKNOWN" && code !== "UNAVAILABLE") throw error;
      const now = await driver.get(key);
      // its tip names the newest entry, so nobody else writes the same bytes
      if (now && Buffer.compare(now.body, body) === 0) return true;
      if (now?.etag !== before) return false;
      if (attempt >= ATTEMPTS) throw new CitadelError("E_STORE_UNKNOWN", `whether ${key} was written could not be found out`, { cause: error }); // prettier-ignore
      await pause(Math.random() * 8 * 2 ** attempt);
    }
}
