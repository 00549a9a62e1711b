// What each driver does in a second, and the memory that a 500 MB object takes on its way through.
// Use: npm run bench:drivers. Writes the table of docs/performance-drivers.md.
import { fork } from "node:child_process";
import { once } from "node:events";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openDriver, type Driver } from "@citadel/core/driver";
import { root } from "../support/citadel.ts";
import { tempFolder } from "../support/temp.ts";
import { startPostgres } from "../servers/postgres.ts";
import { startRedis } from "../servers/redis.ts";
import { startS3 } from "../servers/s3.ts";

const MB = 1e6;
const OBJECT = 500 * MB;
const CHUNK = 1 << 20;

interface Row {
  readonly name: string;
  readonly figures: Readonly<Record<string, number>>;
  /** MB above idle while writing and reading 500 MB; undefined where the driver does not hold so much */
  readonly memory?: { readonly writing: number; readonly reading: number };
}

const schemes = new Map(
  ["memory", "sqlite", "file", "redis", "postgres", "s3"].map((name) => [
    name,
    join(root, "drivers", name, "dist/index.js"),
  ]),
);

/** Operations per second over about a second, `atOnce` at a time. */
async function rate(atOnce: number, work: (n: number) => Promise<unknown>): Promise<number> {
  let done = 0;
  const began = performance.now();
  const worker = async () => {
    while (performance.now() - began < 1000) await work(done++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return (done / (performance.now() - began)) * 1000;
}

async function speed(driver: Driver): Promise<Record<string, number>> {
  const body = randomBytes(2000);
  const key = (n: number) => `d/bench/${n % 500}`;
  for (let n = 0; n < 500; n++) await driver.put(key(n), body);
  let etag = (await driver.put("d/bench/one", body)).etag;
  return {
    "put/s": await rate(1, (n) => driver.put(key(n), body)),
    "put/s, 8 at once": await rate(8, (n) => driver.put(key(n), body)),
    "get/s": await rate(1, (n) => driver.get(key(n))),
    "head/s": await rate(1, (n) => driver.head(key(n))),
    "CAS/s of one key": await rate(1, async () => {
      ({ etag } = await driver.put("d/bench/one", body, { ifMatch: etag }));
    }),
  };
}

/** In a process of its own, so that nothing else is counted. */
async function memoryOf(url: string): Promise<{ writing: number; reading: number }> {
  const child = fork(import.meta.filename, ["--memory", url]);
  const [answer] = (await once(child, "message")) as [{ writing: number; reading: number }];
  await once(child, "exit");
  return answer;
}

async function measureMemory(url: string): Promise<void> {
  const driver = await openDriver(url, schemes);
  const chunk = randomBytes(CHUNK);
  const source = async function* () {
    for (let left = OBJECT; left > 0; left -= CHUNK) yield chunk.subarray(0, Math.min(left, CHUNK));
  };
  await driver.write("b/warm", source(), {});
  const peak = async (work: () => Promise<unknown>): Promise<number> => {
    const idle = process.memoryUsage.rss();
    let most = idle;
    const timer = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 5);
    await work();
    clearInterval(timer);
    return (most - idle) / MB;
  };
  const writing = await peak(() => driver.write("b/big", source(), { size: OBJECT }));
  const reading = await peak(async () => {
    const opened = await driver.read("b/big");
    if (!opened) throw new Error("the object is gone");
    for await (const _ of opened.stream);
  });
  await driver.close();
  process.send?.({ writing, reading });
  process.disconnect?.();
}

async function main(): Promise<void> {
  const folder = await tempFolder("bench-drivers");
  const redis = await startRedis();
  const postgres = await startPostgres();
  const s3 = await startS3();
  const rows: Row[] = [];
  try {
    const urls: readonly (readonly [string, string | undefined])[] = [
      ["memory", "memory:"],
      ["sqlite", `sqlite:${folder.path}/store.db`],
      ["file", `file:${folder.path}/store`],
      ["redis", redis?.store()],
      ["postgres", postgres?.store()],
      ["s3 (test server)", s3.bucket()],
    ];
    for (const [name, url] of urls) {
      if (url === undefined) continue;
      process.stderr.write(`${name}\n`);
      const driver = await openDriver(url, schemes);
      const figures = await speed(driver);
      const holds = driver.caps.maxObject >= OBJECT;
      await driver.close();
      rows.push({ name, figures, ...(holds && { memory: await memoryOf(url) }) });
    }
  } finally {
    await Promise.all([redis?.stop(), postgres?.stop(), s3.stop()]);
    await folder.remove();
  }
  const names = Object.keys(rows[0]?.figures ?? {});
  const lines = [
    "# How fast the drivers are",
    "",
    `Made by \`npm run bench:drivers\` on Node ${process.version}, objects of 2 KB, every server on this machine, durability as each`,
    "driver has it by default (sqlite, file and postgres sync, redis and memory do not). The S3 server is the strict one of the tests,",
    "in this very process: its figures say what the driver costs, not what a store would.",
    "",
    `| driver | ${names.join(" | ")} | MB above idle, 500 MB in | out |`,
    `| --- |${" ---: |".repeat(names.length + 2)}`,
    ...rows.map(({ name, figures, memory }) => {
      const rates = names.map((one) => Math.round(figures[one] ?? 0).toLocaleString("en-US"));
      const room = memory
        ? [memory.writing, memory.reading].map((mb) => mb.toFixed(0))
        : ["–", "–"];
      return `| ${name} | ${[...rates, ...room].join(" | ")} |`;
    }),
    "",
    "–: does not hold objects of that size; `split` puts them into another store.",
  ];
  const text = `${lines.join("\n")}\n`;
  process.stdout.write(text);
  await writeFile(join(root, "docs/performance-drivers.md"), text);
}

const [mode, url] = process.argv.slice(2);
await (mode === "--memory" && url ? measureMemory(url) : main());
