import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { alert, CitadelError, errorObject, type ErrorCode } from "@citadel/core";
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
  /** Rejects when no worker is left and none comes up any more. */
  readonly lost: Promise<never>;
  /** Asks every worker to stop and waits; after `grace` ms they are killed. */
  stop(grace: number): Promise<void>;
}

/** after more deaths than this within so many ms the next copy is made to wait, so that a defect cannot eat the machine */
const crashes = 5;
const crashing = 10_000;
const pause = 1000;
/** ms before copies are made again that ended before they were ready, doubled each time, and at most */
const soonest = 200;
const latest = 30_000;
/** times that all of them may fail so, one after another, while none is left */
const tries = 5;

/** Whether this process is one of several. */
export const isWorker = (): boolean => cluster.isWorker;

/**
 * Starts `count` copies of this very command that share its port. One that dies is replaced; nothing of the registry lives
 * in any of them alone. Those that cannot start are tried again less and less often while others serve, and are given up otherwise.
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
  const lost = Promise.withResolvers<never>();
  lost.promise.catch(() => {}); // nobody may wait for it yet
  /** copies in a row that ended before they were ready */
  let failures = 0;
  let running = false;
  let waiting: NodeJS.Timeout | undefined;

  const fork = (): Promise<number> =>
    new Promise((resolve, reject) => {
      const worker = cluster.fork();
      relay.join(worker);
      let ready = false;
      let why: CitadelError | undefined;
      worker.on("message", (report: Report) => {
        if (report.citadel === "failed")
          why = new CitadelError(report.code, report.message, { hint: report.hint });
        if (report.citadel !== "listening") return;
        ready = true;
        failures = 0;
        resolve(report.port);
      });
      worker.once("exit", (code, signal) => {
        const reason = signal === null ? `with code ${code}` : `by ${signal}`;
        why ??= new CitadelError("E_FAILED", `a worker ended before it was ready, ${reason}`);
        reject(why);
        if (running) replace(ready ? undefined : why);
      });
    });
  /** @param why it was never ready */
  const replace = (why?: CitadelError): void => {
    const now = Date.now();
    dead.push(now);
    while (now - (dead[0] ?? now) > crashing) dead.shift();
    if (why) {
      failures++;
      alert("workers", `${why.message} (${why.code})`);
      if (failures >= tries * count && living().length === 0) {
        halt();
        return lost.reject(why);
      }
    }
    waiting ??= setTimeout(() => {
      waiting = undefined;
      for (let n = living().length; n < count; n++) void fork().catch(() => {}); // its end is heard of
    }, patience());
  };
  /** ms until what is missing is made */
  const patience = (): number => {
    if (failures > 0) return Math.min(latest, soonest * 2 ** Math.floor((failures - 1) / count));
    return dead.length > crashes ? pause : 0;
  };
  const halt = (): void => {
    running = false;
    clearTimeout(waiting);
  };
  const stop = async (grace: number): Promise<void> => {
    halt();
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
    return { port: taken, lost: lost.promise, stop };
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
