import type { Settings } from "@citadel/core/config";
import type { Rule } from "./alerts.ts";
import type { Window } from "./collector.ts";

/** requests below which a share of failures says nothing */
const telling = 20;
const failing = 0.05;
/** ms */
const slowLoop = 200;
const lasting = 30_000;
const coolDown = 300_000;

/** When a running server raises an alert. */
export function alertRules(settings: Settings["alert"]): readonly Rule<Window>[] {
  const usual = { lasting, coolDown, severity: "warning" } as const;
  return [
    {
      ...usual,
      name: "cpu",
      description: "per cent of one core",
      threshold: settings.cpuThreshold,
      value: ({ cpu }) => cpu,
    },
    {
      ...usual,
      name: "memory",
      severity: "critical",
      description: "per cent of the memory that the process may use",
      threshold: settings.memoryThreshold,
      value: ({ memoryPercent }) => memoryPercent,
    },
    {
      ...usual,
      name: "latency",
      description: "milliseconds within which 95 of 100 requests are answered",
      threshold: settings.latencyThreshold,
      value: ({ latency }) => latency.p95,
    },
    {
      ...usual,
      name: "errors",
      severity: "critical",
      description: "share of requests that fail here, of at least 20",
      threshold: failing,
      value: ({ requests, failureRatio }) => (requests < telling ? undefined : failureRatio),
    },
    {
      ...usual,
      name: "event-loop",
      description: "milliseconds that the event loop is late, 99th percentile",
      threshold: slowLoop,
      value: ({ eventLoopDelay }) => eventLoopDelay,
    },
  ];
}
