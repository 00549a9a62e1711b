import { Worker } from "node:worker_threads";
import { compareApis } from "./api.ts";
import { patch, type ApiChange, type Tree } from "./change.ts";

/** MB, ms: types can be written that no compiler compares in a lifetime */
const memory = 1024;
const patience = 60_000;

/** The comparison of types; of names alone where types are too intricate to compare, which is said then. */
export async function compareWithinLimits(old: Tree, now: Tree): Promise<ApiChange[]> {
  const found = await inWorker(old, now);
  if (found) return found;
  return [
    ...(await compareApis(old, now, { types: false })),
    patch("types are too intricate to be compared: only names were", "types", false),
  ];
}

/** Undefined when it took too much of anything. */
function inWorker(old: Tree, now: Tree): Promise<ApiChange[] | undefined> {
  const worker = new Worker(new URL("./api-worker.js", import.meta.url), {
    workerData: { old, now },
    resourceLimits: { maxOldGenerationSizeMb: memory },
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => void worker.terminate(), patience);
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
