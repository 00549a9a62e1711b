import { dayOf } from "./days.ts";
import type { Counts, Downloads } from "./downloads.ts";

const dayLong = 86_400_000;
const week = 7;
const month = 30;
const beginning = "2000-01-01";
/** ms after its end at which every server has written what it counted of a day */
const settling = 3_600_000;

/** Downloads up to now. */
export interface Total {
  readonly total: number;
  /** the last 7 and 30 days, today included */
  readonly week: number;
  readonly month: number;
  /** version → all of its downloads */
  readonly versions: ReadonlyMap<string, number>;
}

/** Sums of downloads. Days that are over are read once; a question reads what is counted today. */
export interface Totals {
  /** Of one package. */
  of(name: string): Promise<Total>;
  /** Of all packages that were ever fetched. */
  all(): Promise<ReadonlyMap<string, Omit<Total, "versions">>>;
}

type Sums = Map<string, Map<string, number>>;
type Day = readonly [day: string, counts: Counts];

export function createTotals({ read }: Pick<Downloads, "read">, now = Date.now): Totals {
  /** days before those that are kept one by one */
  const past: Sums = new Map();
  /** days that are over, oldest first, for week and month */
  let closed: Day[] = [];
  /** the first day that may still change */
  let open = beginning;
  let closing: Promise<void> | undefined;

  const close = async (): Promise<void> => {
    const until = dayOf(now() - settling);
    if (until > open) {
      const over = await Array.fromAsync(read(open, dayOf(Date.parse(until) - dayLong)));
      for (const { day, counts } of over) closed.push([day, counts]);
      open = until;
    }
    const oldest = dayOf(now() - (month - 1) * dayLong);
    for (const [day, counts] of closed) if (day < oldest) add(past, counts);
    closed = closed.filter(([day]) => day >= oldest);
  };
  const recent = async (): Promise<readonly Day[]> => {
    closing ??= close().finally(() => (closing = undefined));
    await closing;
    const days: Day[] = [...closed];
    for await (const { day, counts } of read(open, dayOf(now()))) days.push([day, counts]);
    return days;
  };
  const since = (days: number): string => dayOf(now() - (days - 1) * dayLong);

  return {
    async of(name) {
      const days = await recent();
      const weekStart = since(week);
      const versions = new Map(past.get(name));
      const before = sum(versions);
      const figures = { total: before, week: 0, month: 0 };
      for (const [day, counts] of days) {
        const found = counts.get(name);
        if (!found) continue;
        for (const [version, count] of found) versions.set(version, (versions.get(version) ?? 0) + count); // prettier-ignore
        grow(figures, sum(found), day >= weekStart, day >= since(month));
      }
      return { ...figures, versions };
    },

    async all() {
      const days = await recent();
      const [weekStart, monthStart] = [since(week), since(month)];
      const found = new Map<string, { total: number; week: number; month: number }>();
      const of = (name: string) => {
        let figures = found.get(name);
        if (!figures) found.set(name, (figures = { total: 0, week: 0, month: 0 }));
        return figures;
      };
      for (const [name, versions] of past) of(name).total += sum(versions);
      for (const [day, counts] of days)
        for (const [name, versions] of counts)
          grow(of(name), sum(versions), day >= weekStart, day >= monthStart);
      return found;
    },
  };
}

function grow(
  figures: { total: number; week: number; month: number },
  count: number,
  inWeek: boolean,
  inMonth: boolean,
): void {
  figures.total += count;
  if (inWeek) figures.week += count;
  if (inMonth) figures.month += count;
}

function add(sums: Sums, counts: Counts): void {
  for (const [name, versions] of counts) {
    let known = sums.get(name);
    if (!known) sums.set(name, (known = new Map()));
    for (const [version, count] of versions) known.set(version, (known.get(version) ?? 0) + count);
  }
}

const sum = (versions: ReadonlyMap<string, number>): number => {
  let all = 0;
  for (const count of versions.values()) all += count;
  return all;
};
