import type { Driver, Key, ListEntry } from "../driver/index.ts";

/** A key of one of two stores, or of both. */
export interface Pair {
  readonly key: Key;
  readonly source: ListEntry | undefined;
  readonly target: ListEntry | undefined;
}

/** Two listings in key order as one. */
export async function* pairs(
  sources: AsyncIterable<ListEntry>,
  targets: AsyncIterable<ListEntry>,
): AsyncGenerator<Pair, void, void> {
  const [left, right] = [sources[Symbol.asyncIterator](), targets[Symbol.asyncIterator]()];
  let [source, target] = await Promise.all([left.next(), right.next()]);
  while (!source.done || !target.done) {
    const [a, b] = [source.done ? undefined : source.value, target.done ? undefined : target.value];
    const key = a && (!b || a.key <= b.key) ? a.key : (b as ListEntry).key;
    yield {
      key,
      source: a?.key === key ? a : undefined,
      target: b?.key === key ? b : undefined,
    };
    [source, target] = await Promise.all([
      a?.key === key ? left.next() : source,
      b?.key === key ? right.next() : target,
    ]);
  }
}

/** The keys below none of the `prefixes`, in key order; what is below them is jumped over. */
export async function* walkOthers(
  driver: Driver,
  prefixes: readonly string[],
): AsyncGenerator<ListEntry, void, void> {
  const known = prefixes.filter((prefix) => prefix !== "");
  let after: Key | undefined = "";
  while (after !== undefined) {
    const page: Awaited<ReturnType<Driver["list"]>> = await driver.list({ after });
    after = page.next;
    for (const entry of page.entries) {
      const prefix = known.find((one) => entry.key.startsWith(one));
      if (prefix !== undefined) {
        // no key with this prefix sorts behind it
        after = prefix.padEnd(512, "~");
        break;
      }
      yield entry;
    }
  }
}

/** Runs `work` for all items, `width` of them at a time. The first failure, or the signal, ends it when what runs has ended. */
export async function pool<T>(
  items: AsyncIterable<T> | Iterable<T>,
  width: number,
  signal: AbortSignal | undefined,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest =
    Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let over = false;
  const worker = async (): Promise<void> => {
    try {
      while (!over) {
        signal?.throwIfAborted();
        const next = await rest.next();
        if (next.done) return;
        await work(next.value);
      }
    } catch (error) {
      over = true;
      throw error;
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: width }, worker));
  for (const one of ended) if (one.status === "rejected") throw one.reason;
}
