import type { Driver, Entry, ListEntry, ListOptions, Page } from "./driver.ts";

const AT_ONCE = 32;

/**
 * A page of a list with what only heads tell of its entries.
 * @param asks which entries need one
 * @param told hears undefined for one that needs none, and for one that is gone meanwhile: it was there when the list was made
 */
export async function withHeads(
  driver: Driver,
  page: Page,
  { signal, timeoutMs }: ListOptions = {},
  asks: (entry: ListEntry) => boolean,
  told: (entry: ListEntry, head: Entry | undefined) => ListEntry,
): Promise<Page> {
  const limits = { ...(signal && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) };
  const entries: ListEntry[] = [];
  const tell = async (entry: ListEntry): Promise<ListEntry> =>
    told(entry, asks(entry) ? await driver.head(entry.key, limits) : undefined);
  for (let at = 0; at < page.entries.length; at += AT_ONCE)
    entries.push(...(await Promise.all(page.entries.slice(at, at + AT_ONCE).map(tell))));
  return { ...page, entries };
}
