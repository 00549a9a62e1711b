import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Driver, DriverFactory, Key } from "@citadel/core/driver";
import file from "@citadel/driver-file";
import postgres from "@citadel/driver-postgres";
import redis from "@citadel/driver-redis";
import s3 from "@citadel/driver-s3";
import sqlite from "@citadel/driver-sqlite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bin } from "../cli/cli.ts";
import { startPostgres } from "../servers/postgres.ts";
import { startRedis } from "../servers/redis.ts";
import { startS3 } from "../servers/s3.ts";
import { citadel, citadelEnv, root } from "../support/citadel.ts";
import { tempFolder } from "../support/temp.ts";
import { until } from "../support/until.ts";

const folder = await tempFolder("driver-test");
afterAll(() => folder.remove());
const home = join(folder.path, "home");

interface Report {
  readonly driver: string;
  readonly capabilities: { readonly cas: string };
  readonly cases: readonly { group: string; name: string; outcome: string; reason?: string }[];
  readonly race: { kind: string; done: number; refused: number; problems: string[] };
  readonly speed: readonly { operation: string; p50: number; p99: number }[];
  readonly sound: boolean;
}
const foreign: readonly Key[] = ["a", "b/sha512/aa/aaff", "d/package/x", "driver-test~", "m/x", "z"]; // prettier-ignore

/** A store that is in use; and whether it is as it was. */
async function inUse(make: DriverFactory, url: string) {
  const driver = make(new URL(url));
  await driver.open();
  for (const key of foreign) await driver.put(key, Buffer.from(key));
  const before = await everything(driver);
  return {
    driver,
    async untouched() {
      expect(await everything(driver)).toEqual(before);
      await driver.close();
    },
  };
}

async function everything(driver: Driver): Promise<string[]> {
  const { entries } = await driver.list();
  return Promise.all(entries.map(async ({ key }) => `${key} ${(await driver.head(key))?.etag}`));
}

test("G2: driver:list names every scheme with its package", async () => {
  const ran = await citadel(home, ["driver:list"]);
  const rows = ran.stdout.split("\n").map((line) => line.split("\t"));
  for (const scheme of ["file", "memory", "postgres", "redis", "s3", "sqlite"])
    expect(rows).toContainEqual([`${scheme}:`, `@citadel/driver-${scheme}`, "0.1.0", "bundled"]);
});

describe.concurrent("G2: driver:test in a store that is in use", () => {
  const servers: Partial<Record<string, { store(): string; stop(): Promise<void> }>> = {};
  beforeAll(async () => {
    const [one, two, three] = await Promise.all([startRedis(), startPostgres(), startS3()]);
    if (one) servers["redis"] = one;
    if (two) servers["postgres"] = two;
    servers["s3"] = { store: () => `${three.bucket()}&poll=50`, stop: () => three.stop() };
  });
  afterAll(() => Promise.all(Object.values(servers).map(async (server) => server?.stop())));
  const stores: Record<string, readonly [DriverFactory, () => string | undefined]> = {
    file: [file, () => `file:${folder.path}/store`],
    sqlite: [sqlite, () => `sqlite:${folder.path}/store.db`],
    redis: [redis, () => servers["redis"]?.store()],
    postgres: [postgres, () => servers["postgres"]?.store()],
    s3: [s3, () => servers["s3"]?.store()],
  };

  test.for(Object.keys(stores))("%s", { timeout: 240_000 }, async (name, { skip, expect: is }) => {
    const [make, address] = stores[name]!;
    const url = address();
    if (url === undefined) return skip(`${name} is not installed`);
    const store = await inUse(make, url);
    const options = { timeout: 200_000 };
    const ran = await citadel(home, ["driver:test", url, "--race", "2s", "--json"], options);
    const report = JSON.parse(ran.stdout) as Report;
    is(report.cases.filter(({ outcome }) => outcome === "failed")).toEqual([]);
    is(ran.code, ran.output).toBe(0);
    is(report.sound).toBe(true);
    is(report.cases.length).toBeGreaterThan(80);
    for (const { outcome, reason } of report.cases)
      if (outcome === "skipped") is(reason).toMatch(/^\w+: \w+|crash/);
    is(report.race).toMatchObject({ kind: "processes", problems: [] });
    is(report.race.done).toBeGreaterThan(10);
    is(report.race.refused).toBeGreaterThan(0);
    is(report.speed.map(({ operation }) => operation)).toContain("compare-and-set");
    for (const { p50, p99 } of report.speed) is(p99).toBeGreaterThanOrEqual(p50);
    await store.untouched();
  });
});

test(
  "G2, 38: a driver that breaks promises: exit 6, the cases by name, and the race sees it",
  { timeout: 240_000 },
  async () => {
    const at = join(folder.path, "forgetful");
    await citadel(home, ["driver:new", "forgetful", "-o", at]);
    await mkdir(join(at, "node_modules/@citadel"), { recursive: true });
    await symlink(join(root, "src"), join(at, "node_modules/@citadel/core"));
    const source = join(at, "src/index.js");
    const right = await readFile(source, "utf8");
    const wrong = right.replace(/const holds =[^;]+;/, "const holds = true;");
    expect(wrong).not.toBe(right);
    await writeFile(source, wrong);
    await citadel(home, ["plugins:link", "--no-install", at]);

    const url = `forgetful:${folder.path}/forgetful.log`;
    const ran = await citadel(home, ["driver:test", url, "--race", "2s", "--json"], { timeout: 200_000 }); // prettier-ignore
    expect(ran.code, ran.output).toBe(6);
    const report = JSON.parse(ran.stdout) as Report;
    expect(report.sound).toBe(false);
    expect(report.race.problems.length).toBeGreaterThan(0);
    const failed = report.cases.filter(({ outcome }) => outcome === "failed");
    expect(failed.map(({ name }) => name)).toContain("a key there, put asks for ifAbsent");
    expect(failed[0]?.reason).toBeTruthy();
  },
);

test("G2, 38: an unreachable store is 7, one that nobody knows is 2, and no password is printed", async () => {
  const away = await citadel(home, ["driver:test", "redis://:hunter2@127.0.0.1:1/", "--json"]);
  expect(away.code, away.output).toBe(7);
  expect(away.output).not.toContain("hunter2");
  const unknown = await citadel(home, ["driver:test", "rediss3://:hunter2@127.0.0.1:1/"]);
  expect(unknown.code).toBe(2);
  expect(unknown.output).not.toContain("hunter2");
});

test.each([
  ["suite", "suite-2", "10s"],
  ["race", "race/", "60s"],
])(
  "G2, 33: Ctrl-C during the %s leaves nothing and ends with 130",
  { timeout: 90_000 },
  async (what, part, race) => {
    const url = `sqlite:${folder.path}/cancelled-${what}.db`;
    const store = await inUse(sqlite, url);
    const child = spawn(process.execPath, [bin, "driver:test", url, "--race", race], {
      env: citadelEnv(home),
      stdio: "ignore",
    });
    const ended = once(child, "close");
    const began = async (): Promise<boolean> =>
      (await store.driver.list({ prefix: "driver-test/" })).entries.some(({ key }) =>
        key.includes(part),
      );
    await until(began, 600);
    await pause(200);
    child.kill("SIGINT");
    expect((await ended)[0]).toBe(130);
    await store.untouched();
  },
);
