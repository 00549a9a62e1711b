import { randomBytes } from "node:crypto";
import type { Capabilities, Driver, Key } from "@citadel/core/driver";
import { defineDriverTests, empty, within, type Operation } from "@citadel/core/testing";
import { measure, type Speed } from "./driver-speed.ts";
import { judge, raceInstances, raceProcesses, type Race } from "./driver-race.ts";

/** Where tests put everything that they make in a store. */
const home = "driver-test/";
const day = 86_400_000;
const racers = 4;

export interface CaseResult {
  readonly group: string;
  readonly name: string;
  readonly outcome: "passed" | "skipped" | "failed";
  readonly ms: number;
  /** skipped: the capability that explains it; failed: what was wrong */
  readonly reason?: string;
}

export interface DriverReport {
  readonly driver: string;
  readonly capabilities: Capabilities;
  readonly cases: readonly CaseResult[];
  readonly race: Race | { readonly skipped: string };
  readonly speed: readonly Speed[];
  /** whether every promise was kept */
  readonly sound: boolean;
}

export interface DriverTestOptions {
  /** a new instance of the store's driver, not opened */
  readonly make: () => Driver;
  /** path of the driver's module and the store's URL, for the processes that race */
  readonly module: string;
  readonly url: string;
  /** ms; 0 for no race */
  readonly race: number;
  readonly signal: AbortSignal;
  readonly phase?: (label: string, total?: number) => void;
  readonly at?: (done: number) => void;
}

/**
 * Runs the conformance suite, a race and a few measurements in a place of their own inside of a store, and removes
 * everything that they made, also when `signal` ends them early.
 * @throws what open() throws when the store cannot be used at all, and the reason of the signal
 */
export async function testDriver(options: DriverTestOptions): Promise<DriverReport> {
  const { signal, phase = () => {} } = options;
  const run = `${home}${randomBytes(6).toString("hex")}/`;
  const opened = new Set<Driver>();
  const make = (): Driver => {
    signal.throwIfAborted();
    const driver = options.make();
    opened.add(driver);
    return driver;
  };
  // closing a driver ends whatever a test is waiting for
  const closeAll = (): Promise<unknown> =>
    Promise.allSettled([...opened].map((driver) => driver.close()));
  const stop = (): void => void closeAll();
  signal.addEventListener("abort", stop, { once: true });
  // a case may wait for nothing but a timer that keeps no process alive
  const awake = setInterval(() => {}, 1000);

  try {
    const driver = make();
    await driver.open();
    await removeOld(driver);
    const alone = await whyAlone(driver, make, `${run}alone/`);
    const capabilities = { ...driver.caps };
    const cases = await runSuite({ ...options, make }, `${run}suite-`, alone);
    signal.throwIfAborted();
    phase("racing");
    const race = await runRace({ ...options, make }, driver, `${run}race/`, alone);
    phase("measuring");
    const speed = await measure(within(driver, `${run}speed/`), signal);
    const sound =
      cases.every(({ outcome }) => outcome !== "failed") &&
      ("skipped" in race || race.problems.length === 0);
    return { driver: driver.name, capabilities, cases, race, speed, sound };
  } finally {
    signal.removeEventListener("abort", stop);
    await closeAll();
    await tidy(options.make(), run);
    clearInterval(awake);
  }
}

/** Removes what a run left behind that was killed more than a day ago. */
async function removeOld(driver: Driver): Promise<void> {
  const mine = within(driver, home);
  let after: Key | undefined;
  do {
    const page = await mine.list(after === undefined ? {} : { after });
    for (const { key, modified } of page.entries)
      if (modified < Date.now() - day) await mine.delete(key);
    after = page.next;
  } while (after !== undefined);
}

async function tidy(driver: Driver, place: string): Promise<void> {
  await driver.open();
  try {
    await empty(driver, place);
  } finally {
    await driver.close();
  }
}

/** Why a second instance would not see this store: it lives in the memory of the first. */
async function whyAlone(
  driver: Driver,
  make: () => Driver,
  place: string,
): Promise<string | undefined> {
  if (driver.caps.shared !== "process") return undefined;
  const other = make();
  await other.open();
  try {
    await within(driver, place).put("k", new Uint8Array(1));
    return (await within(other, place).head("k"))
      ? undefined
      : "shared: process, each instance is a store of its own";
  } finally {
    await other.close();
  }
}

async function runSuite(
  { make, signal, phase = () => {}, at = () => {} }: DriverTestOptions,
  places: string,
  alone: string | undefined,
): Promise<CaseResult[]> {
  type Run = (context: { skip(reason: string): void }) => Promise<void>;
  const all: { readonly title: string; readonly run: Run }[] = [];
  let made = 0;
  defineDriverTests("", {
    test: (title, run) => all.push({ title, run }),
    make: () => `${places}${made++}/`,
    open: make,
    within: (place) => place,
    ...(alone === undefined ? {} : { alone }),
  });

  phase("running the suite", all.length);
  const results: CaseResult[] = [];
  for (const { title, run } of all) {
    signal.throwIfAborted();
    const [, group = "", ...rest] = title.split(": ");
    const started = performance.now();
    let reason: string | undefined;
    let outcome: CaseResult["outcome"] = "passed";
    try {
      await run({
        skip(why) {
          outcome = "skipped";
          reason = why;
        },
      });
    } catch (error) {
      outcome = "failed";
      reason = (error instanceof Error ? error.message : String(error)).split("\n")[0];
    }
    const ms = Math.round(performance.now() - started);
    const name = rest.join(": ");
    results.push({ group, name, outcome, ms, ...(reason === undefined ? {} : { reason }) });
    at(results.length);
  }
  return results;
}

async function runRace(
  { make, module, url, race: ms, signal }: DriverTestOptions,
  driver: Driver,
  place: string,
  alone: string | undefined,
): Promise<DriverReport["race"]> {
  const { cas, shared } = driver.caps;
  if (ms === 0) return { skipped: "not asked for" };
  if (cas !== "full" && cas !== "process") return { skipped: `cas: ${cas}` };
  const mine = within(driver, place);
  const limits = { ms, signal };
  let operations: Operation[];
  let kind: Race["kind"] = "instances";
  if (cas === "full" && shared !== "process") {
    kind = "processes";
    operations = await raceProcesses({ module, url, key: `${place}k` }, { racers, ...limits });
  } else {
    const separate = cas === "full" && alone === undefined;
    const others = Array.from({ length: racers - 1 }, () => (separate ? within(make(), place) : mine)); // prettier-ignore
    await Promise.all(others.map((other) => other.open()));
    operations = await raceInstances([mine, ...others], "k", limits);
  }
  return { racers, kind, ms, ...judge(operations, await mine.get("k")) };
}
