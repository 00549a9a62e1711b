import client from "@prometheus-io/client";
import { ownRevision, ownVersion } from "../version.ts";
import type { LiveCounts } from "../live/counts.ts";
import type { Meter } from "./meter.ts";
import { liveMetrics } from "./metrics/live.ts";
import type { Metric } from "./metrics/metric.ts";
import { requestMetrics } from "./metrics/requests.ts";
import { stockMetrics } from "./metrics/stock.ts";
import { workMetrics, type WorkOptions } from "./metrics/work.ts";
import type { Stock } from "./stock.ts";
import type { Citadel } from "@citadel/core";

export interface ExportOptions extends Omit<WorkOptions, "citadel"> {
  readonly citadel: Citadel;
  readonly meter: Meter;
  readonly stock: Stock;
  readonly counts: LiveCounts;
}

/** The metrics of one process, with their values. */
export type Exported = readonly client.MetricObjectWithValues<client.MetricValue<string>>[];

export interface Export {
  read(): Promise<Exported>;
  /** What processes have read, together, in the format that a client prefers. @param gone of those that have ended */
  write(
    accept: string,
    living: readonly Exported[],
    gone: readonly Exported[],
  ): Promise<{ readonly type: string; readonly text: string }>;
}

export async function createExport(options: ExportOptions): Promise<Export> {
  const { citadel, meter, stock, counts } = options;
  const registry = new client.Registry();
  client.collectDefaultMetrics({ register: registry });
  const metrics = [
    buildMetric(await ownVersion(), await ownRevision()),
    ...requestMetrics(meter),
    ...stockMetrics(stock),
    ...liveMetrics(citadel, meter, counts),
    ...workMetrics(options),
  ];
  for (const metric of metrics) registry.registerMetric(readable(metric));
  return {
    read: async () =>
      (await registry.getMetricsAsJSON()).map((metric) => {
        if (metric.name === "process_start_time_seconds") return { ...metric, aggregator: "min" };
        return metric.name.startsWith("nodejs_eventloop_lag_")
          ? { ...metric, aggregator: "max" }
          : metric;
      }),
    async write(accept, living, gone) {
      const open = accept.includes("application/openmetrics-text");
      const { OPENMETRICS_CONTENT_TYPE, PROMETHEUS_CONTENT_TYPE } = client.Registry;
      const type = open ? OPENMETRICS_CONTENT_TYPE : PROMETHEUS_CONTENT_TYPE;
      // of a process that has ended only what it counted is left
      const counted = gone.map((all) => all.filter(({ type: each }) => each !== "gauge"));
      const named = [...living, ...counted].map((each) => (open ? each.map(withoutEnding) : each));
      const all = client.AggregatorRegistry.aggregate(named);
      all.setContentType(type);
      const text = await all.metrics();
      // the library spells it in a way that the formats do not know
      return { type, text: text.replaceAll(/ Nan$/gm, " NaN") };
    },
  };
}

/** OpenMetrics puts the ending on the samples of a counter, not on its name. */
const withoutEnding = (metric: Exported[number]): Exported[number] =>
  String(metric.type) === "counter"
    ? { ...metric, name: metric.name.replace(/_total$/, "") }
    : metric;

/** The numbers are counted elsewhere; all that the library asks of a metric is its name and `get()`. */
function readable({ values, ...metric }: Metric): client.Metric {
  const object = {
    ...metric,
    aggregator: metric.aggregator ?? "sum",
    async get() {
      const { name, help, type, aggregator } = object;
      return { name, help, type, aggregator, values: await values() };
    },
  };
  return object as unknown as client.Metric;
}

const buildMetric = (version: string, revision: string): Metric => ({
  name: "citadel_build_info",
  type: "gauge",
  aggregator: "first",
  help: "What runs; always 1.",
  values: () => [{ labels: { version, node: process.versions.node, revision }, value: 1 }],
});
