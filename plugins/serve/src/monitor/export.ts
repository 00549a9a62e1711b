import client from "@prometheus-io/client";
import { durationBounds, type Citadel, type Durations } from "@citadel/core";
import { authentication, type Figures } from "../limit/figures.ts";
import { ownVersion } from "../version.ts";
import { severities, type Alerts } from "./alerts.ts";
import type { Window } from "./collector.ts";
import { publishResults, tarballSources, updateSources, type Meter } from "./meter.ts";
import type { Stock, StockItem } from "./stock.ts";

export interface ExportOptions {
  readonly citadel: Citadel;
  readonly figures: Figures;
  readonly meter: Meter;
  readonly alerts: Alerts<Window>;
  readonly stock: Stock;
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
  values(): readonly Value[] | Promise<readonly Value[]>;
}

/** The metrics as text, in the format that the client prefers. */
export async function createExport(
  options: ExportOptions,
): Promise<(accept: string) => Promise<{ readonly type: string; readonly text: string }>> {
  const version = await ownVersion();
  const registries = new Map<string, client.Registry>();
  const registryOf = (type: client.RegistryContentType): client.Registry => {
    let registry = registries.get(type);
    if (registry) return registry;
    // one for each format: that of OpenMetrics changes the names of what it holds
    registries.set(type, (registry = new client.Registry(type)));
    client.collectDefaultMetrics({ register: registry });
    for (const metric of metricsOf(options, version)) registry.registerMetric(readable(metric));
    return registry;
  };
  return async (accept) => {
    const open = accept.includes("application/openmetrics-text");
    const { OPENMETRICS_CONTENT_TYPE, PROMETHEUS_CONTENT_TYPE } = client.Registry;
    const type = open ? OPENMETRICS_CONTENT_TYPE : PROMETHEUS_CONTENT_TYPE;
    const text = await registryOf(type).metrics();
    // the library spells it in a way that the formats do not know
    return { type, text: text.replaceAll(/ Nan$/gm, " NaN") };
  };
}

/** The numbers are counted elsewhere; all that the library asks of a metric is its name and `get()`. */
function readable({ values, ...metric }: Metric): client.Metric {
  const object = {
    ...metric,
    aggregator: "sum",
    async get() {
      const { name, help, type, aggregator } = object;
      return { name, help, type, aggregator, values: await values() };
    },
  };
  return object as unknown as client.Metric;
}

function metricsOf(
  { citadel, figures, meter, alerts, stock }: ExportOptions,
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
  return [
    {
      name: "citadel_build_info",
      type: "gauge",
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
      help: "Packages with a version.",
      values: counted(({ packages }) => by("origin", [["local", packages]])),
    },
    {
      name: "citadel_package_versions",
      type: "gauge",
      help: "Versions of all packages.",
      values: counted(({ versions }) => by("origin", [["local", versions]])),
    },
    {
      name: "citadel_storage_bytes",
      type: "gauge",
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
      help: "Clients that are not answered for a while.",
      values: counted(({ blockedClients }) => by("scope", [["client", blockedClients]])),
    },
    {
      name: "citadel_api_keys",
      type: "gauge",
      help: "API keys; expiring: within 14 days.",
      values: counted(({ apiKeys }) => by("state", Object.entries(apiKeys))),
    },
    {
      name: "citadel_config_updates_total",
      type: "counter",
      help: "Changes of the live configuration.",
      values: () => by("source", updateSources.map((source) => [source, meter.updates[source]])), // prettier-ignore
    },
    {
      name: "citadel_alerts_firing",
      type: "gauge",
      help: "Alerts that fire.",
      values() {
        const firing = alerts.list().filter(({ state }) => state === "firing");
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
