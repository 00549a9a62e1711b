/** What happened between two looks, in one process or in several. */
export interface Sample {
  /** ms since 1970, of the second look */
  readonly at: number;
  /** ms between them */
  readonly lasted: number;
  /** that it is of */
  readonly processes: number;
  /** per cent of one core; more than 100 where several were busy */
  readonly cpu: number;
  readonly memory: MemoryItem;
  /** ms, 99th percentile; undefined where the runtime does not tell */
  readonly eventLoopDelay: number | undefined;
  /** part of the time that the event loop was busy, 0 to 1, of the mean process; undefined where the runtime does not tell */
  readonly eventLoopUtilization: number | undefined;
  readonly requests: number;
  /** with a status above 499 */
  readonly failures: number;
  /** requests by duration, in the order of `durationBounds` */
  readonly durations: readonly number[];
  /** of the bodies of answers */
  readonly bytes: number;
  /** of the bodies of requests */
  readonly bytesIn: number;
  readonly publishes: number;
  readonly downloads: number;
  /** credentials that were not good */
  readonly authFailures: number;
  readonly inFlight: number;
  /** undefined where the runtime does not tell */
  readonly connections: number | undefined;
  /** messages on WebSockets, both ways */
  readonly frames: number;
  /** ms of the last ping on a WebSocket; undefined before there was one */
  readonly roundTrip: number | undefined;
}

export interface MemoryItem {
  /** bytes */
  readonly rss: number;
  readonly heapUsed: number;
  readonly heapTotal: number;
  /** bytes that the process may use: those of its control group where that is limited, else those of the machine */
  readonly limit: number;
  /** `rss` of `limit` */
  readonly percent: number;
}

/** What several processes did in the same interval, with a sample of each. */
export function together(first: Sample, ...others: readonly Sample[]): Sample {
  const samples = [first, ...others];
  const sum = (of: (sample: Sample) => number): number => total(samples.map(of));
  const most = (of: (sample: Sample) => number | undefined): number | undefined => {
    const found = samples.flatMap((sample) => of(sample) ?? []);
    return found.length === 0 ? undefined : Math.max(...found);
  };
  const told = samples.flatMap(({ connections }) => connections ?? []);
  const { limit } = first.memory;
  const rss = sum((sample) => sample.memory.rss);
  const heapUsed = sum((sample) => sample.memory.heapUsed);
  const heapTotal = sum((sample) => sample.memory.heapTotal);
  const busy = samples.flatMap(({ eventLoopUtilization }) => eventLoopUtilization ?? []);
  return {
    at: most(({ at }) => at) ?? 0,
    lasted: most(({ lasted }) => lasted) ?? 0,
    processes: sum(({ processes }) => processes),
    cpu: sum(({ cpu }) => cpu),
    memory: { rss, heapUsed, heapTotal, limit, percent: (rss / limit) * 100 },
    eventLoopDelay: most(({ eventLoopDelay }) => eventLoopDelay),
    eventLoopUtilization: busy.length === 0 ? undefined : total(busy) / busy.length,
    requests: sum(({ requests }) => requests),
    failures: sum(({ failures }) => failures),
    durations: first.durations.map((_, n) => sum((sample) => sample.durations[n] ?? 0)),
    bytes: sum(({ bytes }) => bytes),
    bytesIn: sum(({ bytesIn }) => bytesIn),
    publishes: sum(({ publishes }) => publishes),
    downloads: sum(({ downloads }) => downloads),
    authFailures: sum(({ authFailures }) => authFailures),
    inFlight: sum(({ inFlight }) => inFlight),
    connections: told.length === 0 ? undefined : total(told),
    frames: sum(({ frames }) => frames),
    roundTrip: most(({ roundTrip }) => roundTrip),
  };
}

export const total = (numbers: readonly number[]): number => numbers.reduce((sum, n) => sum + n, 0);
