import type { Citadel } from "@citadel/core";
import type { FigureItem, Figures } from "../limit/figures.ts";
import type { Meter } from "./meter.ts";

/** What a process, or a server of several, has counted since it started. */
export interface Totals {
  readonly figures: FigureItem;
  readonly failures: number;
  readonly bytes: number;
  readonly inFlight: number;
  readonly publishes: Meter["publishes"];
  readonly downloads: Meter["downloads"];
  readonly updates: Meter["updates"];
  /** of the tiers, nearest first */
  readonly cache: readonly { readonly hits: number; readonly misses: number }[];
}

export async function totalsOf(citadel: Citadel, meter: Meter, figures: Figures): Promise<Totals> {
  const { failures, bytes, inFlight, publishes, downloads, updates } = meter;
  const tiers = (await citadel.cache.opened())?.counts() ?? [];
  return {
    figures: figures.read(),
    ...{ failures, bytes, inFlight, publishes, downloads, updates },
    cache: tiers.map(({ hits, misses }) => ({ hits, misses })),
  };
}

/** @param living at least one @param gone counted until they ended */
export function allTotals(living: readonly Totals[], gone: readonly Totals[]): Totals {
  const all = [...living, ...gone.map((one) => ({ ...one, inFlight: 0, cache: [] }))];
  const summed = all.reduce((sum, one) => added(sum, one) as Totals);
  const since = all.map(({ figures }) => figures.since).toSorted()[0] ?? summed.figures.since;
  return { ...summed, figures: { ...summed.figures, since } };
}

/** Numbers are added, wherever they stand; of the rest the first counts. */
function added(one: unknown, other: unknown): unknown {
  if (typeof one === "number" && typeof other === "number") return one + other;
  if (Array.isArray(one) && Array.isArray(other))
    return Array.from({ length: Math.max(one.length, other.length) }, (_, n) =>
      n < one.length && n < other.length ? added(one[n], other[n]) : (one[n] ?? other[n]),
    );
  if (!isRecord(one) || !isRecord(other)) return one;
  const sum: Record<string, unknown> = { ...other };
  for (const [key, value] of Object.entries(one))
    sum[key] = key in other ? added(value, other[key]) : value;
  return sum;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
