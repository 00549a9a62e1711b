import { Worker } from "node:worker_threads";

export interface Limits {
  /** MB */
  readonly memory: number;
  /** ms */
  readonly patience: number;
}

/**
 * What a worker makes of some data, where neither its memory nor its time can harm this process.
 * @param file a module that posts one message and ends
 * @returns undefined when it took too much of anything
 */
export function confined<T>(file: URL, data: unknown, limits: Limits): Promise<T | undefined> {
  const worker = new Worker(file, {
    workerData: data,
    resourceLimits: { maxOldGenerationSizeMb: limits.memory },
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => void worker.terminate(), limits.patience);
    worker.once("message", resolve);
    worker.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "ERR_WORKER_OUT_OF_MEMORY" || error instanceof RangeError
        ? resolve(undefined)
        : reject(error),
    );
    worker.once("exit", () => {
      clearTimeout(timer);
      resolve(undefined);
    });
  });
}
