import { logger, type Citadel } from "@citadel/core";
import type { Figures } from "../limit/figures.ts";
import type { Hub } from "../live/hub.ts";
import { createAlerts, type Alerts } from "./alerts.ts";
import { createCollector, type Collector, type Window } from "./collector.ts";
import { createMeter, type Meter } from "./meter.ts";
import { createReadiness, type Readiness } from "./ready.ts";
import { alertRules } from "./rules.ts";
import { createStock, type Stock } from "./stock.ts";

/** What a server knows of itself. */
export interface Monitor {
  readonly meter: Meter;
  readonly collector: Collector;
  readonly alerts: Alerts<Window>;
  readonly stock: Stock;
  readonly ready: Readiness;
  /**
   * Collects while the switch METRICS is on.
   * @param connections that are open
   * @returns ends it
   */
  start(connections: () => number | undefined): Promise<() => void>;
  /** What a scrape gets. @param accept the field of the request */
  export(accept: string): Promise<{ readonly type: string; readonly text: string }>;
}

export function createMonitor(citadel: Citadel, figures: Figures, hub: Hub): Monitor {
  const log = logger("alerts");
  const { metrics, alert } = citadel.settings;
  const meter = createMeter();
  const alerts = createAlerts(alertRules(alert), Date.now());
  const stock = createStock(citadel);
  let connected: () => number | undefined = () => undefined;
  const collector = createCollector({
    meter,
    interval: metrics.collectionInterval,
    size: metrics.historySize,
    connections: () => connected(),
    taken() {
      const window = collector.window();
      if (!window) return;
      for (const alert of alerts.see(window, Date.now())) {
        const { rule, state, value = null, threshold, since } = alert;
        log(`${rule} is ${state}`, { value, threshold });
        hub.publish("alert", { ...alert, value, since: new Date(since).toISOString() });
      }
    },
  });
  let exporting: Promise<Monitor["export"]> | undefined;

  return {
    ...{ meter, collector, alerts, stock },
    ready: createReadiness(citadel),
    async start(connections) {
      connected = connections;
      const live = await citadel.live();
      const follow = (): void => {
        meter.on = live.isOn("METRICS");
        if (meter.on) return collector.start();
        collector.stop();
        alerts.reset();
      };
      follow();
      const unwatch = live.watch(({ source }) => {
        follow();
        meter.updated(source === "here" ? "http" : "file");
      });
      return () => {
        unwatch();
        collector.stop();
      };
    },
    async export(accept) {
      // what writes the text is loaded by the first who asks for it
      exporting ??= import("./export.ts").then(({ createExport }) =>
        createExport({ citadel, figures, meter, alerts, stock }),
      );
      return (await exporting)(accept);
    },
  };
}
