import cluster, { type Worker } from "node:cluster";
import { CitadelError, errorObject, type ErrorCode } from "@citadel/core";

/** What a worker tells the primary process. */
type Report =
  | { readonly citadel: "listening"; readonly port: number }
  | {
      readonly citadel: "failed";
      readonly message: string;
      readonly code: ErrorCode;
      readonly hint: readonly string[];
    };

export interface Workers {
  readonly port: number;
  /** Asks every worker to stop and waits; after `grace` ms they are killed. */
  stop(grace: number): Promise<void>;
}

/** more deaths than this within so many ms are nothing that another copy would heal */
const crashes = 5;
const crashing = 10_000;

/** Whether this process is one of several. */
export const isWorker = (): boolean => cluster.isWorker;

/**
 * Starts `count` copies of this very command that share its port. One that dies is replaced; nothing of the registry lives
 * in any of them alone.
 * @throws what the first of them could not do
 */
export async function startWorkers(count: number): Promise<Workers> {
  const dead: number[] = [];
  let running = false;

  const fork = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const worker = cluster.fork();
      worker.on("message", (report: Report) => {
        if (report.citadel === "listening") resolve(report.port);
        if (report.citadel === "failed")
          reject(new CitadelError(report.code, report.message, { hint: report.hint }));
      });
      worker.once("exit", (code, signal) => {
        const reason = signal === null ? `with code ${code}` : `by ${signal}`;
        reject(new CitadelError("E_FAILED", `a worker ended before it was ready, ${reason}`));
        if (running) replace();
      });
    });
  const replace = (): void => {
    const now = Date.now();
    dead.push(now);
    while (now - (dead[0] ?? now) > crashing) dead.shift();
    if (dead.length <= crashes) fork().catch(() => {}); // it has said why on stderr
  };
  const stop = async (grace: number): Promise<void> => {
    running = false;
    const living = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
    await Promise.all(living.map((worker) => end(worker, grace)));
  };

  try {
    cluster.setupPrimary({ stdio: ["ignore", "ignore", "inherit", "ipc"] });
    // alone, so that a port that is taken is said once; a free one (0) is the same for all who ask for one
    const port = await fork();
    await Promise.all(Array.from({ length: count - 1 }, fork));
    running = true;
    return { port, stop };
  } catch (error) {
    await stop(0);
    throw error;
  }
}

async function end(worker: Worker, grace: number): Promise<void> {
  if (worker.isDead()) return;
  const ended = new Promise((resolve) => worker.once("exit", resolve));
  worker.process.kill("SIGTERM");
  const late = setTimeout(() => worker.process.kill("SIGKILL"), grace);
  await ended;
  clearTimeout(late);
}

/** Tells the primary process that this worker listens. */
export function reportListening(port: number): void {
  process.send?.({ citadel: "listening", port } satisfies Report);
}

/** Tells the primary process why this worker cannot listen, which it then says; this process has nothing more to do. */
export function giveUp(error: unknown): Promise<never> {
  const { code, message, hint, exit } = errorObject(error);
  return new Promise(() => {
    process.send?.({ citadel: "failed", code, message, hint } satisfies Report, () =>
      process.exit(exit),
    );
  });
}

/** Lets this worker end; the channel to the primary process would keep it alive. */
export function leave(): void {
  cluster.worker?.disconnect();
}
