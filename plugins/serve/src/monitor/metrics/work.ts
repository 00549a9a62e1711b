import type { Citadel } from "@citadel/core";
import type { Silence } from "@citadel/core/alerts";
import { authentication, type Figures } from "../../limit/figures.ts";
import { severities, type Alerts } from "../alerts.ts";
import type { SpanCounts } from "../otlp-spans.ts";
import type { Measured } from "../rules.ts";
import { by, lines, one, type Metric } from "./metric.ts";

const asked = "citadel_upstream_request_duration_seconds";

export interface WorkOptions {
  readonly citadel: Pick<Citadel, "cache" | "upstream" | "hooks" | "background" | "backups">;
  readonly figures: Figures;
  readonly alerts: Alerts<Measured>;
  readonly silences: () => ReadonlyMap<string, Silence>;
  readonly spans: SpanCounts;
}

/** What a server does for its answers and besides them, and what it does not do. */
export function workMetrics({
  citadel,
  figures,
  alerts,
  silences,
  spans,
}: WorkOptions): readonly Metric[] {
  const upstreams = () => citadel.upstream?.status() ?? [];
  return [
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
      name: "citadel_webhook_deliveries_total",
      type: "counter",
      help: "Calls of hooks.",
      async values() {
        const { ok, failed } = (await citadel.hooks.opened())?.counts() ?? { ok: 0, failed: 0 };
        return by("result", Object.entries({ ok, failed }));
      },
    },
    {
      name: "citadel_jobs_total",
      type: "counter",
      help: "Work that nobody waits for.",
      values: () =>
        Object.entries(citadel.background.counts()).flatMap(([job, counts]) =>
          Object.entries(counts).map(([result, value]) => ({ labels: { job, result }, value })),
        ),
    },
    {
      name: "citadel_last_backup_timestamp_seconds",
      type: "gauge",
      aggregator: "max",
      help: "When a good backup ended; 0: never.",
      async values() {
        const backups = await citadel.backups();
        // the rest is worth knowing while the store is away
        return backups.last().then((at = 0) => one(at / 1000), () => []); // prettier-ignore
      },
    },
    {
      name: "citadel_spans_total",
      type: "counter",
      help: "Spans for a collector; dropped: more than could be sent.",
      values: () => by("result", Object.entries(spans)),
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
