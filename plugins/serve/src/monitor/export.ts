import client from "@prometheus-io/client";
import { durationBounds, type Citadel, type Durations } from "@citadel/core";
import { topics } from "@citadel/core/frames";
import type { Silence } from "@citadel/core/alerts";
import { authentication, type Figures } from "../limit/figures.ts";
import { ownVersion } from "../version.ts";
import { countedTypes, directions, type LiveCounts } from "../live/counts.ts";
import { severities, type Alerts } from "./alerts.ts";
import { publishResults, tarballSources, updateSources, type Meter } from "./meter.ts";
import type { Measured } from "./rules.ts";
import type { Stock, StockItem } from "./stock.ts";

export interface ExportOptions {
  readonly citadel: Citadel;
  readonly figures: Figures;
  readonly meter: Meter;
  readonly alerts: Alerts<Measured>;
  readonly silences: () => ReadonlyMap<string, Silence>;
  readonly stock: Stock;
  readonly counts: LiveCounts;
}

type Labels = Readonly<Record<string, string | number>>;
interface Value {
  readonly labels: Labels;
  readonly value: number;
  /** of a line of a histogram */
  readonly metricName?: string;
}
interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  /** what several processes make together @default sum */
  readonly aggregator?: "first" | "min" | "max";
  values(): readonly Value[] | Promise<readonly Value[]>;
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
  const version = await ownVersion();
  const registry = new client.Registry();
  client.collectDefaultMetrics({ register: registry });
  for (const metric of metricsOf(options, version)) registry.registerMetric(readable(metric));
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

