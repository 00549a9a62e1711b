import type { LRUCache } from "lru-cache";
import { update, type Driver, type Key, type Loaded, type OpOptions } from "../driver/index.ts";
import { chain } from "./chain.ts";
import { documentCodec, encodeEntry, sha256, type Stored } from "./codec.ts";
import { keep } from "./immutable.ts";
import { documentKey, entriesOf, entryKey, segmentPrefix } from "./keys.ts";
import type { Actor, Change, Crash, Document, Kind, Ledger, PastEntry } from "./types.ts";
import { walk } from "./walk.ts";

/** Changes folded into one move at most. */
const MOST = 256;

/** A parsed document as it is kept between two looks at it. */
export interface Held<S> extends Loaded<Stored<S>> {
  readonly document: Document<S>;
  /** when this was the newest state for sure, by performance.now() */
  seen: number;
}

/** Parsed documents by key, bounded by bytes. */
export type DocumentCache = LRUCache<Key, Held<unknown>>;

interface Waiting<S, E> {
  readonly who: Actor;
  readonly decide: (state: S | undefined) => readonly E[];
  readonly resolve: (document: Document<S> | undefined) => void;
  readonly reject: (reason: unknown) => void;
}

/** A look at the store that is under way, and when it began. */
interface Look<S> {
  readonly since: number;
  readonly found: Promise<Document<S> | undefined>;
}

export interface LedgerOptions {
  /** may be shared with other kinds */
  readonly cache: DocumentCache;
  readonly crash: Crash;
  /** ms that a glance may trust what it knows; 0: not at all */
  readonly trust: number;
  /** hears of each document that this process moved */
  readonly moved: (key: Key) => void;
}

/** A ledger whose store can wait until it is at rest. */
export interface OpenLedger<S, E> extends Ledger<S, E> {
  /** Resolves when no move is under way. */
  idle(): Promise<void>;
}

