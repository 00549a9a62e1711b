import { sampleOf, type MetricField, type MetricsSample } from "@citadel/core/frames";
import type { Sample } from "./sample.ts";
import type { Stock } from "./stock.ts";

/** samples that one message holds at most */
const most = 255;

/** What is measured, as sockets are told. */
export interface LiveSamples {
  /** The sample as it is told; it is kept. */
  take(sample: Sample): MetricsSample;
  /** oldest first */
  list(): readonly MetricsSample[];
  forget(): void;
}

export function createLiveSamples(
  stock: Stock,
  size: number,
  hitRatio: () => Promise<number | undefined>,
): LiveSamples {
  let kept: MetricsSample[] = [];
  let packages: number | undefined;
  let cacheHitRatio: number | undefined;

  /** These take a while to count: a sample has those of a moment ago. */
  const count = async (): Promise<void> => {
    ({ packages } = await stock.read());
    cacheHitRatio = await hitRatio();
  };

  return {
    take(sample) {
      count().catch(() => (packages = undefined));
      const { cpu, memory, requests, bytes, bytesIn, publishes, downloads, connections } = sample;
      const each = (number: number): number => (number / sample.lasted) * 1000;
      const values: Readonly<Record<MetricField, number | undefined>> = {
        ...{ cpu, rss: memory.rss, heapUsed: memory.heapUsed, heapTotal: memory.heapTotal },
        elu: sample.eventLoopUtilization,
        lagP99: sample.eventLoopDelay,
        rps: each(requests),
        connections,
        bytesOut: each(bytes),
        bytesIn: each(bytesIn),
        packages,
        publishes: each(publishes),
        downloads: each(downloads),
        cacheHitRatio,
        wsMessages: each(sample.frames),
        wsRtt: sample.roundTrip,
      };
      const made = sampleOf(sample.at, (field) => values[field]);
      kept.push(made);
      if (kept.length > Math.min(size, most)) kept.shift();
      return made;
    },
    list: () => kept,
    forget: () => void (kept = []),
  };
}

/** What a nearer tier has not is asked of the next one, so that every question begins at the first. */
export function hitRatio(
  tiers: readonly { readonly hits: number; readonly misses: number }[],
): number | undefined {
  const [first] = tiers;
  const asked = first ? first.hits + first.misses : 0;
  return asked === 0 ? undefined : tiers.reduce((sum, { hits }) => sum + hits, 0) / asked;
}
