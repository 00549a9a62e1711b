import type { Citadel } from "@citadel/core";
import { topics } from "@citadel/core/frames";
import type { FigureItem, Figures } from "../limit/figures.ts";
import { countedTypes, type Direction, type LiveCounts } from "../live/counts.ts";
import type { Meter } from "./meter.ts";
import { total } from "./sample.ts";

/** What a process, or a server of several, has counted since it started. */
export interface Totals {
  readonly figures: FigureItem;
  readonly failures: number;
  readonly bytes: number;
  readonly inFlight: number;
  readonly publishes: Meter["publishes"];
  readonly downloads: Meter["downloads"];
  readonly updates: Meter["updates"];
  readonly webSockets: WebSocketTotals;
  /** of the tiers, nearest first */
  readonly cache: readonly { readonly hits: number; readonly misses: number }[];
}

export interface WebSocketTotals {
  readonly connections: number;
  readonly frames: Readonly<Record<Direction, number>>;
  readonly dropped: number;
  /** pings that were answered, and how long that took all in all, in seconds */
  readonly roundTrips: number;
  readonly roundTripSeconds: number;
}

function webSocketsOf({ connections, frames, drops, roundTrips }: LiveCounts): WebSocketTotals {
  const moved = (direction: Direction): number =>
    total(countedTypes.map((type) => frames(direction, type)));
  return {
    connections,
    frames: { in: moved("in"), out: moved("out") },
    dropped: total(topics.map(drops)),
    roundTrips: total(roundTrips.counts),
    roundTripSeconds: roundTrips.sum,
  };
}

export async function totalsOf(
  citadel: Citadel,
  meter: Meter,
  figures: Figures,
  counts: LiveCounts,
): Promise<Totals> {
  const { failures, bytes, inFlight, publishes, downloads, updates } = meter;
  const tiers = (await citadel.cache.opened())?.counts() ?? [];
  return {
    figures: figures.read(),
    ...{ failures, bytes, inFlight, publishes, downloads, updates },
    webSockets: webSocketsOf(counts),
    cache: tiers.map(({ hits, misses }) => ({ hits, misses })),
  };
}

/** @param living at least one @param gone counted until they ended */
export function allTotals(living: readonly Totals[], gone: readonly Totals[]): Totals {
  const all = [...living, ...gone.map(ended)];
  const summed = all.reduce((sum, one) => added(sum, one) as Totals);
  const since = all.map(({ figures }) => figures.since).toSorted()[0] ?? summed.figures.since;
  return { ...summed, figures: { ...summed.figures, since } };
}

/** What a process that has ended leaves. */
const ended = (one: Totals): Totals => ({
  ...{ ...one, inFlight: 0, cache: [] },
  webSockets: { ...one.webSockets, connections: 0 },
});

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
