import { totalmem } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { durationBounds } from "@citadel/core";
import type { Meter } from "./meter.ts";

/** What happened between two looks. */
export interface Sample {
  /** ms since 1970, of the second look */
  readonly at: number;
  /** ms between them */
  readonly lasted: number;
  /** per cent of one core; more than 100 where several were busy */
  readonly cpu: number;
  readonly memory: MemoryItem;
  /** ms, 99th percentile; undefined where the runtime does not tell */
  readonly eventLoopDelay: number | undefined;
  readonly requests: number;
  /** with a status above 499 */
  readonly failures: number;
  /** requests by duration, in the order of `durationBounds` */
  readonly durations: readonly number[];
  readonly bytes: number;
  readonly publishes: number;
  readonly downloads: number;
  readonly inFlight: number;
  /** undefined where the runtime does not tell */
  readonly connections: number | undefined;
}

export interface MemoryItem {
  /** bytes */
  readonly rss: number;
  readonly heapUsed: number;
  /** bytes that the process may use: those of its control group where that is limited, else those of the machine */
  readonly limit: number;
  /** `rss` of `limit` */
  readonly percent: number;
}

/** What all kept samples say together. */
export interface Window {
  /** seconds */
  readonly lasted: number;
  readonly cpu: number;
  readonly memoryPercent: number;
  /** ms, the mean of the samples */
  readonly eventLoopDelay: number | undefined;
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
  /** Looks every interval from now on. */
  start(): void;
  /** Looks no more and forgets what it saw. */
  stop(): void;
  /** oldest first */
  samples(): readonly Sample[];
  /** undefined before the first sample */
  window(): Window | undefined;
}

export interface CollectorOptions {
  readonly meter: Meter;
  /** ms */
  readonly interval: number;
  /** samples that are kept */
  readonly size: number;
  readonly connections: () => number | undefined;
  /** hears of every sample */
  readonly taken: () => void;
}

/** Looks at the process and at the meter with one timer, which keeps nothing alive. */
export function createCollector(options: CollectorOptions): Collector {
  const { meter, interval, size, connections, taken } = options;
  const limit = memoryLimit();
  let kept: Sample[] = [];
  let timer: NodeJS.Timeout | undefined;
  let delay: ReturnType<typeof watchDelay>;
  let before = look(meter);

  const take = (): void => {
    const now = look(meter);
    const { rss, heapUsed } = process.memoryUsage();
    const lasted = now.at - before.at;
    kept.push({
      at: Date.now(),
      lasted,
      cpu: lasted > 0 ? ((now.cpu - before.cpu) / 1000 / lasted) * 100 : 0,
      memory: { rss, heapUsed, limit, percent: (rss / limit) * 100 },
      eventLoopDelay: delay && delay.percentile(99) / 1e6,
      requests: now.requests - before.requests,
      failures: now.failures - before.failures,
      durations: now.durations.map((count, n) => count - (before.durations[n] ?? 0)),
      bytes: now.bytes - before.bytes,
      publishes: now.publishes - before.publishes,
      downloads: now.downloads - before.downloads,
      inFlight: meter.inFlight,
      connections: connections(),
    });
    if (kept.length > size) kept.shift();
    delay?.reset();
    before = now;
    taken();
  };

  return {
    start() {
      if (timer) return;
      before = look(meter);
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
    samples: () => kept,
    window: () => (kept.length === 0 ? undefined : together(kept)),
  };
}

/** Sums since the start. */
function look(meter: Meter) {
  const { user, system } = process.cpuUsage();
  const { all, failures, bytes, publishes, downloads } = meter;
  return {
    at: performance.now(),
    cpu: user + system,
    durations: [...all.counts],
    requests: total(all.counts),
    failures,
    bytes,
    publishes: publishes.ok,
    downloads: total(Object.values(downloads)),
  };
}

function together(samples: readonly Sample[]): Window {
  const sum = (of: (sample: Sample) => number): number => total(samples.map(of));
  const lasted = sum((sample) => sample.lasted) / 1000;
  const requests = sum((sample) => sample.requests);
  const each = (count: number): number => (lasted > 0 ? count / lasted : 0);
  const delays = samples.flatMap(({ eventLoopDelay }) => eventLoopDelay ?? []);
  const durations = durationBounds.map((_, n) => sum((sample) => sample.durations[n] ?? 0));
  return {
    lasted,
    cpu: lasted > 0 ? sum(({ cpu, lasted: ms }) => cpu * ms) / 1000 / lasted : 0,
    memoryPercent: samples.at(-1)?.memory.percent ?? 0,
    eventLoopDelay: delays.length === 0 ? undefined : total(delays) / delays.length,
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

const total = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + n, 0);

/** A group without a limit says 0, or more than there is. */
function memoryLimit(): number {
  const all = totalmem();
  const own = process.constrainedMemory?.() ?? 0;
  return own > 0 && own < all ? own : all;
}

function watchDelay(): ReturnType<typeof monitorEventLoopDelay> | undefined {
  try {
    const histogram = monitorEventLoopDelay({ resolution: 20 });
    histogram.enable();
    return histogram;
  } catch {
    return undefined; // not in every runtime
  }
}
