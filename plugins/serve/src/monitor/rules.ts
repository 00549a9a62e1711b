import type { Settings } from "@citadel/core/config";
import type { Rule } from "./alerts.ts";
import type { Window } from "./collector.ts";
import type { Facts } from "./facts.ts";

/** What alerts look at. */
export type Measured = Window & { readonly facts: Facts };

/** requests below which a share of failures says nothing */
const telling = 20;
const failing = 0.05;
/** ms */
const slowLoop = 200;
const lasting = 30_000;
const coolDown = 300_000;
/** per cent of the file system that may be used */
const fullDisk = 90;
/** credentials that were not good, in all kept samples */
const manyFailures = 30;

/** When a running server raises an alert. @param upstreams names of the registries behind it */
export function alertRules(
  settings: Settings["alert"],
  upstreams: readonly string[],
): readonly Rule<Measured>[] {
  const usual = { lasting, coolDown, severity: "warning" } as const;
  return [
    {
      ...usual,
      name: "cpu",
      description: "per cent of one core, of each process",
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
    {
      ...usual,
      name: "disk",
      severity: "critical",
      description: "per cent of the data folder's file system that is used",
      threshold: fullDisk,
      value: ({ facts }) => facts.diskUsed,
    },
    {
      ...usual,
      name: "key-expiring",
      lasting: 0,
      description: "API keys that end within 14 days",
      threshold: 0,
      value: ({ facts }) => facts.expiringKeys,
    },
    ...upstreams.map((about) => ({
      ...usual,
      about,
      name: "upstream" as const,
      description: `whether ${about} is not asked any more, after failures in a row`,
      threshold: 0,
      value: ({ facts }: Measured) => Number(facts.upstreamsDown.has(about)),
    })),
    {
      ...usual,
      name: "failed-logins",
      lasting: 0,
      description: "credentials that were not good, in the samples that are kept",
      threshold: manyFailures,
      value: ({ authFailures }) => authFailures,
    },
    {
      ...usual,
      name: "blocked-clients",
      lasting: 0,
      description: "clients that are not answered for a while",
      threshold: 0,
      value: ({ facts }) => facts.blockedClients,
    },
  ];
}
