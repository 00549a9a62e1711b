import { Worker } from "node:worker_threads";

export interface Limits {
  /** MB */
  readonly memory: number;
  /** ms */
  readonly patience: number;
  /** ms until the worker says that it has {@link begun}, and its patience counts @default that counts from the start */
  readonly start?: number;
  /** ms of the processor from then on: a busy machine is not the fault of what is read */
  readonly work?: number;
}

/** What a worker posts when all that it needs is loaded. */
export const begun = "begun";

/** ms between two looks at the work of a worker */
const look = 25;

/**
 * What a worker makes of some data, where neither its memory nor its time can harm this process.
 * @param file a module that posts one message, not counting {@link begun}, and ends
 * @returns undefined when it took too much of anything
 */
export function confined<T>(file: URL, data: unknown, limits: Limits): Promise<T | undefined> {
  const worker = new Worker(file, {
    workerData: data,
    resourceLimits: { maxOldGenerationSizeMb: limits.memory },
  });
  return new Promise((resolve, reject) => {
    const stop = (): void => void worker.terminate();
    let timer = setTimeout(stop, limits.start ?? limits.patience);
    let watch: NodeJS.Timeout | undefined;
    worker.on("message", (message) => {
      if (message !== begun) return resolve(message as T);
      clearTimeout(timer);
      const { patience, work } = limits;
      // Node 22 does not know how much a worker has worked
      const measured = work !== undefined && "cpuUsage" in worker;
      timer = setTimeout(stop, work === undefined || measured ? patience : work);
      if (measured) watch = watchWork(worker, work, stop);
    });
    worker.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "ERR_WORKER_OUT_OF_MEMORY" || error instanceof RangeError
        ? resolve(undefined)
        : reject(error),
    );
    worker.once("exit", () => {
      clearTimeout(timer);
      clearInterval(watch);
      resolve(undefined);
    });
  });
}

/** Calls back when a worker has worked for so many ms from now on. */
function watchWork(worker: Worker, most: number, stop: () => void): NodeJS.Timeout {
  // it ends while it is asked
  const usage = (): Promise<number | undefined> =>
    worker.cpuUsage().then(
      ({ user, system }) => (user + system) / 1000,
      () => undefined,
    );
  const before = usage();
  return setInterval(() => {
    void Promise.all([before, usage()]).then(([from, now]) => {
      if (from !== undefined && now !== undefined && now - from > most) stop();
    });
  }, look);
}
