// Compares Citadel with Verdaccio, nginx and a bare node:http server, each on core 0 and the load on core 1, in turn.
// Use: npm run bench [-- --quick]. Writes docs/performance.md unless --quick.
import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { randomBytes } from "node:crypto";
import { cpus } from "node:os";
import { join } from "node:path";
import { root } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { mustRun, run } from "../support/run.ts";
import { clientTools } from "../support/clients.ts";
import { openCorpus } from "../support/corpus.ts";
import { packument, signIn, type Manifest } from "../support/packages.ts";
import { tempFolder } from "../support/temp.ts";
import { manifest, memory, publishAll, rate, settle } from "./load.ts";
import { report, type Figures } from "./report.ts";
import {
  startBare,
  startCitadel,
  startNginx,
  startVerdaccio,
  stop,
  verdaccio,
  type Contender,
  type StaticFile,
} from "./servers.ts";

const quick = process.argv.includes("--quick");
const rounds = quick ? 1 : 5;
const seconds = quick ? 1 : 2;
/** versions of typescript, a real package with thousands of them */
const large = quick ? 300 : 4000;
/** versions of the package that grows */
const growth = quick ? 60 : 1000;
const publishes = quick ? 10 : 60;

const short = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*";
const gzip = { "accept-encoding": "gzip" };

type Read = readonly [figure: string, path: string, headers: Readonly<Record<string, string>>];

/** What is read: figure, path, request headers. */
const reads: readonly [Read, ...Read[]] = [
  ["small packument, short, gzip", "/bench-small", { accept: short, ...gzip }],
  ["small packument, full, gzip", "/bench-small", { accept: "application/json", ...gzip }],
  ["packument of typescript, short, gzip", "/typescript", { accept: short, ...gzip }],
  ["packument of typescript, full, gzip", "/typescript", { accept: "application/json", ...gzip }],
  ["tarball of 10 KB", "/bench-small/-/bench-small-1.0.0.tgz", {}],
  ["tarball of 2 MB", "/bench-big/-/bench-big-1.0.0.tgz", {}],
];

async function main(): Promise<void> {
  await need("wrk");
  await need("nginx");
  const folder = await tempFolder("bench");
  const contenders: Contender[] = [];
  const figures: Figures = new Map();
  const foreign: number[] = [];
  const keep = (figure: string, label: string, value: number): void => {
    const row = figures.get(figure) ?? new Map<string, number[]>();
    figures.set(figure, row.set(label, [...(row.get(label) ?? []), value]));
  };
  try {
    const node = await startCitadel("node", join(folder.path, "node"));
    const bun = await startCitadel("bun", join(folder.path, "bun"));
    contenders.push(node, bun);
    say("seeding typescript");
    const publishers = new Map<string, { url: string; token: string }>();
    for (const { label, url } of [node, bun]) {
      publishers.set(label, { url, token: await signIn(url, "bench") });
      await publishAll(publishers.get(label)!, await manifestsOf("typescript", large), 1);
    }
    const ready = (await packument(node.url, "typescript"))!;
    for (const tuned of [false, true]) {
      const contender = await startVerdaccio(folder.path, tuned, ready);
      contenders.push(contender);
      const { label, url } = contender;
      publishers.set(label, { url, token: await signIn(url, "bench") });
    }
    for (const [label, publisher] of publishers) {
      say(`a package that grows, in ${label}`);
      const small = [manifest("bench-small", "1.0.0")];
      await publishAll(publisher, small, 1, { "blob.bin": randomBytes(9_500) });
      const big = [manifest("bench-big", "1.0.0")];
      await publishAll(publisher, big, 1, { "blob.bin": randomBytes(2e6) });
      const many = Array.from({ length: growth }, (_, n) => manifest("bench-grows", `1.${n}.0`));
      const { each } = await publishAll(publisher, many, 1);
      for (const ms of each.slice(1, 10)) keep("publish of version 1, ms", label, ms);
      for (const ms of each.slice(-9)) keep(`publish of version ${growth}, ms`, label, ms);
    }

    const files = await asServed(node.url);
    contenders.push(await startBare(folder.path, files), await startNginx(folder.path, files));

    // figure by figure, the contenders in turn: whatever else the machine does meets all of them
    const etags = new Map<string, string>();
    const [[, path304, headers304]] = reads;
    for (const { label, url } of contenders) {
      const { etag } = (await request(url + path304, { headers: headers304 })).headers;
      etags.set(label, etag ?? "");
    }
    for (let round = 1; round <= rounds; round++) {
      say(`round ${round} of ${rounds}`);
      const pids = contenders.map(({ child }) => child.pid ?? 0);
      const measure = async (url: string, headers: Readonly<Record<string, string>>) => {
        foreign.push(await settle(pids));
        return rate(url, headers, seconds);
      };
      for (const [figure, path, headers] of reads)
        for (const { label, url } of contenders) {
          const found = await measure(url + path, headers);
          if (!found) continue;
          keep(`${figure}, requests/s`, label, found.requests);
          if (path.endsWith("big-1.0.0.tgz")) keep(`${figure}, MB/s`, label, found.megabytes);
          else if (round === 1)
            keep(`${figure}, bytes on the wire`, label, (found.megabytes * 1e6) / found.requests);
        }
      for (const { label, url } of contenders) {
        const headers = { ...headers304, "if-none-match": etags.get(label) ?? "" };
        const found = await measure(url + path304, headers);
        if (found) keep("small packument, 304, requests/s", label, found.requests);
      }
      for (const atOnce of [1, 8])
        for (const [label, publisher] of publishers) {
          const fresh = Array.from({ length: publishes }, (_, n) =>
            manifest(`bench-p-${round}-${atOnce}-${n}`, "1.0.0"),
          );
          foreign.push(await settle(pids));
          const { total } = await publishAll(publisher, fresh, atOnce);
          const figure = `publish of new packages, ${atOnce} at a time, per second`;
          keep(figure, label, (publishes / total) * 1000);
        }
    }

    for (const contender of contenders) await stop(contender);
    const again = [
      () => startCitadel("node", join(folder.path, "node")),
      () => startCitadel("bun", join(folder.path, "bun")),
      () => startVerdaccio(folder.path, false, ready),
      () => startVerdaccio(folder.path, true, ready),
      () => startBare(folder.path, files),
      () => startNginx(folder.path, files),
    ];
    for (let round = 1; round <= rounds; round++)
      for (const start of again) {
        foreign.push(await settle([]));
        const started = await start();
        contenders.push(started);
        keep("start to first answer, ms", started.label, started.start);
        await new Promise((resolve) => setTimeout(resolve, quick ? 500 : 2000));
        keep("idle memory, MB", started.label, await memory(started.child.pid ?? 0));
        await stop(started);
      }
  } finally {
    for (const contender of contenders) await stop(contender);
    await folder.remove();
  }
  const text = report(figures, {
    command: `npm run bench${quick ? " -- --quick" : ""}`,
    machine: `${cpus().length} cores, ${cpus()[0]?.model ?? "unknown"}`,
    versions: await programs(),
    date: new Date().toISOString().slice(0, 10),
    rounds,
    foreign,
  });
  process.stdout.write(text);
  if (!quick) await writeFile(join(root, "docs/performance.md"), text);
}

