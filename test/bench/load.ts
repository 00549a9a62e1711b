import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { Agent } from "node:http";
import { cpus } from "node:os";
import { request } from "../support/http.ts";
import { inUrl, pack, publishDocument, type Manifest } from "../support/packages.ts";

/** Requests per second and MB/s that wrk on core 1 gets out of a server; throws when answers were errors. */
export async function wrk(
  url: string,
  headers: Readonly<Record<string, string>>,
  seconds: number,
  /** of wrk, which says what is asked for */
  script?: string,
): Promise<{ readonly requests: number; readonly megabytes: number; readonly finished: number }> {
  const fields = Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  const args = [
    "-c",
    "1",
    "wrk",
    "-t1",
    "-c16",
    `-d${seconds}s`,
    "--timeout",
    "30s",
    ...fields,
    ...(script === undefined ? [] : ["-s", script]),
    url,
  ];
  const child = spawn("taskset", args, { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  await once(child, "close");
  const rate = /Requests\/sec:\s+([\d.]+)/.exec(out)?.[1];
  const [, amount, unit = ""] = /Transfer\/sec:\s+([\d.]+)(\wB|B)/.exec(out) ?? [];
  if (rate === undefined || amount === undefined || out.includes("Non-2xx or 3xx"))
    throw new Error(`wrk ${url}: ${out}`);
  const factor = { B: 1, KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 }[unit] ?? 1;
  return {
    requests: Number(rate),
    megabytes: (Number(amount) * factor) / 1e6,
    finished: Number(/(\d+) requests in/.exec(out)?.[1] ?? 0),
  };
}

export function manifest(name: string, version: string): Manifest {
  return {
    name,
    version,
    description: `a package to measure with, ${name}`,
    license: "MIT",
    keywords: ["bench", "load"],
    dependencies: { alpha: "^1.2.3", beta: "~4.5.6", gamma: ">=2" },
    devDependencies: { delta: "^7.0.0" },
    scripts: { test: "node --test" },
    engines: { node: ">=20" },
    repository: { type: "git", url: "git+https://example.invalid/bench.git" },
  };
}

export interface Publisher {
  readonly url: string;
  readonly token: string;
}

/** Publishes manifests, `atOnce` at a time, with ready bodies. @returns ms of each, in order, and the total */
export async function publishAll(
  { url, token }: Publisher,
  manifests: readonly Manifest[],
  atOnce: number,
  extra: Readonly<Record<string, Buffer>> = {},
): Promise<{ readonly each: readonly number[]; readonly total: number }> {
  const bodies = manifests.map((one) =>
    JSON.stringify(publishDocument(url, one, pack(one, extra))),
  );
  const agent = new Agent({ keepAlive: true });
  const each: number[] = [];
  let next = 0;
  const began = performance.now();
  const worker = async () => {
    for (let n = next++; n < bodies.length; n = next++) {
      const start = performance.now();
      const answer = await request(`${url}/${inUrl(manifests[n]?.name ?? "")}`, {
        method: "PUT",
        token,
        agent,
        headers: { "content-type": "application/json" },
        body: bodies[n] ?? "",
      });
      if (answer.status >= 300) throw new Error(`PUT ${url}: ${answer.status} ${answer.text()}`);
      each[n] = performance.now() - start;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  agent.destroy();
  return { each, total: performance.now() - began };
}

/** Below this many answers a window says nothing: connections that wait for their first one would count as none. */
const enough = 100;

/** As {@link wrk}, with a longer window for a server too slow for the short one; undefined when that is not enough either. */
export async function rate(
  url: string,
  headers: Readonly<Record<string, string>>,
  seconds: number,
): Promise<Awaited<ReturnType<typeof wrk>> | undefined> {
  const first = await wrk(url, headers, seconds);
  if (first.finished >= enough) return first;
  const longer = await wrk(url, headers, 20);
  return longer.finished > 0 ? longer : undefined;
}

/**
 * Waits until none of our servers works any more. A load generator that gives up leaves requests behind, which a slow
 * server goes on computing, on the core that the next one is measured on. Then up to 3 s for a quiet machine.
 * @returns the share of the machine, 0 to 1, that others use now
 */
export async function settle(pids: readonly number[]): Promise<number> {
  for (let looks = 0; (await spent(pids, 300)) > 1; looks++)
    if (looks > 300) throw new Error("a server of the comparison does not come to rest");
  let share = await busy(300);
  for (let looks = 0; share > 0.1 && looks < 9; looks++) share = await busy(300);
  return share;
}

/** Ticks (10 ms) of processor time that these processes and their children use within `ms`. */
async function spent(pids: readonly number[], ms: number): Promise<number> {
  const ticks = async () => {
    let sum = 0;
    for (const pid of await families(pids)) {
      const fields = (await stat(pid)).split(" ");
      sum += Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
    }
    return sum;
  };
  const before = await ticks();
  await new Promise((resolve) => setTimeout(resolve, ms));
  return (await ticks()) - before;
}

async function busy(ms: number): Promise<number> {
  const times = () => {
    let idle = 0;
    let total = 0;
    for (const { times: of } of cpus()) {
      idle += of.idle;
      total += of.user + of.nice + of.sys + of.idle + of.irq;
    }
    return { idle, total };
  };
  const before = times();
  await new Promise((resolve) => setTimeout(resolve, ms));
  const after = times();
  return 1 - (after.idle - before.idle) / (after.total - before.total);
}

/** The fields of /proc/<pid>/stat after the name; empty when it is gone. */
async function stat(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return text.slice(text.lastIndexOf(")") + 2);
}

/** Processes with all of their children. */
async function families(pids: readonly number[]): Promise<ReadonlySet<number>> {
  const parents = new Map<number, number>();
  for (const name of await readdir("/proc"))
    if (/^\d+$/.test(name))
      parents.set(Number(name), Number((await stat(Number(name))).split(" ")[1]));
  const all = new Set(pids);
  for (let size = 0; size !== all.size;) {
    size = all.size;
    for (const [child, parent] of parents) if (all.has(parent)) all.add(child);
  }
  return all;
}

/** Resident megabytes of a process and its children. */
export async function memory(pid: number): Promise<number> {
  let kilobytes = 0;
  for (const one of await families([pid])) {
    const status = await readFile(`/proc/${one}/status`, "utf8").catch(() => "");
    kilobytes += Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
  }
  return kilobytes / 1024;
}
