import type { MetricField, MetricsSample } from "@citadel/core/frames";
import { bytes, count } from "../../format.ts";

/** Samples that are shown. */
export const shown = 60;
/** ms between two of them that the server promises */
const interval = 1000;
/** so many of them missing are a gap */
const gap = 2.5;

/** One chart: what it shows, in one unit. */
export interface Chart {
  readonly title: string;
  readonly lines: readonly { readonly field: MetricField; readonly name: string }[];
  readonly text: (value: number) => string;
  /** the axis goes at least so far */
  readonly least: number;
  /** of the alert that watches it */
  readonly rule?: string;
}

/** with one digit behind the point where that says something */
const one = (value: number): string =>
  value < 10 ? String(Number(value.toFixed(1))) : count(Math.round(value));
const rate = (value: number): string => `${one(value)}/s`;

export const charts: readonly Chart[] = [
  {
    title: "Processor",
    lines: [{ field: "cpu", name: "of one core" }],
    text: (value) => `${one(value)} %`,
    ...{ least: 10, rule: "cpu" },
  },
  {
    title: "Memory",
    lines: [
      { field: "rss", name: "resident" },
      { field: "heapUsed", name: "heap" },
    ],
    text: bytes,
    ...{ least: 50e6, rule: "memory" },
  },
  {
    title: "Event loop",
    lines: [{ field: "lagP99", name: "late, 99th percentile" }],
    text: (value) => `${one(value)} ms`,
    ...{ least: 25, rule: "event-loop" },
  },
  {
    title: "Requests",
    lines: [{ field: "rps", name: "answered" }],
    text: rate,
    least: 5,
  },
  {
    title: "Bytes",
    lines: [
      { field: "bytesOut", name: "out" },
      { field: "bytesIn", name: "in" },
    ],
    text: (value) => `${bytes(Math.round(value))}/s`,
    least: 10_000,
  },
  {
    title: "Packages",
    lines: [
      { field: "downloads", name: "downloads" },
      { field: "publishes", name: "publishes" },
    ],
    text: rate,
    least: 2,
  },
  {
    title: "Connections",
    lines: [{ field: "connections", name: "open" }],
    text: (value) => count(Math.round(value)),
    least: 5,
  },
  {
    title: "Live messages",
    lines: [{ field: "wsMessages", name: "both ways" }],
    text: rate,
    least: 5,
  },
];

/** Adds what came, keeps what is shown, in order of time, each moment once. */
export function merge(
  before: readonly MetricsSample[],
  came: readonly MetricsSample[],
): readonly MetricsSample[] {
  const byTime = new Map([...before, ...came].map((sample) => [sample.time, sample]));
  return [...byTime.values()].sort((a, b) => a.time - b.time).slice(-shown);
}

/** Columns for the chart: seconds, then a line for each field. A moment without a value stands where samples are missing. */
export function columns(
  samples: readonly MetricsSample[],
  { lines }: Chart,
): [number[], ...(number | null)[][]] {
  const times: number[] = [];
  const values: (number | null)[][] = lines.map(() => []);
  let last: number | undefined;
  for (const sample of samples) {
    if (last !== undefined && sample.time - last > gap * interval) {
      times.push((last + interval) / 1000);
      for (const line of values) line.push(null);
    }
    times.push(sample.time / 1000);
    lines.forEach(({ field }, n) => values[n]?.push(sample[field]));
    last = sample.time;
  }
  return [times, ...values];
}

/** `rising`, `falling`, `steady`: the last ten samples against the ones before */
export function trend(samples: readonly MetricsSample[], field: MetricField): string {
  const known = samples.flatMap((sample) => sample[field] ?? []);
  if (known.length < 12) return "steady";
  const mean = (part: readonly number[]): number =>
    part.reduce((sum, value) => sum + value, 0) / part.length;
  const [before, now] = [mean(known.slice(0, -10)), mean(known.slice(-10))];
  const change = (now - before) / Math.max(Math.abs(before), Math.abs(now), 1e-9);
  if (Math.abs(change) < 0.15) return "steady";
  return change > 0 ? "rising" : "falling";
}

/** The end of the axis: goes up when the values do, and down only when they have fallen well below, so that it does not jump. */
export function axisEnd(before: number, highest: number, least: number): number {
  const wanted = Math.max(highest * 1.15, least);
  if (wanted > before || wanted < before * 0.45) return nice(wanted);
  return before;
}

/** 1, 2, 2.5 or 5 of a power of ten */
function nice(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 2.5, 5, 10].find((each) => each * power >= value) ?? 10;
  return step * power;
}
