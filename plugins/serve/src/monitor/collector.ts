import { totalmem } from "node:os";
import {
  monitorEventLoopDelay,
  performance as loop,
  type EventLoopUtilization,
} from "node:perf_hooks";
import { durationBounds } from "@citadel/core";
import type { LiveCounts } from "../live/counts.ts";
import type { Meter } from "./meter.ts";
import { total, type Sample } from "./sample.ts";

/** What all kept samples say together. */
export interface Window {
  /** seconds */
  readonly lasted: number;
  /** per cent of one core, of the mean process */
  readonly cpu: number;
  readonly memoryPercent: number;
  /** ms, the mean of the samples' 99th percentiles */
  readonly eventLoopDelay: number | undefined;
  /** credentials that were not good */
  readonly authFailures: number;
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** 0 to 1; undefined without requests */
  readonly failureRatio: number | undefined;
  /** ms: the bound below which so many lie; undefined without requests */
  readonly latency: { readonly p50: number | undefined; readonly p95: number | undefined };
  readonly bytesPerSecond: number;
  readonly publishesPerSecond: number;
  readonly downloadsPerSecond: number;
}

export interface Collector {
  /** Looks at this process every interval from now on. */
  start(): void;
  /** Looks no more and forgets what it saw. */
  stop(): void;
  /** Keeps a sample of the whole server. */
  keep(sample: Sample): void;
  /** oldest first */
  samples(): readonly Sample[];
  /** undefined before the first sample */
  window(): Window | undefined;
}

export interface CollectorOptions {
  readonly meter: Meter;
  readonly counts: Pick<LiveCounts, "total" | "roundTrip">;
  /** credentials that were not good, since the start */
  readonly authFailures: () => number;
  /** ms */
  readonly interval: number;
  /** samples that are kept */
  readonly size: number;
  readonly connections: () => number | undefined;
  /** hears of every sample of this process */
  readonly took: (sample: Sample) => void;
}

/** Looks at the process and at the meter with one timer, which keeps nothing alive. */
export function createCollector(options: CollectorOptions): Collector {
  const { interval, size, connections, took } = options;
  const { meter, counts } = options;
  const limit = memoryLimit();
  let kept: Sample[] = [];
  let timer: NodeJS.Timeout | undefined;
  let delay: ReturnType<typeof watchDelay>;
  let before = look(options);

  const take = (): void => {
    const now = look(options);
    const { rss, heapUsed, heapTotal } = process.memoryUsage();
    const lasted = now.at - before.at;
    took({
      at: Date.now(),
      lasted,
      processes: 1,
      cpu: lasted > 0 ? ((now.cpu - before.cpu) / 1000 / lasted) * 100 : 0,
      memory: { rss, heapUsed, heapTotal, limit, percent: (rss / limit) * 100 },
      eventLoopDelay: delay && delay.percentile(99) / 1e6,
      eventLoopUtilization:
        now.loop && loop.eventLoopUtilization(now.loop, before.loop).utilization,
      requests: now.requests - before.requests,
      failures: now.failures - before.failures,
      durations: now.durations.map((count, n) => count - (before.durations[n] ?? 0)),
      bytes: now.bytes - before.bytes,
      bytesIn: now.bytesIn - before.bytesIn,
      publishes: now.publishes - before.publishes,
      downloads: now.downloads - before.downloads,
      authFailures: now.authFailures - before.authFailures,
      inFlight: meter.inFlight,
      connections: connections(),
      frames: now.frames - before.frames,
      roundTrip: counts.roundTrip,
    });
    delay?.reset();
    before = now;
  };

  return {
    start() {
      if (timer) return;
      before = look(options);
      delay = watchDelay();
      timer = setInterval(take, interval).unref();
    },
    stop() {
      clearInterval(timer);
      timer = undefined;
      delay?.disable();
      delay = undefined;
      kept = [];
    },
    keep(sample) {
      // one of the others may stop later
      if (!timer) return;
      kept.push(sample);
      if (kept.length > size) kept.shift();
    },
    samples: () => kept,
    window: () => (kept.length === 0 ? undefined : over(kept)),
  };
}

/** Sums since the start. */
function look({ meter, counts, authFailures }: CollectorOptions) {
  const { user, system } = process.cpuUsage();
  const { failures, bytes, bytesIn, publishes, downloads } = meter;
  const durations = meter.durations();
  return {
    at: performance.now(),
    cpu: user + system,
    loop: utilization(),
    frames: counts.total,
    durations,
    requests: total(durations),
    failures,
    bytes,
    bytesIn,
    publishes: publishes.ok,
    downloads: total(Object.values(downloads)),
    authFailures: authFailures(),
  };
}

function over(samples: readonly Sample[]): Window {
  const sum = (of: (sample: Sample) => number): number => total(samples.map(of));
  const lasted = sum((sample) => sample.lasted) / 1000;
  const requests = sum((sample) => sample.requests);
  const each = (count: number): number => (lasted > 0 ? count / lasted : 0);
  const delays = samples.flatMap(({ eventLoopDelay }) => eventLoopDelay ?? []);
  const durations = durationBounds.map((_, n) => sum((sample) => sample.durations[n] ?? 0));
  return {
    lasted,
    cpu:
      lasted > 0
        ? sum(({ cpu, processes, lasted: ms }) => (cpu / processes) * ms) / 1000 / lasted
        : 0,
    memoryPercent: samples.at(-1)?.memory.percent ?? 0,
    eventLoopDelay: delays.length === 0 ? undefined : total(delays) / delays.length,
    authFailures: sum((sample) => sample.authFailures),
    requests,
    requestsPerSecond: each(requests),
    failureRatio: requests === 0 ? undefined : sum((sample) => sample.failures) / requests,
    latency: { p50: quantile(durations, requests, 0.5), p95: quantile(durations, requests, 0.95) },
    bytesPerSecond: each(sum((sample) => sample.bytes)),
    publishesPerSecond: each(sum((sample) => sample.publishes)),
    downloadsPerSecond: each(sum((sample) => sample.downloads)),
  };
}

/** Ms: within the bound that holds it, as far as its place among those there; past the last bound that one. */
function quantile(counts: readonly number[], all: number, part: number): number | undefined {
  if (all === 0) return undefined;
  let below = 0;
  for (const [n, bound] of durationBounds.entries()) {
    const here = counts[n] ?? 0;
    if (here > 0 && below + here >= all * part) {
      const from = durationBounds[n - 1] ?? 0;
      return 1000 * (from + ((bound - from) * (all * part - below)) / here);
    }
    below += here;
  }
  return 1000 * (durationBounds.at(-1) ?? 0);
}

/** A group without a limit says 0, or more than there is. */
function memoryLimit(): number {
  const all = totalmem();
  const own = process.constrainedMemory?.() ?? 0;
  return own > 0 && own < all ? own : all;
}

/** Not in every runtime. */
const utilization = (): EventLoopUtilization | undefined => loop.eventLoopUtilization?.();

function watchDelay(): ReturnType<typeof monitorEventLoopDelay> | undefined {
  try {
    // each look wakes the process: what blocks for a shorter while shows in the utilisation
    const histogram = monitorEventLoopDelay({ resolution: 50 });
    histogram.enable();
    return histogram;
  } catch {
    return undefined; // not in every runtime
  }
}
