import { Worker } from "node:worker_threads";

export interface Limits {
  /** MB */
  readonly memory: number;
  /** ms */
  readonly patience: number;
  /** ms until the worker says that it has {@link begun}, and its patience counts @default that counts from the start */
  readonly start?: number;
}

/** What a worker posts when all that it needs is loaded. */
export const begun = "begun";

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
    worker.on("message", (message) => {
      if (message !== begun) return resolve(message as T);
      clearTimeout(timer);
      timer = setTimeout(stop, limits.patience);
    });
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
