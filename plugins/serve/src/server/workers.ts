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

/** ms in which a worker may not die again and again */
const crashing = 10_000;
const crashes = 5;

export const isWorker = (): boolean => cluster.isWorker;

/**
 * Starts `count` copies of this very command that share its port. One that dies is replaced; nothing of the registry lives
 * in any of them alone.
 */
export async function startWorkers(count: number): Promise<Workers> {
  const given = process.argv.slice(2);
  const dead: number[] = [];
  let stopping = false;
  let args = given;

  const fork = (): Promise<number> =>
    new Promise((resolve, reject) => {
      cluster.setupPrimary({ args });
      const worker = cluster.fork();
      worker.on("message", (report: Report) => {
        if (report.citadel === "listening") resolve(report.port);
        if (report.citadel === "failed")
          reject(new CitadelError(report.code, report.message, { hint: report.hint }));
      });
      worker.once("exit", (code, signal) => {
        reject(
          new CitadelError("E_FAILED", `a worker ended before it was ready (${signal ?? code})`),
        );
        if (!stopping) replace();
      });
    });
  const replace = (): void => {
    const now = Date.now();
    dead.push(now);
    while (now - (dead[0] ?? now) > crashing) dead.shift();
    if (dead.length > crashes) return; // something is wrong that another copy does not heal
    fork().catch(() => {});
  };

  // the first one finds the port that the others share
  const port = await fork();
  args = [...given, "--port", String(port)];
  await Promise.all(Array.from({ length: count - 1 }, fork));
  return {
    port,
    async stop(grace) {
      stopping = true;
      const living = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
      await Promise.all(living.map((worker) => end(worker, grace)));
    },
  };
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

/** Tells the primary process why this worker does not listen. */
export function reportFailure(error: unknown): void {
  const { code, message, hint } = errorObject(error);
  process.send?.({ citadel: "failed", code, message, hint } satisfies Report);
}

/** Lets this worker end; the channel to the primary process would keep it alive. */
export function leave(): void {
  cluster.worker?.disconnect();
}
