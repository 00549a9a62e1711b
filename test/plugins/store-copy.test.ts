import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { delegate, type Driver, type DriverFactory } from "@citadel/core/driver";
import { copyStore, openStore, planCopy, type Kind } from "@citadel/core/store";
import file from "@citadel/driver-file";
import { memoryStore } from "@citadel/driver-memory";
import sqlite from "@citadel/driver-sqlite";
import { LocalRegistry } from "@citadel/plugin-local";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startPostgres } from "../servers/postgres.ts";
import { startRedis } from "../servers/redis.ts";
import { startS3 } from "../servers/s3.ts";
import { oneProcess } from "../support/one-process.ts";
import { fill, interrupted, inventory, some } from "../support/copies.ts";
import { tempFolder } from "../support/temp.ts";

const { citadel } = oneProcess();

const folder = await tempFolder("store-copy");
afterAll(() => folder.remove());
const home = join(folder.path, "home");
let stores = 0;
const newFile = () => `file:${folder.path}/${stores++}`;
const newSqlite = () => `sqlite:${folder.path}/${stores++}.db`;

const factories: Record<string, DriverFactory> = { "file:": file, "sqlite:": sqlite };
async function opened<T>(url: string, work: (driver: Driver) => Promise<T>): Promise<T> {
  const driver = factories[new URL(url).protocol]!(new URL(url));
  await driver.open();
  try {
    return await work(driver);
  } finally {
    await driver.close();
  }
}

/** Starts a copy and kills it on the way. */
const killed = (from: string, to: string, enough: (driver: Driver) => Promise<boolean>) =>
  opened(to, (driver) => interrupted(home, [from, to], driver, enough));

const copy = (...args: string[]) => citadel(home, ["store:copy", ...args]);
const verify = (store: string) => citadel(home, ["verify", "--json", "--store", store]);

test(
  "G2, H4: folder to SQLite to folder, killed twice on the way: byte-identical and sound",
  { timeout: 240_000 },
  async () => {
    const [source, middle, end] = [newFile(), newSqlite(), newFile()];
    await fill(home, source, 250);
    await opened(source, async (driver) => {
      await driver.put("c/soon", randomBytes(9), { expires: Date.now() + 86_400_000 });
      await driver.put("x/odd", randomBytes(9), { meta: { type: "odd" } });
    });
    const wanted = await opened(source, inventory);

    const dry = await copy(source, middle, "-n", "--json");
    expect(JSON.parse(dry.stdout)).toMatchObject({
      all: { keys: Object.keys(wanted).length },
      missing: { keys: Object.keys(wanted).length },
      conflicts: [],
    });
    expect(await killed(source, middle, some("b/", 40))).toBe(true);
    expect(await opened(middle, some("d/", 1)), "documents come last").toBe(false);
    expect(await killed(source, middle, some("d/", 20))).toBe(true);
    const done = await copy(source, middle, "--yes", "--json");
    expect(done.code, done.output).toBe(0);
    const report = JSON.parse(done.stdout) as { copied: { keys: number }; present: { keys: number } }; // prettier-ignore
    expect(report.present.keys).toBeGreaterThan(100);
    expect(report.copied.keys).toBeGreaterThan(0);
    expect(report.copied.keys + report.present.keys).toBe(Object.keys(wanted).length);

    expect(await killed(middle, end, some("h/", 30))).toBe(true);
    const back = await copy(middle, end, "--yes");
    expect(back.code, back.output).toBe(0);

    expect(await opened(middle, inventory)).toEqual(wanted);
    expect(await opened(end, inventory)).toEqual(wanted);
    for (const url of [middle, end]) {
      const sound = await verify(url);
      expect(sound.code, sound.output).toBe(0);
    }
    const again = await copy(source, end, "--yes", "--json");
    expect(JSON.parse(again.stdout)).toMatchObject({ copied: { keys: 0, bytes: 0 } });
  },
);

