import { logger, type Citadel } from "@citadel/core";
import type { Silence } from "@citadel/core/alerts";
import type { Change } from "@citadel/core/live";
import type { MetricsSample } from "@citadel/core/frames";
import type { Figures } from "../limit/figures.ts";
import { createLiveCounts, type LiveCounts } from "../live/counts.ts";
import type { Hub } from "../live/hub.ts";
import { createAlerts, type AlertItem, type Alerts } from "./alerts.ts";
import type { Together } from "../server/together.ts";
import type { Trace } from "../trace/trace.ts";
import type { Export, Exported } from "./export.ts";
import { createCollector, type Collector } from "./collector.ts";
import { createFacts } from "./facts.ts";
import { createLiveSamples, hitRatio } from "./live-samples.ts";
import { createMeter, type Meter, type updateSources } from "./meter.ts";
import type { SpanCounts } from "./otlp-spans.ts";
import { createReadiness, type Readiness } from "./ready.ts";
import { alertRules, type Measured } from "./rules.ts";
import { allTotals, totalsOf, type Totals } from "./totals.ts";
import { total } from "./sample.ts";
import { createStock, type Stock } from "./stock.ts";

/** What a server knows of itself. */
export interface Monitor {
  readonly meter: Meter;
  readonly collector: Collector;
  readonly alerts: Alerts<Measured>;
  /** alerts that nobody is told of, as of the last look */
  silences(): ReadonlyMap<string, Silence>;
  /** Looks at once at what is looked at now and then. */
  look(): Promise<void>;
  /** Calls back when an alert begins or ceases to fire; not while it is silenced. `first`: in one process of the server. */
  told(listener: (alert: AlertItem, first: boolean) => void): void;
  /** What all processes of the server have counted since they started. */
  totals(): Promise<Totals>;
  readonly stock: Stock;
  /** what became of the spans of this process */
  readonly spans: SpanCounts;
  /** of the sockets of this process */
  readonly counts: LiveCounts;
  /** the last samples as sockets are told, oldest first; none while METRICS is off */
  history(): readonly MetricsSample[];
  readonly ready: Readiness;
  /**
   * Collects while the switch METRICS is on.
   * @param connections that are open
   * @returns ends it
   */
  start(connections: () => number | undefined): Promise<() => void>;
  /** The metrics of this process; undefined while METRICS is off. */
  read(): Promise<Exported | undefined>;
  /** What a scrape gets. @param accept the field of the request */
  export(accept: string): Promise<{ readonly type: string; readonly text: string }>;
}

export function createMonitor(
  citadel: Citadel,
  figures: Figures,
  processes: Together,
  hub: Hub,
  trace: Pick<Trace, "part"> | undefined,
): Monitor {
  const log = logger("alerts");
  const { metrics, alert, upstream } = citadel.settings;
  const meter = createMeter(trace);
  const upstreams = upstream.registries.map(({ name }) => name);
  const alerts = createAlerts(alertRules(alert, upstreams), Date.now());
  const stock = createStock(citadel, () => meter.publishes.ok);
  const facts = createFacts(citadel);
  const counts = createLiveCounts();
  const spans = { sent: 0, failed: 0, dropped: 0 };
  const samples = createLiveSamples(stock, metrics.historySize, async () =>
    hitRatio((await totals()).cache),
  );
  const listeners: ((alert: AlertItem, first: boolean) => void)[] = [];
  const totals = async (): Promise<Totals> => {
    const { living, gone } = await processes.gather<Totals>("totals");
    return allTotals(living, gone);
  };
  /** of several processes one counts what all of them hear of */
  let leading = citadel.settings.server.workers <= 1;
  let connected: () => number | undefined = () => undefined;
  const collector = createCollector({
    ...{ meter, counts },
    authFailures: () => total(Object.values(figures.read().authFailures)),
    interval: metrics.collectionInterval,
    size: metrics.historySize,
    connections: () => connected(),
    took: (sample) => processes.took(sample),
  });
  processes.seen((sample, first) => {
    leading = first;
    collector.keep(sample);
    if (!meter.on) return;
    hub.publish("metrics", samples.take(sample));
    const window = collector.window();
    if (!window) return;
    const seen = facts.read();
    for (const turned of alerts.see({ ...window, facts: seen }, Date.now())) {
      const { rule, about, state, value, threshold } = turned;
      log(`${rule} is ${state}`, { ...(about !== undefined && { about }), value, threshold });
      if (!seen.silences.has(rule)) for (const listener of listeners) listener(turned, first);
    }
  });
  processes.answer("totals", async () => totalsOf(citadel, meter, figures, counts));
  let exporting: Promise<Export> | undefined;
  // what writes the text is loaded by the first who asks for it
  const exporter = (): Promise<Export> =>
    (exporting ??= import("./export.ts").then(
      ({ createExport }) =>
      createExport({ ...{ citadel, figures, meter, alerts, stock, counts, spans }, silences: () => facts.read().silences }), // prettier-ignore
    ));
  processes.answer("export", async () => (await exporter()).read());

  return {
    ...{ meter, collector, alerts, stock, counts, spans },
    history: () => samples.list(),
    silences: () => facts.read().silences,
    look: facts.look,
    told: (listener) => void listeners.push(listener),
    totals,
    ready: createReadiness(citadel),
    async start(connections) {
      connected = connections;
      const live = await citadel.live();
      const follow = (): void => {
        meter.on = live.isOn("METRICS");
        if (meter.on) return collector.start();
        collector.stop();
        samples.forget();
        alerts.reset();
      };
      follow();
      const unwatch = live.watch((change) => {
        follow();
        const source = sourceOf(change, counts, leading);
        if (source) meter.updated(source);
      });
      return () => {
        unwatch();
        collector.stop();
      };
    },
    read: async () => (meter.on ? (await exporter()).read() : undefined),
    async export(accept) {
      const { living, gone } = await processes.gather<Exported>("export");
      return (await exporter()).write(accept, living, gone);
    },
  };
}

/** What a change is counted as here; undefined: another process of the server counts it. */
function sourceOf(
  { source, by, via }: Change,
  { bySocket }: LiveCounts,
  leading: boolean,
): (typeof updateSources)[number] | undefined {
  if (source === "file") return source;
  if (by) return bySocket.has(by) ? "ws" : by.via === "cli" ? "cli" : "http";
  return via === "cli" && leading ? "cli" : undefined;
}
