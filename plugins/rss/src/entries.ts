import type { Entry } from "./page.ts";
import type { Subscribed } from "./reader.ts";
import { timeOf } from "./shelf.ts";

/** Items of feeds, newest first. */
export function entriesOf(
  feeds: readonly Subscribed[],
  { unread, limit }: { readonly unread: boolean; readonly limit: number },
): (Entry & { readonly url: string })[] {
  return feeds
    .flatMap(({ url, title, kept }) =>
      (kept?.items ?? []).map((item) => ({ item, url, feed: title ?? (kept?.title || url) })),
    )
    .filter(({ item }) => !unread || item.read !== true)
    .toSorted((a, b) => timeOf(b.item) - timeOf(a.item))
    .slice(0, limit);
}
