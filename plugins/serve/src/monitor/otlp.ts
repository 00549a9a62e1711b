import { logger } from "@citadel/core";
import { ownVersion } from "../version.ts";
import type { Exported } from "./export.ts";

/** ms that a collector has for its answer */
const patience = 10_000;
/** of OTLP: sums that go on since the start */
const cumulative = 2;

export interface TelemetryOptions {
  /** of the collector, with a slash */
  readonly endpoint: string;
  /** ms between two reports */
  readonly interval: number;
  /** the metrics of this process; undefined while nothing is measured */
  readonly read: () => Promise<Exported | undefined>;
}

/**
 * Reports the metrics of this process to a collector of OpenTelemetry: OTLP over HTTP, as JSON. A report that fails is left out; sums
 * go on in the next one.
 * @returns reports once more, and ends it
 */
export function startTelemetry({
  endpoint,
  interval,
  read,
}: TelemetryOptions): () => Promise<void> {
  const log = logger("telemetry");
  const started = nanoseconds(Date.now() - process.uptime() * 1000);
  let reporting: Promise<void> | undefined;

  const report = async (): Promise<void> => {
    const metrics = await read();
    if (!metrics) return;
    const body = JSON.stringify(await requestOf(metrics, started));
    const { status } = await fetch(`${endpoint}v1/metrics`, {
      method: "POST",
      headers: { "content-type": "application/json", "user-agent": "citadel" },
      body,
      redirect: "error",
      signal: AbortSignal.timeout(patience),
    });
    if (status >= 300) log("not taken", { status });
  };
  const once = (): Promise<void> =>
    (reporting ??= report()
      .catch((error: unknown) => log("not reported", { error }))
      .finally(() => (reporting = undefined)));
  const timer = setInterval(() => void once(), interval).unref();
  return async () => {
    clearInterval(timer);
    await reporting;
    await once();
  };
}

/** An ExportMetricsServiceRequest. */
async function requestOf(metrics: Exported, started: string): Promise<object> {
  const resource = {
    "service.name": "citadel",
    "service.version": await ownVersion(),
    "service.instance.id": String(process.pid),
  };
  const now = nanoseconds(Date.now());
  const times = { startTimeUnixNano: started, timeUnixNano: now };
  return {
    resourceMetrics: [
      {
        resource: { attributes: attributes(resource) },
        scopeMetrics: [
          {
            scope: { name: "citadel" },
            metrics: metrics.flatMap((metric) => metricOf(metric, times)),
          },
        ],
      },
    ],
  };
}

type Times = { readonly startTimeUnixNano: string; readonly timeUnixNano: string };
type Labels = Readonly<Record<string, unknown>>;

function metricOf({ name, help, type, values }: Exported[number], times: Times): object[] {
  const about = { name, description: help };
  const points = () =>
    values
      .filter(({ value }) => Number.isFinite(value))
      .map(({ value, labels }) => ({ attributes: attributes(labels), ...times, asDouble: value }));
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
      attributes: attributes(JSON.parse(key) as Labels),
      ...times,
      count: String(of("_count")[0]?.value ?? 0),
      sum: of("_sum")[0]?.value ?? 0,
      bucketCounts: buckets.map(({ value }, n) => String(value - (buckets[n - 1]?.value ?? 0))),
      explicitBounds: buckets.slice(0, -1).map(({ labels }) => Number((labels as Labels)["le"])),
    };
  });
}

const attributes = (labels: Labels): object[] =>
  Object.entries(labels).map(([key, value]) => ({ key, value: { stringValue: String(value) } }));

const nanoseconds = (ms: number): string => `${Math.round(ms)}000000`;
