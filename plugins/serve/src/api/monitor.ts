import { CitadelError, isLoopback } from "@citadel/core";
import { Hono, type Context } from "hono";
import { administrator, callerOf } from "../context.ts";
import { hitRatio } from "../monitor/live-samples.ts";
import { getPath } from "../npm/routes.ts";
import type { Env, Handler } from "../npm/room.ts";

/** How the server is: figures and alerts for administrators, `/metrics` for Prometheus, two questions for load balancers. */
export function monitorRoutes(): Hono<Env> {
  return new Hono<Env>({ getPath })
    .get("/_api/performance/metrics", getMetrics)
    .get("/_api/performance/summary", getSummary)
    .get("/metrics", getExport)
    .get("/-/metrics", getExport)
    .get("/-/healthz", getAlive)
    .get("/-/readyz", getReady);
}

const getMetrics: Handler = async (c) => {
  const { collector } = await monitorOf(c);
  const { metrics } = c.env.shared.citadel.settings;
  const samples = collector.samples().map(({ at, durations: _, ...sample }) => ({
    at: isoDate(at),
    ...sample,
  }));
  return c.json({ interval: metrics.collectionInterval, size: metrics.historySize, samples });
};

const getSummary: Handler = async (c) => {
  const { collector, stock, alerts, totals } = await monitorOf(c);
  const [{ packages, versions, storage }, all] = await Promise.all([stock.read(), totals()]);
  const { cache, inFlight, failures, bytes, publishes, downloads, updates, webSockets } = all;
  const { since, requests } = all.figures;
  const last = collector.samples().at(-1);
  return c.json({
    since,
    window: collector.window() ?? null,
    memory: last?.memory ?? null,
    connections: last?.connections ?? null,
    inFlight,
    totals: {
      requests: requests.total,
      ...{ failures, bytes, publishes, downloads },
      configUpdates: updates,
    },
    ...{ packages, versions, storage },
    cacheHitRate: hitRatio(cache) ?? null,
    webSockets,
    alerts: alerts.list().filter(({ state }) => state === "firing").length,
  });
};

const getExport: Handler = async (c) => {
  const { shared, asked } = c.env;
  // behind a proxy on this machine everybody seems to come from here
  const here = isLoopback(shared.guard.client(asked) ?? "") && !shared.guard.forwarded(asked);
  if (!here && !(await callerOf(shared, asked)).principal.grant?.metrics)
    await administrator(shared, asked);
  await switchedOn(c);
  const { type, text } = await shared.monitor.export(asked.header("accept") ?? "");
  return c.body(text, 200, { "content-type": type });
};

const getAlive: Handler = async (c) => c.json({ status: "ok" });

const getReady: Handler = async (c) => {
  const checks = await c.env.shared.monitor.ready.check();
  const ok = checks.store && checks.disk;
  return c.json({ status: ok ? "ok" : "failing", checks }, ok ? 200 : 503);
};

/** For administrators. @throws E_AUTH_REQUIRED, E_FORBIDDEN, E_NOT_FOUND while METRICS is off */
export async function monitorOf(c: Context<Env>) {
  const { shared, asked } = c.env;
  await administrator(shared, asked);
  await switchedOn(c);
  return shared.monitor;
}

/** @throws E_NOT_FOUND while METRICS is off */
async function switchedOn({ env: { shared } }: Context<Env>): Promise<void> {
  if (!(await shared.citadel.live()).isOn("METRICS"))
    throw new CitadelError("E_NOT_FOUND", "nothing is measured: METRICS is off", {
      hint: ["citadel config:enable METRICS"],
    });
}

export const isoDate = (ms: number): string => new Date(ms).toISOString();
