import { logger } from "@citadel/core";
import type { Exported } from "./export.ts";
import { attributes, nanoseconds, type Collector } from "./otlp.ts";

/** of OTLP: sums that go on since the start */
const cumulative = 2;

/**
 * Reports the metrics of this process every `interval` ms. A report that fails is left out; sums go on in the next one.
 * @param read the metrics; undefined while nothing is measured
 * @returns reports once more, and ends it
 */
export function reportMetrics(
  collector: Pick<Collector, "send">,
  interval: number,
  read: () => Promise<Exported | undefined>,
): () => Promise<void> {
  const log = logger("telemetry");
  const started = nanoseconds(performance.timeOrigin);
  let reporting: Promise<unknown> | undefined;

  const report = async (): Promise<void> => {
    const metrics = await read();
    if (metrics)
      await collector.send("metrics", (resource) => requestOf(metrics, resource, started));
  };
  const once = (): Promise<unknown> =>
    (reporting ??= report()
      .catch((error: unknown) => log("not read", { error }))
      .finally(() => (reporting = undefined)));
  const timer = setInterval(() => void once(), interval).unref();
  return async () => {
    clearInterval(timer);
    await reporting;
    await once();
  };
}

/** An ExportMetricsServiceRequest. */
function requestOf(metrics: Exported, resource: object, started: string): object {
  const times = { startTimeUnixNano: started, timeUnixNano: nanoseconds(Date.now()) };
  const own = metrics.flatMap((metric) => metricOf(metric, times));
  return {
    resourceMetrics: [{ resource, scopeMetrics: [{ scope: { name: "citadel" }, metrics: own }] }],
  };
}

type Times = { readonly startTimeUnixNano: string; readonly timeUnixNano: string };
type Labels = Readonly<Record<string, unknown>>;

function metricOf({ name, help, type, values }: Exported[number], times: Times): object[] {
  const about = { name, description: help };
  const points = () =>
    values
      .filter(({ value }) => Number.isFinite(value))
      .map(({ value, labels }) => ({ attributes: texts(labels), ...times, asDouble: value }));
  const steady = { aggregationTemporality: cumulative };
  switch (String(type)) {
    case "counter":
      return [{ ...about, sum: { ...steady, isMonotonic: true, dataPoints: points() } }];
    case "gauge":
      return [{ ...about, gauge: { dataPoints: points() } }];
    case "histogram":
      return [{ ...about, histogram: { ...steady, dataPoints: histograms(name, values, times) } }];
    default:
      return [];
  }
}

/** Prometheus counts up to each bound, OTLP between two. */
function histograms(name: string, values: Exported[number]["values"], times: Times): object[] {
  const series = Map.groupBy(values, ({ labels }) => {
    const { le: _, ...rest } = labels as Labels;
    return JSON.stringify(rest);
  });
  return Array.from(series, ([key, lines]) => {
    const of = (ending: string) =>
      lines.filter((line) => (line as { metricName?: string }).metricName === name + ending);
    const buckets = of("_bucket");
    return {
      attributes: texts(JSON.parse(key) as Labels),
      ...times,
      count: String(of("_count")[0]?.value ?? 0),
      sum: of("_sum")[0]?.value ?? 0,
      bucketCounts: buckets.map(({ value }, n) => String(value - (buckets[n - 1]?.value ?? 0))),
      explicitBounds: buckets.slice(0, -1).map(({ labels }) => Number((labels as Labels)["le"])),
    };
  });
}

const texts = (labels: Labels): object[] =>
  attributes(
    Object.fromEntries(Object.entries(labels).map(([key, value]) => [key, String(value)])),
  );
