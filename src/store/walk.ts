import type { Driver, Key, ListEntry } from "../driver/index.ts";
import type { Ledger } from "./types.ts";

/** Everything below `prefix` and behind `after`, in key order, a page at a time. */
export async function* walk(
  driver: Driver,
  prefix: string,
  after?: Key,
): AsyncGenerator<ListEntry, void, void> {
  do {
    const page = await driver.list({ prefix, ...(after === undefined ? {} : { after }) });
    yield* page.entries;
    after = page.next;
  } while (after !== undefined);
}

/** Names of documents in key order, a page at a time. */
export async function* namesOf(
  ledger: Pick<Ledger<unknown, unknown>, "list">,
  options: { readonly prefix?: string } = {},
): AsyncGenerator<string, void, void> {
  let after: string | undefined;
  do {
    const page = await ledger.list({ ...options, ...(after === undefined ? {} : { after }) });
    for (const { name } of page.items) yield name;
    after = page.next;
  } while (after !== undefined);
}

/** Runs of neighbours for which `of` says the same. */
export async function* groups<T>(
  items: AsyncIterable<T>,
  of: (item: T) => string,
): AsyncGenerator<readonly [string, readonly T[]], void, void> {
  let name: string | undefined;
  let group: T[] = [];
  for await (const item of items) {
    const next = of(item);
    if (next !== name && name !== undefined) {
      yield [name, group];
      group = [];
    }
    name = next;
    group.push(item);
  }
  if (name !== undefined) yield [name, group];
}
