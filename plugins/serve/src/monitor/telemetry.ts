import type { Citadel } from "@citadel/core";
import type { Trace } from "../trace/trace.ts";
import type { Monitor } from "./monitor.ts";
import { reportMetrics } from "./otlp-metrics.ts";
import { createSpanQueue } from "./otlp-spans.ts";
import { openCollector } from "./otlp.ts";

/**
 * Prepares reports of the metrics and spans of this process to the collector at `endpoint`.
 * @returns begins them; what comes back from it reports once more, and ends them: in a few seconds, whatever the collector does
 */
export async function openTelemetry(
  { settings, secret }: Pick<Citadel, "settings" | "secret">,
  endpoint: string,
  trace: Pick<Trace, "record"> | undefined,
  { read, spans: counts }: Pick<Monitor, "read" | "spans">,
): Promise<() => () => Promise<void>> {
  const { interval } = settings.telemetry;
  const collector = await openCollector(settings, endpoint, secret);
  return () => {
    const stopMetrics = reportMetrics(collector, interval, read);
    const spans = createSpanQueue(collector, interval, counts);
    trace?.record(spans.take);
    return async () => {
      collector.hurry();
      await Promise.all([stopMetrics(), spans.stop()]);
      await collector.close();
    };
  };
}
