import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { Agent } from "node:http";
import { request } from "../support/http.ts";
import { inUrl, pack, publishDocument, type Manifest } from "../support/packages.ts";

/** Requests per second and MB/s that wrk on core 1 gets out of a server; throws when answers were errors. */
export async function wrk(
  url: string,
  headers: Readonly<Record<string, string>>,
  seconds: number,
): Promise<{ readonly requests: number; readonly megabytes: number }> {
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
  return { requests: Number(rate), megabytes: (Number(amount) * factor) / 1e6 };
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

/** Resident megabytes of a process and its children. */
export async function memory(pid: number): Promise<number> {
  const parents = new Map<number, number>();
  for (const name of await readdir("/proc")) {
    const stat =
      /^\d+$/.test(name) && (await readFile(`/proc/${name}/stat`, "utf8").catch(() => ""));
    if (stat)
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
  }
  const family = new Set([pid]);
  for (let size = 0; size !== family.size;) {
    size = family.size;
    for (const [child, parent] of parents) if (family.has(parent)) family.add(child);
  }
  let kilobytes = 0;
  for (const one of family) {
    const status = await readFile(`/proc/${one}/status`, "utf8").catch(() => "");
    kilobytes += Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
  }
  return kilobytes / 1024;
}
