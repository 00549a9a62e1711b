/**
 * What operating a registry costs, and whether its limits hold: `npm run bench:operate`. Prints figures, asserts nothing.
 *
 * `node test/bench/operate.ts monitoring [seconds] [pairs]`: a mix of requests with METRICS on and off, in turn, on one server: first as
 * many as it can answer, in pairs; then 200 a second, and none, with what they cost. The server has one core, the load the other. On a core that
 * is full, requests per second of processor time are what others on the machine disturb least; how far two windows that are alike lie
 * apart says what that is worth.
 * `… limits [seconds]`: one client asks four workers for as much as it can, over SQLite and with Redis, then two servers at once.
 * `… search [packages]`: searches through both APIs over so many packages.
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { Agent } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { commandLine } from "@citadel/core/access";
import { loadSettings } from "@citadel/core/config";
import { openCitadel } from "@citadel/core/open";
import { release } from "../core/registry-harness.ts";
import { startRedis } from "../servers/redis.ts";
import { citadel, root, serve, type Server } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { publish, signIn } from "../support/packages.ts";
import { tempFolder } from "../support/temp.ts";
import { manifest, wrk } from "./load.ts";

const [what, ...amounts] = process.argv.slice(2);
const [first, second] = amounts.map(Number);
const temp = await tempFolder("bench-operate");
const windowSeconds = 3;
const idleSeconds = 10;
const ofACore = (used: number, seconds: number): string => `${((used * 1000) / seconds).toFixed(1)} ms of a core per second`; // prettier-ignore
const print = (name: string, value: string): void => console.log(`${name.padEnd(52)} ${value}`);
try {
  if (what === undefined || what === "monitoring") await monitoring(first ?? 300, second ?? 20);
  if (what === undefined || what === "limits") await limits(first ?? 20);
  if (what === undefined || what === "search")
    for (const count of first === undefined ? [10_000, 100_000] : [first]) await search(count);
} finally {
  await temp.remove();
}

async function monitoring(seconds: number, pairs: number): Promise<void> {
  const home = join(temp.path, "monitoring");
  const server = await serve({ home, prefix: ["taskset", "-c", "0"] });
  try {
    const token = await signIn(server.url, "ann");
    for (let n = 0; n < 20; n++) await publish(server.url, token, manifest(`pkg-${n}`, "1.0.0"));
    const paths = Array.from({ length: 20 }, (_, n) => [
      ...[`/pkg-${n}`, `/pkg-${n}`, `/pkg-${n}/-/pkg-${n}-1.0.0.tgz`],
      ...(n % 5 === 0 ? ["/-/ping", `/pkg-${n}/latest`, "/-/v1/search?text=bench&size=5"] : []),
    ]).flat();
    const script = join(temp.path, "mix.lua");
    const list = paths.map((path) => `"${path}"`).join(",");
    await writeFile(
      script,
      `local paths = {${list}}\nlocal n = 0\nrequest = function()\n  n = n % #paths + 1\n  return wrk.format("GET", paths[n])\nend\n`,
    );
    const switchTo = async (on: boolean): Promise<void> => {
      const ran = await citadel(home, [on ? "config:enable" : "config:disable", "METRICS"]);
      if (ran.code !== 0) throw new Error(ran.output);
      await sleep(1000);
    };
    /** requests a second, and a second of processor time */
    const full = async (on: boolean): Promise<readonly [number, number]> => {
      await switchTo(on);
      const before = await processorSeconds(server.pid);
      const { requests, finished } = await wrk(server.url, {}, windowSeconds, script);
      return [requests, finished / ((await processorSeconds(server.pid)) - before)];
    };
    await full(true); // compiled by now
    const throughput: number[] = [];
    const work: number[] = [];
    const control: number[] = [];
    for (let pair = 0; pair < pairs; pair++) {
      // which comes first changes, so that a machine that slows down favours neither; two windows without tell how far equals are apart
      const first = await full(pair % 2 === 0);
      const [requests, each] = await full(false);
      const last = await full(pair % 2 !== 0);
      const [on, off] = pair % 2 === 0 ? [first, last] : [last, first];
      throughput.push(on[0] / requests);
      work.push(on[1] / each);
      control.push(off[1] / each);
    }
    print("throughput with monitoring, of that without", spread(throughput));
    print("requests per processor second, the same", spread(work));
    print("the same of two windows without", spread(control));
    for (const on of [true, false]) {
      await switchTo(on);
      await paced(server, paths, seconds / 2, on);
      const before = await processorSeconds(server.pid);
      await sleep(idleSeconds * 1000);
      const used = (await processorSeconds(server.pid)) - before;
      print(`nothing to do, monitoring ${on ? "on" : "off"}`, ofACore(used, idleSeconds));
    }
  } finally {
    await server.stop();
  }
}

/** 200 requests a second. */
async function paced(server: Server, paths: readonly string[], seconds: number, on: boolean) {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const took: number[] = [];
  const open: Promise<void>[] = [];
  const before = await processorSeconds(server.pid);
  const began = performance.now();
  for (let n = 0; n < seconds * 200; n++) {
    const wait = began + n * 5 - performance.now();
    if (wait > 1) await sleep(wait);
    const start = performance.now();
    const path = paths[n % paths.length] ?? "/";
    open.push(request(server.url + path, { agent }).then(() => void took.push(performance.now() - start))); // prettier-ignore
  }
  await Promise.all(open);
  const used = (await processorSeconds(server.pid)) - before;
  agent.destroy();
  took.sort((a, b) => a - b);
  const at = (part: number): string => (took[Math.floor(took.length * part)] ?? 0).toFixed(1);
  const long = (performance.now() - began) / 1000;
  print(
    `200/s for ${Math.round(long)} s, monitoring ${on ? "on" : "off"}`,
    `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ${ofACore(used, long)}`,
  );
}

