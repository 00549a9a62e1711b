import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { storeCode, type Driver, type Item, type Key } from "@citadel/core/driver";
import { linearizable, type Operation } from "@citadel/core/testing";

/** What came out of several writers that changed one key by compare-and-set all at once. */
export interface Race {
  /** processes of their own, or instances inside of this one where no other process can open the store */
  readonly racers: number;
  readonly kind: "processes" | "instances";
  readonly ms: number;
  /** writes that were acknowledged, refused because somebody was faster, and without a clear answer */
  readonly done: number;
  readonly refused: number;
  readonly unknown: number;
  readonly reads: number;
  /** why no order explains what was seen; empty when one does */
  readonly problems: readonly string[];
}

/** What a process needs to know to take part. */
export interface Task {
  /** path of the driver's module */
  readonly module: string;
  readonly url: string;
  readonly key: Key;
  readonly name: string;
}
export type Told = "ready" | "done" | { readonly operations: readonly Operation[] } | { readonly failed: string }; // prettier-ignore

/** ms of one clock that all processes of a machine share */
const now = (): number => Number(process.hrtime.bigint()) / 1e6;

/** Changes `key` by compare-and-set until `over`, as fast as it goes. Every operation is handed to `say`. */
export async function compete(
  driver: Driver,
  { key, name }: Pick<Task, "key" | "name">,
  over: () => boolean,
  say: (operation: Operation) => void,
): Promise<void> {
  for (let n = 0; !over(); n++) {
    // without a pause the first one to come would win each time
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 2));
    let start = now();
    let item: Item | undefined;
    try {
      item = await driver.get(key);
    } catch (error) {
      if (storeCode(error) === "UNAVAILABLE") continue;
      throw error;
    }
    const parent = item && idOf(item);
    say({ kind: "read", id: parent, start, end: now() });

    const id = `${name}-${n}`;
    start = now();
    let outcome: "done" | "failed" | "unknown" = "done";
    try {
      const body = Buffer.from(JSON.stringify({ id }));
      await driver.put(key, body, item ? { ifMatch: item.etag } : { ifAbsent: true });
    } catch (error) {
      const code = storeCode(error);
      if (code !== "CONFLICT" && code !== "UNAVAILABLE" && code !== "UNKNOWN") throw error;
      outcome = code === "UNKNOWN" ? "unknown" : "failed";
    }
    say({ kind: "write", id, parent, outcome, start, end: now() });
  }
}

const idOf = ({ body }: Item): string =>
  (JSON.parse(Buffer.from(body).toString()) as { id: string }).id;

/** Lets `racers` processes race for `ms`; each opens the store by itself. @throws what the signal says */
export async function raceProcesses(
  task: Omit<Task, "name">,
  { racers, ms, signal }: { racers: number; ms: number; signal: AbortSignal },
): Promise<Operation[]> {
  const all: Operation[] = [];
  const file = fileURLToPath(new URL("./driver-racer.js", import.meta.url));
  const children: ChildProcess[] = [];
  const stop = (): void => children.forEach((child) => child.kill("SIGKILL"));
  signal.addEventListener("abort", stop, { once: true });
  try {
    const running = Array.from({ length: racers }, (_, n) => {
      const child = fork(file, [], { stdio: ["ignore", "ignore", "ignore", "ipc"] });
      children.push(child);
      const ready = Promise.withResolvers<void>();
      const done = Promise.withResolvers<void>();
      const fail = (reason: Error): void => (ready.reject(reason), done.reject(reason));
      child.on("message", (told: Told) => {
        if (told === "ready") ready.resolve();
        else if (told === "done") done.resolve();
        else if ("operations" in told) all.push(...told.operations);
        else fail(new Error(told.failed));
      });
      child.on("error", fail);
      child.on("exit", (code, by) => fail(new Error(`a racer ended with ${code ?? by}`)));
      // by message, because everybody can read the arguments of a process
      child.send({ ...task, name: `p${n}` } satisfies Task);
      done.promise.catch(() => {});
      return { child, ready: ready.promise, done: done.promise };
    });
    await Promise.all(running.map(({ ready }) => ready));
    for (const { child } of running) child.send({ ms });
    await Promise.all(running.map(({ done }) => done));
    return all;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}

/** The same inside of this process. */
export async function raceInstances(
  drivers: readonly Driver[],
  key: Key,
  { ms, signal }: { ms: number; signal: AbortSignal },
): Promise<Operation[]> {
  const all: Operation[] = [];
  const end = now() + ms;
  const over = (): boolean => signal.aborted || now() >= end;
  await Promise.all(
    drivers.map((driver, n) =>
      compete(driver, { key, name: `i${n}` }, over, (operation) => all.push(operation)),
    ),
  );
  signal.throwIfAborted();
  return all;
}

/** Counts and judges a history; `last` is what the key holds in the end. */
export function judge(
  operations: readonly Operation[],
  last: Item | undefined,
): Omit<Race, "racers" | "kind" | "ms"> {
  const writes = operations.filter((one) => one.kind === "write");
  const count = (outcome: string): number =>
    writes.filter((write) => write.outcome === outcome).length;
  return {
    done: count("done"),
    refused: count("failed"),
    unknown: count("unknown"),
    reads: operations.length - writes.length,
    problems: linearizable(operations, last && idOf(last)),
  };
}
