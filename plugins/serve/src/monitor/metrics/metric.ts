import { durationBounds, type Durations } from "@citadel/core";

type Labels = Readonly<Record<string, string | number>>;

export interface Value {
  readonly labels: Labels;
  readonly value: number;
  /** of a line of a histogram */
  readonly metricName?: string;
}

export interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  /** what several processes make together @default sum */
  readonly aggregator?: "first" | "min" | "max";
  values(): readonly Value[] | Promise<readonly Value[]>;
}

export const one = (value: number): readonly Value[] => [{ labels: {}, value }];

export const by = (label: string, counts: Iterable<readonly [string, number]>): readonly Value[] =>
  Array.from(counts, ([each, value]) => ({ labels: { [label]: each }, value }));

/** A histogram's lines: how many were at most as long as each bound, the sum and the count. */
export function lines(name: string, labels: Labels, { counts, sum }: Durations): readonly Value[] {
  let below = 0;
  const buckets = counts.map((count, n) => {
    below += count;
    const le = durationBounds[n] ?? "+Inf";
    return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: below };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: below },
  ];
}
