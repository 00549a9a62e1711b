import { checkWrite } from "./check.ts";
import type { Capabilities, Change, Driver, Key, ListEntry, OpOptions, Page } from "./driver.ts";
import { incoming } from "./incoming.ts";

/** Bytes up to which a blob lives with the documents, unless it is said. */
export const smallBlob = 64 * 1024;

export interface SplitOptions {
  /** everything but large blobs and caches: `d/`, `m/`, `h/`, counts (`n/`), `f/`, blobs up to `small` */
  readonly docs: Driver;
  /** blobs above `small` (`b/`) and caches (`c/`) */
  readonly blobs: Driver;
  /** bytes up to which a blob lives with the documents: one store, one fsync @default {@link smallBlob} */
  readonly small?: number;
}

type Half = "docs" | "blobs" | "both";

const half = (key: string): Half =>
  key.startsWith("b/") ? "both" : key.startsWith("c/") ? "blobs" : "docs";

/** Where keys with this prefix may be. */
const reach = (prefix: string): Half =>
  "b/".startsWith(prefix) || "c/".startsWith(prefix) ? "both" : half(prefix);

/**
 * One driver over two. A blob's place follows from its size, which follows from its name, so that two writers of the
 * same blob meet in the same half; after a change of `small` it may be in the other, where get, head, read and delete
 * find it still. Compare-and-set, for which documents are the only use, is as good as that of `docs`; a condition
 * that `blobs` cannot keep for its keys is refused there.
 */
export function split({ docs, blobs, small = smallBlob }: SplitOptions): Driver {
  let caps: Capabilities | undefined;
  const place = (key: Key, size: number): Driver => {
    const where = half(key);
    return where === "docs" || (where === "both" && size <= small) ? docs : blobs;
  };
  const inOrder = async <T>(
    key: Key,
    ask: (driver: Driver) => Promise<T | undefined>,
  ): Promise<T | undefined> => {
    const where = half(key);
    if (where !== "both") return ask(where === "docs" ? docs : blobs);
    return (await ask(docs)) ?? ask(blobs);
  };
  const { watch: watchDocs } = docs;
  const { watch: watchBlobs } = blobs;

  return {
    api: 1,
    name: `${docs.name}+${blobs.name}`,
    get caps() {
      return caps ?? combined(docs.caps, blobs.caps);
    },
    async open(options) {
      await both((driver) => driver.open(options));
      caps = combined(docs.caps, blobs.caps);
    },
    close: () => both((driver) => driver.close()),
    async health(options) {
      const [d, b] = await Promise.all([docs.health(options), blobs.health(options)]);
      return {
        ok: d.ok && b.ok,
        latencyMs: Math.max(d.latencyMs, b.latencyMs),
        detail: { ...named("docs", d.detail), ...named("blobs", b.detail) },
      };
    },

    get: (key, options) => inOrder(key, (driver) => driver.get(key, options)),
    head: (key, options) => inOrder(key, (driver) => driver.head(key, options)),
    read: (key, options) => inOrder(key, (driver) => driver.read(key, options)),
    put(key, body, options = {}) {
      const at = place(key, body.byteLength);
      return at.put(key, body, settled(at, options));
    },
    async write(key, source, options = {}) {
      if (half(key) !== "both") {
        const at = place(key, 0);
        return at.write(key, source, settled(at, options));
      }
      if (options.size !== undefined) {
        const at = place(key, options.size);
        return at.write(key, source, settled(at, options));
      }
      checkWrite(key, options, blobs.caps);
      const { sha512: _, relaxed: __, ...others } = options;
      const pulled = incoming(key, source, options, { max: blobs.caps.maxObject });
      const { size, rest } = await measure(pulled, small);
      try {
        return await place(key, size).write(key, rest, others);
      } finally {
        // a write that was refused at once has not even begun with it
        pulled.return().catch(() => {});
      }
    },
    async delete(key, options) {
      const where = half(key);
      if (where !== "both") return place(key, 0).delete(key, options);
      if (options?.ifMatch === undefined) return both((driver) => driver.delete(key, options));
      const here = await docs.head(key, options);
      return (here?.etag === options.ifMatch ? docs : blobs).delete(key, options);
    },
    async list(options = {}) {
      const { prefix = "", limit = 1000 } = options;
      const where = reach(prefix);
      if (where !== "both") return (where === "docs" ? docs : blobs).list(options);
      const [one, two] = await Promise.all([docs.list(options), blobs.list(options)]);
      return merged([without(one, "blobs"), without(two, "docs")], limit);
    },

    ...(watchDocs && watchBlobs
      ? {
          watch(options: Parameters<NonNullable<Driver["watch"]>>[0]) {
            const where = reach(options.prefix ?? "");
            if (where === "docs") return watchDocs.call(docs, options);
            if (where === "blobs") return watchBlobs.call(blobs, options);
            return watchBoth(
              [(o) => watchDocs.call(docs, o), (o) => watchBlobs.call(blobs, o)],
              options,
            );
          },
        }
      : {}),
    async sweep(options?: OpOptions & { readonly olderThanMs?: number }) {
      const swept = await Promise.all([docs.sweep?.(options), blobs.sweep?.(options)]);
      return { removed: swept.reduce((sum, one) => sum + (one?.removed ?? 0), 0) };
    },
  };

  /** No later write to `docs` makes durable what lies in `blobs`. */
  function settled<O extends { readonly relaxed?: true }>(at: Driver, options: O): O {
    if (at === docs || !options.relaxed) return options;
    const { relaxed: _, ...others } = options;
    return others as O;
  }

  async function both(work: (driver: Driver) => Promise<void>): Promise<void> {
    await Promise.all([work(docs), work(blobs)]);
  }
}