/** The ledger of one kind. */
export function openLedger<S, E>(
  driver: Driver,
  kind: Kind<S, E>,
  { cache, crash, trust, moved: announce }: LedgerOptions,
): OpenLedger<S, E> {
  const lines = new Map<Key, Waiting<S, E>[]>();
  const glances = new Map<string, Look<S>>();
  const running = new Set<Promise<void>>();

  /** Keeps what took the place of `before`, unless something newer came in between: an older look must not bring it back. */
  const hold = (
    name: string,
    key: Key,
    { etag, doc }: Loaded<Stored<S>>,
    { before, size, seen }: { before: Held<S> | undefined; size: number; seen: number },
  ): Held<S> => {
    const { rev, tip, at, state } = doc;
    const document = { name, rev, etag, tip: tip.sha256, modified: at, state };
    const held = { etag, doc, document, seen };
    glances.delete(name);
    const other = cache.peek(key);
    // a parsed document takes about three times the room of its text
    if (!other || other === before || other.doc.rev < rev)
      cache.set(key, held, { size: 3 * size + 512 });
    return held;
  };

  const saw = (held: Held<S>, at: number): Held<S> => {
    held.seen = Math.max(held.seen, at);
    return held;
  };

  /** As fresh as a read of the driver; parses only what this process has not seen. */
  const load = async (
    name: string,
    key: Key,
    options?: OpOptions,
  ): Promise<Held<S> | undefined> => {
    const seen = performance.now();
    const before = cache.get(key) as Held<S> | undefined;
    if (before) {
      const head = await driver.head(key, options);
      if (!head) return undefined;
      if (head.etag === before.etag) return saw(before, seen);
    }
    const item = await driver.get(key, options);
    if (!item) return undefined;
    const known = cache.get(key) as Held<S> | undefined;
    if (known?.etag === item.etag) return saw(known, seen);
    const doc = documentCodec(kind, key).parse(item.body);
    return hold(name, key, { etag: item.etag, doc }, { before, size: item.size, seen });
  };

  const fresh = async (name: string, key: Key): Promise<Document<S> | undefined> =>
    (await load(name, key))?.document;

  /** One move of the document, for everybody in line when its changes are decided. Never throws. */
  const move = async (name: string, key: Key, line: Waiting<S, E>[]): Promise<void> => {
    const codec = documentCodec(kind, key);
    let batch: Waiting<S, E>[] = [];
    let refused = new Map<Waiting<S, E>, unknown>();
    let base: Held<S> | undefined;
    let entry: { readonly key: Key; readonly bytes: Uint8Array };
    let size = 0;
    let seen = 0;

    const decide = (now: Stored<S> | undefined, id: string): Stored<S> | undefined => {
      batch.push(...line.splice(0, MOST - batch.length));
      refused = new Map();
      const at = Math.max(Date.now(), now?.at ?? 0);
      const changes: Change<E>[] = [];
      let state = now?.state;
      batch = batch.filter((one) => {
        // what was decided on the stored state stands, whatever becomes of this move
        const final = changes.length === 0;
        try {
          const events = one.decide(state);
          if (events.length > 0) {
            const change = { at, who: one.who, events };
            state = fold(kind, name, [change], state);
            changes.push(change);
          } else if (final) {
            one.resolve(base?.document);
            return false;
          }
        } catch (error) {
          if (final) {
            one.reject(error);
            return false;
          }
          refused.set(one, error);
        }
        return true;
      });
      if (changes.length === 0) return undefined;
      const rev = (now?.rev ?? 0) + 1;
      const prev = now?.tip ?? null;
      const bytes = encodeEntry({ v: 1, kind: kind.name, name, rev, id, prev, changes });
      entry = { key: entryKey(kind.name, name, rev, id), bytes };
      return { rev, w: [], tip: { id, sha256: sha256(bytes) }, at, state: state as S };
    };

    try {
      const moved = await update(
        driver,
        key,
        {
          parse: codec.parse,
          bytes(doc) {
            const bytes = codec.bytes(doc);
            size = bytes.byteLength;
            seen = performance.now();
            return bytes;
          },
        },
        decide,
        {
          load: async () => (base = await load(name, key)),
          async before() {
            const { key: at, bytes } = entry;
            await keep(driver, at, bytes.byteLength, Infinity, (condition) =>
              driver.put(at, bytes, { ...condition, relaxed: true }),
            );
            crash("entry");
          },
        },
      );
      if (batch.length === 0) return;
      crash("document");
      // an unchanged document, and one that a lost answer had hidden, come from load()
      const held =
        moved && (moved === base ? base : hold(name, key, moved, { before: base, size, seen }));
      const document = held?.document;
      announce(key);
      for (const one of batch)
        if (refused.has(one)) one.reject(refused.get(one));
        else one.resolve(document);
    } catch (error) {
      // nobody has been decided on when not even the document could be read
      if (batch.length === 0) batch = line.splice(0);
      for (const one of batch) one.reject(error);
    }
  };

  const run = async (name: string, key: Key, line: Waiting<S, E>[]): Promise<void> => {
    while (line.length > 0) await move(name, key, line);
    lines.delete(key);
  };

  const history = async function* (name: string): AsyncGenerator<PastEntry<E>, void, void> {
    const held = await load(name, documentKey(kind.name, name));
    if (held) yield* chain<E>(driver, kind.name, name, held.doc);
  };

  return {
    async read(name, options) {
      return (await load(name, documentKey(kind.name, name), options))?.document;
    },

    glance(name) {
      const shared = glances.get(name);
      if (shared && trust === 0) return shared.found;
      const key = documentKey(kind.name, name);
      const now = performance.now();
      if (trust === 0) {
        if (glances.size === 0) setImmediate(() => glances.clear());
      } else {
        const held = cache.get(key) as Held<S> | undefined;
        if (held && now - held.seen < trust) return Promise.resolve(held.document);
        // what was not there when the look began may be there now
        if (shared && now - shared.since < trust)
          return shared.found.then((found) => found ?? fresh(name, key));
      }
      const look = { since: now, found: fresh(name, key) };
      glances.set(name, look);
      if (trust > 0) {
        const end = (): void => void (glances.get(name) === look && glances.delete(name));
        look.found.then(end, end);
      }
      return look.found;
    },

    async change(name, who, decide) {
      const key = documentKey(kind.name, name);
      const { promise, resolve, reject } = Promise.withResolvers<Document<S> | undefined>();
      const waiting = { who, decide, resolve, reject };
      const line = lines.get(key);
      if (line) line.push(waiting);
      else {
        const first = [waiting];
        lines.set(key, first);
        const done = run(name, key, first).finally(() => running.delete(done));
        running.add(done);
      }
      return promise;
    },

    history,

    async asOf(name, time) {
      const changes: Change<E>[] = [];
      for await (const entry of history(name))
        changes.push(...entry.changes.filter(({ at }) => at <= time).toReversed());
      return fold(kind, name, changes.toReversed());
    },

    async remove({ name, etag }) {
      const key = documentKey(kind.name, name);
      const held = await load(name, key);
      if (held?.etag !== etag || kind.ended?.(held.document.state) !== true) return false;
      for await (const entry of walk(driver, entriesOf(kind.name, name)))
        await driver.delete(entry.key);
      await driver.delete(key, driver.caps.casDelete ? { ifMatch: etag } : {});
      cache.delete(key);
      announce(key);
      return true;
    },

    async list({ prefix = "", after, limit } = {}) {
      const folder = documentKey(kind.name);
      const page = await driver.list({
        prefix: folder + segmentPrefix(prefix),
        ...(after === undefined ? {} : { after: documentKey(kind.name, after) }),
        ...(limit === undefined ? {} : { limit }),
      });
      const nameOf = (key: Key): string => decodeURIComponent(key.slice(folder.length));
      return {
        items: page.entries.map(({ key, etag, modified }) => ({
          name: nameOf(key),
          modified,
          ...(etag === undefined ? {} : { etag }),
        })),
        ...(page.next === undefined ? {} : { next: nameOf(page.next) }),
      };
    },

    async idle() {
      while (running.size > 0) await Promise.all(running);
    },
  };
}

/** The state that changes, oldest first, make of `state`; undefined when there are none at all. */
export function fold<S, E>(
  kind: Kind<S, E>,
  name: string,
  changes: readonly Change<E>[],
  state?: S,
): S | undefined {
  for (const { at, who, events } of changes)
    for (const event of events) state = kind.reduce(state, event, { at, who, name });
  return state;
}