describe("G2: the way to a server and back", () => {
  const servers: Partial<Record<string, { store(): string; stop(): Promise<void> }>> = {};
  beforeAll(async () => {
    const [redis, postgres, s3] = await Promise.all([startRedis(), startPostgres(), startS3()]);
    if (redis) servers["redis"] = redis;
    if (postgres) servers["postgres"] = postgres;
    servers["s3"] = { store: () => s3.bucket(), stop: () => s3.stop() };
  });
  afterAll(() => Promise.all(Object.values(servers).map(async (server) => server?.stop())));

  test.for(["redis", "postgres", "s3"])("%s", { timeout: 120_000 }, async (name, { skip }) => {
    const server = servers[name];
    if (!server) return skip(`${name} is not installed`);
    const [source, middle, end] = [newFile(), server.store(), newSqlite()];
    await using registry = await LocalRegistry.open({ home, store: source });
    for (let n = 0; n < 12; n++)
      await registry.publishPackage(`p${n}`, "1.0.0", "demo", randomBytes(n === 5 ? 400_000 : 900));
    // blobs do not belong into Redis unless told to
    const there = name === "redis" ? ["--to-blobs", newFile()] : [];
    const back = there.length > 0 ? ["--from-blobs", there[1]!] : [];
    const up = await copy(source, middle, ...there, "--yes");
    expect(up.code, up.output).toBe(0);
    const down = await copy(middle, end, ...back, "--yes");
    expect(down.code, down.output).toBe(0);
    expect(await opened(end, inventory)).toEqual(await opened(source, inventory));
  });
});

test("G2: a target with other documents is refused, with a list; --force keeps the others and replaces the different", async () => {
  const [source, target] = [newSqlite(), newSqlite()];
  const publish = async (url: string, name: string, content: string, version = "1.0.0") => {
    await using registry = await LocalRegistry.open({ home, store: url });
    await registry.publishPackage(name, version, "demo", content);
  };
  await publish(source, "shared", "ours");
  await publish(source, "ours", "x");
  await publish(target, "shared", "theirs");
  await publish(target, "theirs", "x");

  const before = await opened(target, inventory);
  const refused = await copy(source, target, "--yes", "--json");
  expect(refused.code).toBe(5);
  const { error } = JSON.parse(refused.stdout) as { error: { code: string; message: string } };
  expect(error.code).toBe("E_CONFLICT");
  expect(error.message).toContain("d/package/@demo%2Fshared (different)");
  expect(error.message).toContain("d/package/@demo%2Ftheirs (extra)");
  expect(await opened(target, inventory)).toEqual(before);

  const forced = await copy(source, target, "--yes", "--force");
  expect(forced.code, forced.output).toBe(0);
  const after = await opened(target, inventory);
  expect(after).toMatchObject(await opened(source, inventory));
  expect(Object.keys(after)).toEqual(expect.arrayContaining(Object.keys(before)));
  // what only the target has was signed by a key that was replaced, too; nothing else is wrong
  const { items } = JSON.parse((await verify(target)).stdout) as { items: unknown[] };
  expect(items).toMatchObject([{ key: "d/package/@demo%2Ftheirs", problem: "signature" }]);

  // a target that has gone on would lose something
  await publish(target, "ours", "y", "1.1.0");
  await publish(target, "ours", "z", "1.2.0");
  const longer = await copy(source, target, "--yes", "--force");
  expect(longer.code).toBe(5);
  expect(longer.stdout).toContain("longer");
  // the other way round it is the same history, gone on
  const other = await copy(target, source, "--yes");
  expect(other.code, other.output).toBe(0);
});

