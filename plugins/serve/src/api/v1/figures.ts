import type { Citadel } from "@citadel/core";
import { dayOf } from "@citadel/core/counts";

const dayLong = 86_400_000;
const week = 7;
const month = 30;
const beginning = "2000-01-01";

/** Downloads up to now. */
export interface Figures {
  total: number;
  /** the last 7 and 30 days, today included */
  week: number;
  month: number;
}

export interface Counted extends Figures {
  /** version → all of its downloads */
  readonly versions: Map<string, number>;
}

/** @returns by package; one that nobody fetched is missing @param only just this one */
export async function downloadFigures(
  { downloads }: Citadel,
  only?: string,
): Promise<ReadonlyMap<string, Counted>> {
  const now = Date.now();
  const since = (days: number): string => dayOf(now - (days - 1) * dayLong);
  const [weekStart, monthStart] = [since(week), since(month)];
  const found = new Map<string, Counted>();
  for await (const { day, counts } of downloads.read(beginning, dayOf(now)))
    for (const [name, versions] of counts) {
      if (only !== undefined && name !== only) continue;
      const figures = found.get(name) ?? nothing();
      found.set(name, figures);
      for (const [version, count] of versions) {
        figures.versions.set(version, (figures.versions.get(version) ?? 0) + count);
        figures.total += count;
        if (day >= weekStart) figures.week += count;
        if (day >= monthStart) figures.month += count;
      }
    }
  return found;
}

export const nothing = (): Counted => ({ total: 0, week: 0, month: 0, versions: new Map() });