function metricsOf(
  { citadel, figures, meter, alerts, stock, silences, counts }: ExportOptions,
  version: string,
): readonly Metric[] {
  const counted =
    (read: (item: StockItem) => readonly Value[]): Metric["values"] =>
    async () => {
      // the rest is worth knowing while the store is away
      const item = await stock.read().catch(() => undefined);
      return item ? read(item) : [];
    };
  const upstreams = () => citadel.upstream?.status() ?? [];
  const seconds = "http_request_duration_seconds";
  const asked = "citadel_upstream_request_duration_seconds";
  const roundTrips = "citadel_websocket_rtt_seconds";
  return [
    {
      name: "citadel_build_info",
      type: "gauge",
      aggregator: "first",
      help: "What runs; always 1.",
      values: () => [{ labels: { version, node: process.versions.node }, value: 1 }],
    },
    {
      name: seconds,
      type: "histogram",
      help: "Time until the answer was ready to be sent.",
      values: () =>
        Array.from(meter.series(), ({ durations: of, ...labels }) =>
          lines(seconds, { ...labels }, of),
        ).flat(),
    },
    {
      name: "http_requests_in_flight",
      type: "gauge",
      help: "Requests whose answer is not ready.",
      values: () => one(meter.inFlight),
    },
    {
      name: "citadel_http_response_bytes_total",
      type: "counter",
      help: "Bytes of bodies that were answered.",
      values: () => by("route", meter.bytesByRoute()),
    },
    {
      name: "citadel_packages",
      type: "gauge",
      aggregator: "first",
      help: "Packages with a version.",
      values: counted(({ packages }) => by("origin", [["local", packages]])),
    },
    {
      name: "citadel_package_versions",
      type: "gauge",
      aggregator: "first",
      help: "Versions of all packages.",
      values: counted(({ versions }) => by("origin", [["local", versions]])),
    },
    {
      name: "citadel_storage_bytes",
      type: "gauge",
      aggregator: "first",
      help: "Bytes that are stored.",
      values: counted(({ storage }) =>
        storage.map(({ backend, kind, bytes }) => ({ labels: { backend, kind }, value: bytes })),
      ),
    },
    {
      name: "citadel_publishes_total",
      type: "counter",
      help: "Versions that were sent to be published.",
      values: () => by("result", publishResults.map((result) => [result, meter.publishes[result]])), // prettier-ignore
    },
    {
      name: "citadel_tarball_downloads_total",
      type: "counter",
      help: "Tarballs that were handed out whole.",
      values: () => by("source", tarballSources.map((source) => [source, meter.downloads[source]])), // prettier-ignore
    },
    {
      name: "citadel_cache_requests_total",
      type: "counter",
      help: "What the tiers of the cache were asked for.",
      async values() {
        const tiers = (await citadel.cache.opened())?.counts() ?? [];
        return tiers.flatMap(({ tier, hits, misses }) => [
          { labels: { tier, result: "hit" }, value: hits },
          { labels: { tier, result: "miss" }, value: misses },
        ]);
      },
    },
    {
      name: asked,
      type: "histogram",
      help: "Time until another registry began to answer, or failed.",
      values: () => upstreams().flatMap(({ name, durations: of }) => lines(asked, { upstream: name }, of)), // prettier-ignore
    },
    {
      name: "citadel_upstream_up",
      type: "gauge",
      aggregator: "min",
      help: "Whether another registry is asked: 0 after failures in a row.",
      values: () => by("upstream", upstreams().map(({ name, state }) => [name, state === "open" ? 0 : 1])), // prettier-ignore
    },
    {
      name: "citadel_auth_failures_total",
      type: "counter",
      help: "Credentials that were not good.",
      values() {
        const { authFailures } = figures.read();
        return by(
          "reason",
          Array.from(authentication, (code) => [code, authFailures[code] ?? 0]),
        );
      },
    },
    {
      name: "citadel_rate_limited_total",
      type: "counter",
      help: "Requests that were refused because there were too many.",
      values: () => by("scope", Object.entries(figures.read().refusals)),
    },
    {
      name: "citadel_blocked_clients",
      type: "gauge",
      aggregator: "first",
      help: "Clients that are not answered for a while.",
      values: counted(({ blockedClients }) => by("scope", [["client", blockedClients]])),
    },
    {
      name: "citadel_api_keys",
      type: "gauge",
      aggregator: "first",
      help: "API keys; expiring: within 14 days.",
      values: counted(({ apiKeys }) => by("state", Object.entries(apiKeys))),
    },
    {
      name: "citadel_websocket_connections",
      type: "gauge",
      help: "Sockets that are open.",
      values: () => one(counts.connections),
    },
    {
      name: "citadel_websocket_frames_total",
      type: "counter",
      help: "Messages of the live protocol.",
      values: () =>
        directions.flatMap((direction) =>
          countedTypes.map((type) => ({
            labels: { direction, type },
            value: counts.frames(direction, type),
          })),
        ),
    },
    {
      name: "citadel_websocket_dropped_frames_total",
      type: "counter",
      help: "Messages that gave way to newer ones because their reader was slow.",
      values: () => by("topic", topics.map((topic) => [topic, counts.drops(topic)])), // prettier-ignore
    },
    {
      name: roundTrips,
      type: "histogram",
      help: "Time from a ping to its answer.",
      values: () => lines(roundTrips, {}, counts.roundTrips),
    },
    {
      name: "citadel_config_updates_total",
      type: "counter",
      help: "Changes of the live configuration.",
      values: () => by("source", updateSources.map((source) => [source, meter.updates[source]])), // prettier-ignore
    },
    {
      name: "citadel_webhook_deliveries_total",
      type: "counter",
      help: "Calls of hooks.",
      async values() {
        const { ok, failed } = (await citadel.hooks.opened())?.counts() ?? { ok: 0, failed: 0 };
        return by("result", Object.entries({ ok, failed }));
      },
    },
    {
      name: "citadel_alerts_firing",
      type: "gauge",
      aggregator: "max",
      help: "Alerts that fire and are not silenced.",
      values() {
        const silenced = silences();
        const firing = alerts.list().filter(({ state, rule }) => state === "firing" && !silenced.has(rule)); // prettier-ignore
        return by("severity", severities.map((each) => [each, firing.filter(({ severity }) => severity === each).length])); // prettier-ignore
      },
    },
  ];
}

const one = (value: number): readonly Value[] => [{ labels: {}, value }];

const by = (label: string, counts: Iterable<readonly [string, number]>): readonly Value[] =>
  Array.from(counts, ([each, value]) => ({ labels: { [label]: each }, value }));

/** A histogram's lines: how many were at most as long as each bound, the sum and the count. */
function lines(name: string, labels: Labels, { counts, sum }: Durations): readonly Value[] {
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