test("G2: a damaged source is refused, a damaged blob of the target is mended", async () => {
  const [source, target] = [newSqlite(), newSqlite()];
  await fill(home, source, 3);
  expect((await copy(source, target, "--yes")).code).toBe(0);
  const [blob] = await opened(source, async (d) => (await d.list({ prefix: "b/" })).entries);
  const wrong = randomBytes(blob!.size);
  const right = await opened(target, inventory);
  await opened(target, (driver) => driver.put(blob!.key, wrong));
  expect((await verify(target)).code).toBe(6);
  expect((await copy(source, target, "--yes")).code).toBe(0);
  expect(await opened(target, inventory)).toEqual(right);

  await opened(source, (driver) => driver.put(blob!.key, wrong));
  const fresh = newSqlite();
  const refused = await copy(source, fresh, "--yes");
  expect(refused.code, refused.output).toBe(6);
  expect(refused.stderr).toContain(blob!.key);
  expect(await opened(fresh, some("d/", 1))).toBe(false);
});

test("G2: asks before it writes, and says which flag answers where nobody can be asked", async () => {
  const [source, target] = [newSqlite(), newSqlite()];
  await fill(home, source, 1);
  const ran = await copy(source, target);
  expect(ran.code).toBe(2);
  expect(ran.stderr).toContain("--yes");
  expect(await opened(target, inventory)).toEqual({});
  const same = await copy(source, source, "--yes");
  expect(same.code).toBe(2);
});

describe("G2: a source that is in use", () => {
  const note: Kind<readonly string[], string> = {
    name: "note",
    reduce: (state = [], event) => [...state, event],
    references: (state) => state.map((hash) => `m/sha256/${hash.slice(0, 2)}/${hash}`),
  };
  const who = { name: "test", via: "cli" } as const;

  /** A store with one document, and what adds a manifest and a reference to it. */
  async function place() {
    const driver = memoryStore().open();
    await driver.open();
    const store = openStore({ driver, grace: 3_600_000, memory: 1 << 20 });
    const ledger = store.ledger(note);
    let n = 0;
    const add = async (name = "a") => {
      const hash = await store.manifests.put(Buffer.from(`manifest ${n++}`));
      await ledger.change(name, who, () => [Buffer.from(hash, "base64url").toString("hex")]);
    };
    onTestFinished(() => store.close());
    return { driver, add };
  }
  async function target() {
    const driver = memoryStore().open();
    await driver.open();
    const store = openStore({ driver, grace: 3_600_000, memory: 1 << 20 });
    onTestFinished(() => store.close());
    return { driver, problems: () => Array.fromAsync(store.verify({ kinds: [note] })) };
  }
  /** Calls `work` before every list below `prefix`. */
  const disturbed = (driver: Driver, prefix: string, work: () => Promise<void>): Driver =>
    delegate(driver, {
      async list(options) {
        if (options?.prefix === prefix) await work();
        return driver.list(options);
      },
    });

  test.each(["b/", "m/", "h/", "d/"])(
    "what changes while %s is copied arrives in a second pass, with what it refers to",
    async (prefix) => {
      const { driver, add } = await place();
      for (const name of ["a", "b", "c"]) await add(name);
      const { driver: to, problems } = await target();
      const plan = await planCopy(driver, to);
      let changes = 0;
      const from = disturbed(driver, prefix, async () => {
        if (changes++ < 2) await add(`n${changes}`).then(() => add("a"));
      });
      const copied = await copyStore(from, to, plan);
      expect(copied.changed).toEqual([]);
      expect(await problems()).toEqual([]);
      expect(await inventory(to)).toEqual(await inventory(driver));
    },
  );

  test("one that never stands still is reported, and nothing refers to what is not there", async () => {
    const { driver, add } = await place();
    await add("a");
    await add("still");
    const { driver: to, problems } = await target();
    const copied = await copyStore(disturbed(driver, "d/", () => add("a")), to, await planCopy(driver, to)); // prettier-ignore
    expect(copied.changed).toEqual(["d/note/a"]);
    expect((await problems()).filter(({ key }) => key.startsWith("m/"))).toEqual([]);
    expect(await to.head("d/note/still")).toBeDefined();
    // and the next run goes on
    expect((await copyStore(driver, to, await planCopy(driver, to))).changed).toEqual([]);
    expect(await problems()).toEqual([]);
  });
});
