import type { Citadel } from "@citadel/core";
import { dayOf } from "@citadel/core/counts";
import { isObject, type Json } from "@citadel/core/registry";
import { searchThere, withRemote, type There } from "./find.ts";
import { countUsers } from "./info.ts";

/** What is in a registry and how much it is used; null: not told. */
export interface Stats {
  /** ISO 8601 */
  readonly time: string;
  readonly packages: number;
  readonly versions: number | null;
  /** of all tarballs */
  readonly bytes: number | null;
  readonly users: number | null;
  /** fetched tarballs, today included */
  readonly downloads: Readonly<Record<"day" | "week" | "month", number | null>>;
  /** the most fetched of the month, the first ten */
  readonly top: readonly { readonly name: string; readonly downloads: number }[] | null;
  /** by scope without `@`; an empty scope holds the names without one */
  readonly scopes: readonly { scope: string; packages: number; bytes: number }[] | null;
}

const spans = { day: 1, week: 7, month: 30 } as const;
const dayLong = 86_400_000;
const longestTop = 10;

export async function statsHere(citadel: Citadel): Promise<Stats> {
  const catalog = await citadel.current();
  const { packages, versions, bytes, scopes } = catalog.stats();
  const now = Date.now();
  const since = (days: number): string => dayOf(now - (days - 1) * dayLong);
  const downloads = { day: 0, week: 0, month: 0 };
  const by = new Map<string, number>();
  for await (const { day, counts } of citadel.downloads.read(since(spans.month), dayOf(now)))
    for (const [name, ofVersion] of counts) {
      let sum = 0;
      for (const count of ofVersion.values()) sum += count;
      by.set(name, (by.get(name) ?? 0) + sum);
      for (const span of ["day", "week", "month"] as const)
        if (day >= since(spans[span])) downloads[span] += sum;
    }
  const top = Array.from(by, ([name, count]) => ({ name, downloads: count }))
    .toSorted((a, b) => b.downloads - a.downloads || (a.name < b.name ? -1 : 1))
    .slice(0, longestTop);
  return {
    time: new Date(now).toISOString(),
    ...{ packages, versions, bytes, users: await countUsers(citadel), downloads, top, scopes },
  };
}

/** What another registry tells anybody. @throws E_REMOTE_* */
export async function statsThere(there: There): Promise<Stats> {
  const { total } = await searchThere(there, { text: "", size: 1, from: 0 });
  const [day, week, month] = await withRemote(there, (remote) =>
    Promise.all(
      ["last-day", "last-week", "last-month"].map(async (span) => {
        const answer = (await remote.json(`downloads/point/${span}`)) as Json | undefined;
        const count = isObject(answer) ? answer["downloads"] : undefined;
        return typeof count === "number" ? count : null;
      }),
    ),
  );
  return {
    time: new Date().toISOString(),
    packages: total,
    ...{ versions: null, bytes: null, users: null, top: null, scopes: null },
    downloads: { day: day ?? null, week: week ?? null, month: month ?? null },
  };
}
