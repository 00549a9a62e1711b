import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { CitadelError, errorObject, type ErrorCode } from "@citadel/core";
import { createRelay } from "./relay.ts";

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

/** after more deaths than this within so many ms the next copy is made to wait, so that a defect cannot eat the machine */
const crashes = 5;
const crashing = 10_000;
const pause = 1000;

/** Whether this process is one of several. */
export const isWorker = (): boolean => cluster.isWorker;

/**
 * Starts `count` copies of this very command that share its port. One that dies is replaced; nothing of the registry lives
 * in any of them alone.
 * @param port 0: a free one
 * @throws what the first of them could not do
 */
export async function startWorkers({
  count,
  host,
  port,
}: {
  readonly count: number;
  readonly host: readonly string[];
  readonly port: number;
}): Promise<Workers> {
  const relay = createRelay();
  const dead: number[] = [];
  let running = false;
  let waiting: NodeJS.Timeout | undefined;

  const fork = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const worker = cluster.fork();
      relay.join(worker);
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
  const another = (): void => void fork().catch(() => {}); // its end is heard of, and it says why on stderr
  const replace = (): void => {
    const now = Date.now();
    dead.push(now);
    while (now - (dead[0] ?? now) > crashing) dead.shift();
    if (dead.length <= crashes) return another();
    waiting ??= setTimeout(() => {
      waiting = undefined;
      for (let n = living().length; n < count; n++) another();
    }, pause);
  };
  const stop = async (grace: number): Promise<void> => {
    running = false;
    clearTimeout(waiting);
    await Promise.all(living().map((worker) => end(worker, grace)));
  };

  try {
    const args = process.argv.slice(2);
    // each takes its connections from the system: one that the first process hands to a worker that dies just then hangs for ever
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    cluster.setupPrimary({
      // chosen once: the copies that replace all the others would find another one
      args: port === 0 ? [...withoutPort(args), `--port=${await freePort(host[0])}`] : args,
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    // alone, so that a port that is taken is said once
    const taken = await fork();
    running = true;
    await Promise.all(Array.from({ length: count - 1 }, fork));
    return { port: taken, stop };
  } catch (error) {
    await stop(0);
    throw error;
  }
}

const living = (): Worker[] =>
  Object.values(cluster.workers ?? {}).filter(
    (worker): worker is Worker => worker?.isDead() === false,
  );

/** A flag may stand on the command line once. */
const withoutPort = (args: readonly string[]): string[] =>
  args.filter((arg, n) => !/^--port(?:=|$)/.test(arg) && args[n - 1] !== "--port");

async function freePort(host: string | undefined): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
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