/** What holds for every key: the weaker of the two, but for `cas` and sizes, which each half keeps for its own keys. */
function combined(docs: Capabilities, blobs: Capabilities): Capabilities {
  const weaker = <K extends keyof Capabilities>(
    name: K,
    worstFirst: readonly Capabilities[K][],
  ): Capabilities[K] =>
    worstFirst[Math.min(worstFirst.indexOf(docs[name]), worstFirst.indexOf(blobs[name]))] ??
    docs[name];
  return {
    cas: docs.cas,
    casDelete: docs.casDelete && blobs.casDelete,
    casWrite: docs.casWrite && blobs.casWrite,
    etags: weaker("etags", ["content", "unique"]),
    durable: weaker("durable", ["nothing", "process", "power", "node"]),
    shared: weaker("shared", ["process", "host", "network"]),
    ttl: weaker("ttl", ["none", "lazy", "native"]),
    list: weaker("list", ["eventual", "strong"]),
    watch: weaker("watch", ["none", "poll", "push"]),
    ranges: docs.ranges && blobs.ranges,
    maxItem: Math.min(docs.maxItem, blobs.maxItem),
    maxObject: blobs.maxObject,
  };
}

/** Asks a source for its first `most` bytes: its size if that is all of it, else Infinity; and the source anew. */
async function measure(
  source: AsyncGenerator<Uint8Array, void, void>,
  most: number,
): Promise<{ size: number; rest: AsyncIterable<Uint8Array> }> {
  const first: Uint8Array[] = [];
  let size = 0;
  let over = false;
  while (size <= most && !over) {
    const next = await source.next();
    if (next.done) over = true;
    else {
      // a source may fill the same buffer again
      first.push(new Uint8Array(next.value));
      size += next.value.byteLength;
    }
  }
  const rest = async function* () {
    try {
      yield* first;
      yield* source;
    } finally {
      await source.return();
    }
  };
  return { size: over ? size : Infinity, rest: rest() };
}

/** A page without keys that would be looked for in the other half only. */
const without = (page: Page, other: Half): Page => ({
  ...page,
  entries: page.entries.filter(({ key }) => half(key) !== other),
});

/** One page of two; a key that both have is listed once, as the first has it. */
function merged([one, two]: readonly [Page, Page], limit: number): Page {
  // behind the end of a page that is not the last, the other list is not known to be complete
  const known = [one.next, two.next].filter((key) => key !== undefined).toSorted(byKey)[0];
  const all = new Map<Key, ListEntry>();
  for (const entry of [...two.entries, ...one.entries])
    if (known === undefined || entry.key <= known) all.set(entry.key, entry);
  const sorted = [...all.values()].toSorted((a, b) => byKey(a.key, b.key));
  const entries = sorted.slice(0, limit);
  const next = sorted.length > limit ? entries.at(-1)?.key : known;
  return { entries, ...(next === undefined ? {} : { next }) };
}

const byKey = (a: Key, b: Key): number => (a < b ? -1 : a > b ? 1 : 0);

const named = (half: string, detail: Readonly<Record<string, string | number | boolean>>) =>
  Object.fromEntries(Object.entries(detail).map(([name, value]) => [`${half}.${name}`, value]));

type Watch = NonNullable<Driver["watch"]>;

/** Both feeds as one; its cursor is both of theirs. */
async function* watchBoth(
  feeds: readonly [Watch, Watch],
  { since, signal, prefix }: Parameters<Watch>[0],
): AsyncGenerator<Change> {
  const stop = new AbortController();
  const linked = AbortSignal.any([signal, stop.signal]);
  const cursors = since === undefined ? ["", ""] : since.split("|").map(decodeURIComponent);
  const running = feeds.map((watch, n) =>
    watch({
      signal: linked,
      ...(prefix === undefined ? {} : { prefix }),
      // a half that told nothing yet has no cursor; resumed, it has to say reset
      ...(since === undefined ? {} : { since: cursors[n] ?? "" }),
    })[Symbol.asyncIterator](),
  );
  const step = async (n: number) => ({ n, result: await running[n]!.next() });
  const waiting = new Map([0, 1].map((n) => [n, step(n)]));
  try {
    while (waiting.size > 0) {
      const { n, result } = await Promise.race(waiting.values());
      if (result.done) {
        waiting.delete(n);
        continue;
      }
      waiting.set(n, step(n));
      cursors[n] = result.value.cursor;
      yield { ...result.value, cursor: cursors.map(encodeURIComponent).join("|") };
    }
  } finally {
    stop.abort();
    await Promise.allSettled(waiting.values());
  }
}
