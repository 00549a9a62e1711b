import { randomBytes } from "node:crypto";
import { stat } from "node:fs/promises";
import { findSchemes } from "@citadel/core";
import {
  formatDuration,
  holdsReference,
  mask,
  type Dirs,
  type Settings,
} from "@citadel/core/config";
import { openDriver, type Capabilities, type Driver } from "@citadel/core/driver";
import { failure, good, note, problem, warning, type Finding, type SettledCheck } from "./finding.ts"; // prettier-ignore
import { pathOf } from "./folders.ts";

/** ms that clocks may differ before it is worth a warning; drivers refuse to open at five minutes */
const skew = 30_000;
/** ms of a round trip that make every request slow */
const slow = 250;

/** Every store that the settings name: whether it answers, how fast, what it keeps, and what time it has. */
export const checkStores: SettledCheck = async function* ({ loaded: { settings }, config, dirs }) {
  const schemes = findSchemes(config);
  const { documents, blobs } = settings.store;
  const roles: (readonly [role: string, url: string])[] = [["documents", documents]];
  if (blobs !== documents) roles.push(["blobs", blobs]);

  for (const [role, url] of roles) {
    if (holdsReference(url)) {
      yield note(
        role,
        `${mask(url)} refers to a secret`,
        "it is read from the vault when the store is needed",
      );
      continue;
    }
    const path = pathOf(url);
    if (path !== undefined && !(await stat(path).catch(() => undefined))) {
      yield note(role, `${mask(url)} is not there yet`, "the first change makes it");
      continue;
    }
    let driver: Driver;
    try {
      driver = await openDriver(url, schemes);
    } catch (error) {
      yield failure(role, error, mask(url));
      continue;
    }
    try {
      yield* checkStore(role, mask(url), driver, settings);
    } catch (error) {
      yield failure(role, error, mask(url));
    } finally {
      await driver.close();
    }
  }
  yield* checkCaches(settings, schemes, dirs);
};

/** The cache tiers, and Redis where it is none of them. */
async function* checkCaches(
  { cache, redis }: Settings,
  schemes: ReadonlyMap<string, string>,
  dirs: Dirs,
): AsyncGenerator<Finding, void, void> {
  const { openCache } = await import("@citadel/core/cache");
  const alone = redis.url !== undefined && !cache.tiers.includes(redis.url) ? [redis.url] : [];
  for (const [role, tiers] of [
    ["cache", cache.tiers.filter((tier) => !holdsReference(tier))],
    ["redis", alone.filter((url) => !holdsReference(url))],
  ] as const) {
    if (tiers.length === 0) continue;
    const opened = openCache({ tiers, dirs, schemes, memoryBytes: 1 });
    try {
      for (const { tier, url, state, error, latencyMs } of await opened.stats())
        if (state === "down") yield problem(role, `${url}: ${error ?? "it does not answer"}`, role === "redis" ? "what it shares between servers is not shared" : "reads work without it, but slower", ["look whether it runs and can be reached from here"], 7); // prettier-ignore
        else if (tier !== "memory") yield good(role, `${url} answers${latencyMs === undefined ? "" : ` in ${latencyMs.toFixed(1)} ms`} (${tier})`); // prettier-ignore
    } finally {
      await opened.close();
    }
  }
}

async function* checkStore(
  role: string,
  url: string,
  driver: Driver,
  settings: Settings,
): AsyncGenerator<Finding, void, void> {
  const { ok, latencyMs, detail } = await driver.health();
  if (!ok) {
    const said = mask(String(detail["error"] ?? "it does not answer"));
    yield problem(role, `${url}: ${said}`, "nothing can be read or written there", [`look whether it runs and can be reached from here`], 7); // prettier-ignore
    return;
  }
  if (latencyMs > slow)
    yield warning(role, `${url} takes ${Math.round(latencyMs)} ms to answer`, "every request waits for it", ["move it nearer, or add a cache tier: docs/cache.md"]); // prettier-ignore
  const { difference } = await writes(driver);
  if (driver.caps.shared === "network" && Math.abs(difference) > skew)
      yield warning("clocks", `the clock of ${url} is ${formatDuration(Math.abs(difference))} ${difference > 0 ? "ahead of" : "behind"} this machine's`, "what is old by one clock is new by the other; beyond five minutes the store does not open", ["set the clocks: timedatectl set-ntp true"]); // prettier-ignore
    else if (driver.caps.shared === "network")
      yield good("clocks", `${url} has the same time, give or take ${formatDuration(Math.max(1000, Math.abs(difference)))}`); // prettier-ignore
  if (role === "documents") yield* checkPromises(url, driver, settings);
  const { cas, durable, shared, watch } = driver.caps;
  const promises = `cas ${cas}, durable ${durable}, shared ${shared}, watch ${watch}`;
  yield good(role, `${url} answers in ${latencyMs.toFixed(1)} ms (${driver.name}; ${promises})`);
}

/** Whether a value can be written, read and removed, and by how many ms the store's clock is ahead. */
async function writes(driver: Driver): Promise<{ readonly difference: number }> {
  const key = `driver-test/doctor-${randomBytes(6).toString("hex")}`;
  const begin = Date.now();
  const { modified } = await driver.put(key, Buffer.from("doctor"));
  const end = Date.now();
  await driver.delete(key);
  const difference = modified < begin - 1000 ? modified - begin : Math.max(0, modified - end);
  return { difference };
}

const missing: Readonly<Partial<Record<Capabilities["durable"], string>>> = {
  nothing: "everything in it is gone when the process ends",
  process: "what was acknowledged can be lost in a power failure",
};

function* checkPromises(url: string, { caps }: Driver, { server }: Settings): Generator<Finding> {
  const { cas, durable, shared, list } = caps;
  if (cas !== "full" && cas !== "process")
    yield problem("documents", `${url} cannot hold documents (cas: ${cas})`, "they change by compare-and-set; without it two publishers undo each other's work", ["keep only tarballs there, and documents in SQLite, Redis or PostgreSQL: CITADEL_STORE_DOCUMENTS", "citadel driver:test <url> says what a store keeps"], 2); // prettier-ignore
  const lost = missing[durable];
  if (lost !== undefined)
    yield warning("documents", `${url} is not durable (${durable})`, lost, ["choose another store: docs/configuration.md, docs/drivers.md", "Redis: appendonly yes, appendfsync always"]); // prettier-ignore
  if (shared === "process" && server.workers > 1)
    yield problem("documents", `${url} belongs to one process, and server.workers is ${server.workers}`, "each worker would have a registry of its own", ["set server.workers to 1, or choose a store that processes share"], 2); // prettier-ignore
  if (list === "eventual")
    yield warning("documents", `${url} lists what it holds with delay`, "clean-up and verify may overlook what is new", ["choose a store with strong listings for documents"]); // prettier-ignore
}