/** Up to `count` of the newest manifests of a real package, oldest first. */
async function manifestsOf(name: string, count: number): Promise<Manifest[]> {
  const { versions } = await (await openCorpus()).packument(name);
  return Object.values(versions)
    .slice(-count)
    .map(({ dist: _, deprecated: __, ...rest }) => rest as unknown as Manifest);
}

/** Names and versions of what was compared. */
async function programs(): Promise<string> {
  const first = async (file: string, ...args: string[]) =>
    /\d+(?:\.\d+)+/.exec((await run(file, args)).output)?.[0] ?? "unknown";
  const bun = (await clientTools()).bun[0] ?? "bun";
  return [
    `Citadel ${await first(process.execPath, join(root, "bin/citadel.js"), "--version")}`,
    `Node ${process.version.slice(1)}`,
    `Bun ${await first(bun, "--version")}`,
    `Verdaccio ${verdaccio}`,
    `nginx ${await first("nginx", "-v")}`,
    `wrk ${await first("wrk", "-v")}`,
  ].join(", ");
}

/** Citadel's own answers, for the servers that only send bytes. */
async function asServed(url: string): Promise<StaticFile[]> {
  const files: StaticFile[] = [];
  for (const [, path, headers] of reads) {
    const answer = await final(url + path, headers);
    const kept = Object.entries(answer.headers).filter(([name]) => !own.has(name));
    files.push({
      path,
      accept: headers["accept"]?.includes("install-v1") ? "short" : "",
      headers: Object.fromEntries(kept.map(([name, value]) => [name, String(value)])),
      body: answer.body,
    });
  }
  return files;
}

/** The first answer of a large packument is a quick one; the better encoding follows. Waits for the one that stays. */
async function final(url: string, headers: Readonly<Record<string, string>>) {
  for (let last = await request(url, { headers }), same = 0; ;) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const answer = await request(url, { headers });
    same = answer.body.equals(last.body) ? same + 1 : 0;
    if (same === 4) return answer;
    last = answer;
  }
}

/** Headers that every server adds by itself. */
const own: ReadonlySet<string> = new Set(["date", "connection", "keep-alive"]);

/** Installs a program of the comparison from Debian where it is missing. */
async function need(program: string): Promise<void> {
  if (spawnSync("sh", ["-c", `command -v ${program}`]).status === 0) return;
  await mustRun("apt-get", ["update", "-q"], { timeout: 300_000 });
  await mustRun("apt-get", ["install", "-y", "-q", program], { timeout: 300_000 });
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

await main();