/** That all threads of a process have used. */
async function processorSeconds(pid: number): Promise<number> {
  const threads = `/proc/${pid}/task`;
  let nanoseconds = 0;
  for (const thread of await readdir(threads))
    nanoseconds += Number((await readFile(`${threads}/${thread}/schedstat`, "utf8")).split(" ")[0]);
  return nanoseconds / 1e9;
}

async function limits(seconds: number): Promise<void> {
  const redis = await startRedis();
  try {
    await limited("4 workers, SQLite", seconds, { workers: 4 });
    if (!redis) return;
    await limited("4 workers, Redis", seconds, { workers: 4, redis: redis.store() });
    const both = { workers: 2, redis: redis.store() };
    await limited("2 servers of 2 workers, Redis", seconds, both, both);
  } finally {
    await redis?.stop();
  }
}

/** One client asks all servers at once. */
async function limited(
  over: string,
  seconds: number,
  ...kinds: readonly { readonly workers: number; readonly redis?: string }[]
): Promise<void> {
  const [max, window] = [1000, 900_000];
  const servers = await Promise.all(
    kinds.map(({ workers, redis }, n) =>
      serve({
        home: join(temp.path, `${over}-${n}`),
        env: {
          CITADEL_SERVER_TRUST_PROXY: "127.0.0.1",
          SECURITY_RATE_LIMIT_MAX: String(max),
          SECURITY_RATE_LIMIT_WINDOW: String(window),
          REDIS_URL: redis,
        },
        args: ["--workers", String(workers)],
      }),
    ),
  );
  try {
    let [allowed, refused] = [0, 0];
    const began = performance.now();
    const guest = async (_: unknown, n: number): Promise<void> => {
      const agent = new Agent({ keepAlive: true });
      const headers = { "x-forwarded-for": "192.0.2.7" };
      // costs one, and no more when it is answered
      const url = `${servers[n % servers.length]?.url}/-/npm/v1/keys`;
      while (performance.now() - began < seconds * 1000) {
        const { status } = await request(url, { agent, headers });
        if (status === 429) refused++;
        else allowed++;
      }
      agent.destroy();
    };
    await Promise.all(Array.from({ length: 16 }, guest));
    const bound = max + ((performance.now() - began) * max) / window;
    print(
      `limit of ${max}, ${over}, ${seconds} s`,
      `${allowed} of at most ${round(bound)} (${(((allowed - bound) / bound) * 100).toFixed(1)} %), ${refused} refused`,
    );
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

async function search(count: number): Promise<void> {
  const home = join(temp.path, `search-${count}`);
  const dirs = { data: join(home, "data"), cache: join(home, "cache"), config: join(home, "config") }; // prettier-ignore
  const names = ["memory", "sqlite", "file"];
  const schemes = new Map(names.map((name) => [name, join(root, "drivers", name, "dist/index.js")])); // prettier-ignore
  const { settings } = loadSettings({ env: {}, cwd: temp.path, dirs, flags: {} });
  const made = await openCitadel({ settings, schemes, dirs });
  const words = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu".split(" ");
  let next = 0;
  const began = performance.now();
  const writer = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) {
      const name = `${words[n % 12]}-${words[Math.floor(n / 12) % 12]}-${n}`;
      const one = {
        ...manifest(name, "1.0.0"),
        description: `${words[n % 7]} for ${words[n % 11]}`,
      };
      await made.registry.publish(release(one), commandLine);
    }
  };
  await Promise.all(Array.from({ length: 16 }, writer));
  await made.current();
  await made.close();
  print(`${count} packages published`, `${round((performance.now() - began) / 1000)} s`);
  const server = await serve({
    home,
    env: { CITADEL_DATA_DIR: dirs.data, CITADEL_CACHE_DIR: dirs.cache },
  });
  try {
    for (const path of ["/api/v1/search?q=", "/-/v1/search?text=", "/_dashboard/api/packages?q="]) {
      const took: number[] = [];
      for (let n = 0; n < 400; n++) {
        const text = [words[n % 12], ["", "beta", "lam", "zzz"][n % 4]].filter(Boolean).join("+");
        const start = performance.now();
        const { status } = await request(`${server.url}${path}${text}`);
        if (status !== 200) throw new Error(`${path}: ${status}`);
        if (n >= 20) took.push(performance.now() - start);
      }
      took.sort((a, b) => a - b);
      const at = (part: number): string => (took[Math.floor(took.length * part)] ?? 0).toFixed(1);
      print(
        `${path.split("?")[0]} over ${count} packages`,
        `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms`,
      );
    }
  } finally {
    await server.stop();
  }
}

function round(value: number | undefined): string {
  return Math.round(value ?? 0).toLocaleString("en");
}

/** Median, with the quartiles. */
function spread(values: readonly number[]): string {
  const all = values.toSorted((a, b) => a - b);
  const at = (part: number): string => (all[Math.floor(all.length * part)] ?? 0).toFixed(3);
  return `${at(0.5)} (half of them ${at(0.25)} to ${at(0.75)})`;
}
