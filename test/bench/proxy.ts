/**
 * What standing in front of another registry costs: `npm run bench:proxy`. Prints figures, asserts nothing.
 *
 * 1. npm installs a project of about 400 real packages directly, then through a registry that has none of them, then again.
 * 2. Twenty pnpm at once, each with nothing of its own, install packages with very large packuments, while somebody pings. The
 *    server, and who pings it, have one core; the clients and the registry behind it the other.
 *
 * `node test/bench/proxy.ts real` or `large` runs one of them.
 */
import { execFileSync, fork, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { Agent, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { serve, type Server } from "../support/citadel.ts";
import { clientTools } from "../support/clients.ts";
import { request } from "../support/http.ts";
import { pack, sha1, sha512 } from "../support/packages.ts";
import { run } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";

const project = { express: "4.21.2", jest: "29.7.0", webpack: "5.97.1" };
const packages = 25;
const versions = 3000;
const clients = 20;
const [serverCore, clientsCore] = ["0", "1"] as const;

const [what, url = ""] = process.argv.slice(2);
const temp = await tempFolder("bench-proxy");
try {
  if (what === "ping") await ping(url);
  else {
    if (what !== "large") await real();
    if (what !== "real") await large();
  }
} finally {
  await temp.remove();
}

async function real(): Promise<void> {
  const registry = execFileSync("npm", ["config", "get", "registry"], {
    stdio: ["ignore", "pipe", "ignore"],
  })
    .toString()
    .trim();
  const { NODE_EXTRA_CA_CERTS } = process.env;
  const env = { CITADEL_UPSTREAM: registry, ...(NODE_EXTRA_CA_CERTS && { NODE_EXTRA_CA_CERTS }) };
  const server = await serve({ home: join(temp.path, "real"), env });
  const install = async (name: string, from: string): Promise<void> => {
    const cwd = await projectIn(name, project);
    const args = ["install", "--registry", from, "--cache", join(cwd, "cache"), "--ignore-scripts"];
    const started = performance.now();
    const ran = await run("npm", [...args, "--no-audit", "--no-fund"], { cwd, timeout: 600_000 });
    if (ran.code !== 0) throw new Error(ran.output);
    const { packages: found } = JSON.parse(await readFile(join(cwd, "package-lock.json"), "utf8"));
    const count = Object.keys(found).length - 1;
    print(`npm install, ${count} packages, ${name}`, `${seconds(started)} s`);
  };
  await install("direct", registry);
  await install("cold", server.url);
  await install("warm", server.url);
  await install("warm again", server.url);
  print("memory of the server", await memory(server));
  await server.stop();
}

async function large(): Promise<void> {
  const { pnpm } = await clientTools();
  pin(process.pid, clientsCore);
  const upstream = await largePackuments();
  const server = await serve({
    home: join(temp.path, "large"),
    prefix: ["taskset", "-c", serverCore],
    env: {
      CITADEL_UPSTREAM: upstream.url,
      NODE_OPTIONS: `--import=${join(import.meta.dirname, "stretch.js")}`,
      CITADEL_BENCH_STRETCH: join(temp.path, "stretch"),
    },
  });
  await request(`${server.url}/-/ping`);
  const idle = await memory(server);
  const names = Object.fromEntries(
    Array.from({ length: packages }, (_, n) => [`large-${n}`, `1.0.${versions - 1}`]),
  );
  for (const round of ["cold", "warm"]) {
    upstream.requests = 0;
    const pings = pinging(server.url);
    const started = performance.now();
    const ran = await Promise.all(
      Array.from({ length: clients }, async (_, n) => {
        const cwd = await projectIn(`${round}-${n}`, names);
        const [file = "", ...args] = pnpm;
        return run(
          file, // inherits our core
          [
            ...[...args, "install", "--registry", server.url, "--ignore-scripts", "--no-lockfile"],
            ...["--store-dir", join(cwd, "store"), "--cache-dir", join(cwd, "cache")],
            ...["--config.minimumReleaseAge=0"],
          ],
          { cwd, timeout: 600_000 },
        );
      }),
    );
    const failed = ran.find(({ code }) => code !== 0);
    if (failed) throw new Error(failed.output);
    const taken = seconds(started);
    const { count, p50, p99, most } = await pings();
    print(
      `${clients} pnpm at once, ${packages} packuments of ${upstream.megabytes} MB, ${round}`,
      `${taken} s`,
    );
    print("  /-/ping meanwhile", `p50 ${p50} ms, p99 ${p99} ms, most ${most} ms (${count} pings)`);
    print("  requests upstream", String(upstream.requests));
    print("  memory of the server", `${await memory(server)} (idle ${idle})`);
  }
  await server.stop();
  const stretch = await readFile(join(temp.path, "stretch"), "utf8");
  print("the server's longest work without a turn, in CPU time", stretch);
  await upstream.close();
}

async function projectIn(name: string, dependencies: Record<string, string>): Promise<string> {
  const cwd = join(temp.path, "projects", name.replaceAll(" ", "-"));
  await mkdir(cwd, { recursive: true });
  const manifest = { name: "project", version: "1.0.0", private: true, dependencies };
  await writeFile(join(cwd, "package.json"), JSON.stringify(manifest));
  return cwd;
}

/** A registry in this process: ready bytes, no work. */
async function largePackuments() {
  const documents = new Map<string, Buffer>();
  const tarballs = new Map<string, Buffer>();
  const stats = { requests: 0, megabytes: 0 };
  const server = createServer((incoming, outgoing) => {
    stats.requests++;
    const path = incoming.url ?? "";
    const found = documents.get(path) ?? tarballs.get(path);
    outgoing.writeHead(found ? 200 : 404, { "content-length": found?.length ?? 0 }).end(found);
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", () => resolve()));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const last = `1.0.${versions - 1}`;
  for (let n = 0; n < packages; n++) {
    const name = `large-${n}`;
    const bytes = pack({ name, version: last });
    const path = `/${name}/-/${name}-${last}.tgz`;
    tarballs.set(path, bytes);
    const all: Record<string, unknown> = {};
    const time: Record<string, string> = {};
    for (let v = 0; v < versions; v++) {
      const version = `1.0.${v}`;
      const integrity =
        version === last
          ? sha512(bytes)
          : sha512(
              createHash("sha512")
                .update(name + v)
                .digest(),
            );
      all[version] = {
        ...{
          name,
          version,
          description: "x".repeat(200),
          license: "MIT",
          bin: { [name]: "cli.js" },
        },
        dependencies: version === last ? {} : { "left-pad": "^1.0.0", "right-pad": "^1.0.0" },
        scripts: { test: "node test.js", build: "node build.js" },
        engines: { node: ">=18" },
        dist: {
          integrity,
          shasum: sha1(bytes),
          tarball: `${url}/${name}/-/${name}-${version}.tgz`,
        },
      };
      time[version] = new Date(1.5e12 + v * 1000).toISOString();
    }
    const document = { name, "dist-tags": { latest: last }, versions: all, time };
    documents.set(`/${name}`, Buffer.from(JSON.stringify(document)));
  }
  const [one] = documents.values();
  stats.megabytes = Math.round(((one?.length ?? 0) / 1e6) * 10) / 10;
  return Object.assign(stats, {
    url,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

/** Pings every 20 ms from a process of its own until it is asked what came of it. */
function pinging(url: string) {
  const child = fork(import.meta.filename, ["ping", url], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  pin(child.pid, serverCore);
  return async () => {
    const answer = once(child, "message");
    child.send("end");
    const [times] = (await answer) as [number[]];
    const sorted = times.toSorted((a, b) => a - b);
    const at = (part: number): string =>
      (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0).toFixed(1);
    return { count: sorted.length, p50: at(0.5), p99: at(0.99), most: at(1) };
  };
}

async function ping(url: string): Promise<void> {
  const agent = new Agent({ keepAlive: true });
  const times: number[] = [];
  let over = false;
  process.once("message", () => (over = true));
  while (!over) {
    const started = performance.now();
    await request(`${url}/-/ping`, { agent });
    times.push(performance.now() - started);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  process.send?.(times, () => process.exit());
}

function pin(pid: number | undefined, core: string): void {
  spawnSync("taskset", ["-a", "-p", "-c", core, String(pid)]);
}

async function memory({ pid }: Server): Promise<string> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const kilobytes = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? NaN);
  return `${Math.round(kilobytes / 1024)} MiB`;
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}

function print(what: string, value: string): void {
  console.log(`${what.padEnd(70)} ${value}`);
}
