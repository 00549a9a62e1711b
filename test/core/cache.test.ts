import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { openCache, type Cache, type Filled } from "@citadel/core/cache";
import fileDriver from "@citadel/driver-file";
import sqliteDriver from "@citadel/driver-sqlite";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { startRelay } from "../servers/relay.ts";
import { startRedis } from "../servers/redis.ts";
import { tempFolder } from "../support/temp.ts";

const folder = await tempFolder("cache");
const redis = await startRedis();
afterAll(async () => {
  await redis?.stop();
  await folder.remove();
});
let places = 0;
const schemes = new Map([
  ["file", fileDriver],
  ["sqlite", sqliteDriver],
]);

/** A place of its own, in which several caches stand for several processes. */
function place() {
  const id = ++places;
  const path = join(folder.path, String(id));
  const url = (scheme: string, name: string) =>
    pathToFileURL(join(path, name)).href.replace(/^file/, scheme);
  return {
    path,
    // a busy machine is no broken tier: only the tests of deadlines have the usual ones
    sqlite: (max = "1GB") => `${url("sqlite", "cache.db")}?deadline=10s&max=${max}`,
    file: (max = "1GB") => `${url("file", "files")}?deadline=10s&max=${max}`,
    redis: () => `redis://127.0.0.1:${redis?.port ?? 1}/place-${id}?deadline=10s`,
    open(tiers: readonly string[], memoryBytes = 1e6): Cache {
      const cache = openCache({ tiers, dirs: { cache: path }, schemes, memoryBytes });
      onTestFinished(() => cache.close());
      return cache;
    },
  };
}
const text = (entry: { readonly body: Uint8Array } | undefined) =>
  entry && Buffer.from(entry.body).toString();
const filled = (body: string, more: Partial<Filled> = {}): Filled => ({
  etag: body,
  body: Buffer.from(body),
  ttl: 60_000,
  ...more,
});
/** A source that counts how often it is asked. */
function source(first = "one", more: Partial<Filled> = {}) {
  const self = {
    now: first as string | undefined,
    asked: 0,
    async fill(): Promise<Filled | undefined> {
      self.asked++;
      await sleep(5);
      return self.now === undefined ? undefined : filled(self.now, more);
    },
  };
  return self;
}
const stat = async (cache: Cache, tier: string) =>
  (await cache.stats()).find((row) => row.tier === tier);

type Kind = "sqlite" | "file" | "redis";
const kinds: readonly Kind[] = redis ? ["sqlite", "file", "redis"] : ["sqlite", "file"];

describe.each(kinds)("A10: a %s tier", (kind) => {
  test("keeps what a restart or another process asks for, with its times", async () => {
    const here = place();
    const tier = here[kind]();
    const one = here.open(["memory:", tier]);
    await one.ready;
    await one.put("view/x", { etag: "e1", body: Buffer.from([0, 255, 10, 13]) });
    const fresh = await one.load("doc", source("d1").fill);
    await one.close(); // waits for what it writes
    const two = here.open(["memory:", tier]);
    await two.ready;
    const found = await two.get("view/x");
    expect(found).toMatchObject({ etag: "e1", fresh: Infinity });
    expect([...(found?.body ?? [])]).toEqual([0, 255, 10, 13]);
    const other = source("d2");
    expect(await two.load("doc", other.fill)).toEqual(fresh);
    expect(await stat(two, kind)).toMatchObject({
      state: "up",
      entries: 2,
      hits: expect.any(Number),
    });
  });

  test("an entry ends at its time, in every tier", async () => {
    const here = place();
    const cache = here.open(["memory:", here[kind]()]);
    await cache.ready;
    const from = source("short", { ttl: 40, keep: 40 });
    expect((await cache.load("x", from.fill))?.expires).toBeLessThanOrEqual(Date.now() + 80);
    await sleep(100);
    let stale: unknown = "none";
    await cache.load("x", async (entry) => {
      stale = entry;
      return undefined;
    });
    expect(stale).toBeUndefined();
  });

  test("a stale entry is handed to the source, which may say that it is still right", async () => {
    const here = place();
    const one = here.open(["memory:", here[kind]()]);
    await one.ready;
    await one.load("x", source("v1", { ttl: 1 }).fill);
    await sleep(20);
    await expect
      .poll(async () => {
        const entry = await one.load(
          "x",
          async (stale) => stale && { ...filled("v1"), ...stale, ttl: 60_000 },
        );
        return text(entry);
      })
      .toBe("v1");
    const again = source("never");
    await expect.poll(async () => text(await one.load("x", again.fill))).toBe("v1");
    expect(again.asked).toBe(0);
  });

  test("an invalidation reaches the memory of other processes", async () => {
    const here = place();
    const [one, two] = [here.open(["memory:", here[kind]()]), here.open(["memory:", here[kind]()])];
    await Promise.all([one.ready, two.ready]);
    const from = source("old");
    await one.load("x", from.fill);
    await expect.poll(async () => text(await two.load("x", from.fill))).toBe("old");
    from.now = "new";
    await one.invalidate("x");
    expect(text(await one.load("x", from.fill))).toBe("new");
    await expect
      .poll(async () => text(await two.load("x", from.fill)), { timeout: 5000 })
      .toBe("new");
  });

  test("a fill of another process that began before an invalidation does not bring the old back", async () => {
    const here = place();
    const [one, two] = [here.open([here[kind]()]), here.open([here[kind]()])];
    await Promise.all([one.ready, two.ready]);
    await one.load("x", source("old").fill);
    await one.invalidate("x");
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<Filled>();
    const slow = two.load("x", () => {
      asked.resolve();
      return answer.promise;
    });
    await asked.promise;
    await one.invalidate("x");
    answer.resolve(filled("old"));
    expect(text(await slow)).toBe("old");
    await two.close(); // waits for what it writes
    const third = here.open([here[kind]()]);
    await third.ready;
    expect(text(await third.load("x", source("new").fill))).toBe("new");
  });

  test("clear empties it, and says what it freed", async () => {
    const here = place();
    const cache = here.open(["memory:", here[kind]()]);
    await cache.ready;
    await cache.put("a", { etag: "a", body: Buffer.alloc(1000) });
    await cache.put("b", { etag: "b", body: Buffer.alloc(1000) });
    const freed = await cache.clear();
    expect(freed.map(({ tier, entries }) => [tier, entries])).toEqual([
      ["memory", 2],
      [kind, 2],
    ]);
    expect(freed.every(({ bytes }) => bytes > 2000)).toBe(true);
    expect(await cache.get("a")).toBeUndefined();
    expect(await stat(cache, kind)).toMatchObject({ entries: 0, bytes: 0 });
  });

  test("a damaged entry is a miss", async () => {
    const here = place();
    const cache = here.open([here[kind]()]);
    await cache.ready;
    await cache.put("x", { etag: "x", body: Buffer.from("right") });
    await damage[kind](here);
    expect(await cache.get("x")).toBeUndefined();
    expect(text(await cache.load("x", source("again").fill))).toBe("again");
  });
});

/** Changes one letter of the entry `x` behind the back of the cache. */
const damage: Record<Kind, (here: ReturnType<typeof place>) => Promise<void>> = {
  async sqlite(here) {
    const { DatabaseSync } = await import("node:sqlite");
    using db = new DatabaseSync(join(here.path, "cache.db"));
    db.exec(`UPDATE cache SET value = replace(value, char(10), char(10) || 'A') WHERE key = 'x'`);
  },
  async file(here) {
    const driver = fileDriver(new URL(here.file().replace(/\?.*/, "")));
    await driver.open();
    const item = await driver.get("c/citadel/x");
    const damaged = Buffer.from(item!.body).toString().replace("\n", "\nA");
    await driver.put("c/citadel/x", Buffer.from(damaged));
    await driver.close();
  },
  async redis(here) {
    const name = new URL(here.redis()).pathname.slice(1);
    const key = `citadel-cache:${name}::x`;
    const length = Number(await redis?.cli("STRLEN", key));
    await redis?.cli("SETRANGE", key, String(length - 8), "AAAA");
  },
};

test("A10: without any tier everything works and nothing is kept", async () => {
  const cache = place().open([]);
  const from = source();
  await cache.put("x", { etag: "x", body: Buffer.from("x") });
  expect(await cache.get("x")).toBeUndefined();
  expect(text(await cache.load("y", from.fill))).toBe("one");
  expect(text(await cache.load("y", from.fill))).toBe("one");
  expect(from.asked).toBe(2);
  expect(await cache.stats()).toEqual([]);
});

test("A10: a hundred who ask at once ask the source once", async () => {
  const here = place();
  const cache = here.open(["memory:", here.sqlite()]);
  const from = source();
  const all = await Promise.all(Array.from({ length: 100 }, () => cache.load("x", from.fill)));
  expect(new Set(all.map(text))).toEqual(new Set(["one"]));
  expect(from.asked).toBe(1);
});

test("A10: memory is bounded by bytes, and says what it evicted", async () => {
  const here = place();
  const cache = here.open(["memory:"], 100_000);
  for (let n = 0; n < 50; n++) await cache.put(`k${n}`, { etag: "e", body: Buffer.alloc(10_000) });
  const memory = await stat(cache, "memory");
  expect(memory?.bytes).toBeLessThanOrEqual(100_000);
  expect(memory?.evictions).toBe(50 - (memory?.entries ?? 0));
  expect(await cache.get("k49")).toBeDefined();
  expect(await cache.get("k0")).toBeUndefined();
});

test.each(["sqlite", "file"] as const)(
  "A10: a %s tier makes room by what was used longest ago",
  async (kind) => {
    const here = place();
    const cache = here.open([here[kind]("200kB")]);
    await cache.ready;
    const body = Buffer.alloc(9000);
    await cache.put("used", { etag: "e", body });
    for (let n = 0; n < 60; n++) {
      await cache.put(`k${n}`, { etag: "e", body });
      await cache.get("used");
      await sleep(2); // so that no two were used at the same time
    }
    await expect.poll(async () => (await stat(cache, kind))?.bytes).toBeLessThanOrEqual(220_000);
    const row = await stat(cache, kind);
    expect(row?.evictions).toBeGreaterThan(30);
    expect(await cache.get("used")).toBeDefined();
    expect(await cache.get("k59")).toBeDefined();
    expect(await cache.get("k0")).toBeUndefined();
  },
);

test("A10: that there is no such thing is believed shortly, until it is invalidated", async () => {
  const cache = place().open(["memory:"]);
  const from = source();
  from.now = undefined;
  const ask = () => cache.load("x", from.fill, { negative: 60_000 });
  expect([await ask(), await ask(), from.asked]).toEqual([undefined, undefined, 1]);
  from.now = "there";
  await cache.invalidate("x");
  expect(text(await ask())).toBe("there");
  const shortly = source();
  shortly.now = undefined;
  await cache.load("y", shortly.fill, { negative: 20 });
  shortly.now = "there";
  await expect.poll(async () => text(await cache.load("y", shortly.fill))).toBe("there");
});

test("A10: an invalidation during a fill is not undone by it", async () => {
  const here = place();
  const cache = here.open(["memory:", here.sqlite(), here.file()]);
  await cache.ready;
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Filled>();
  const before = cache.load("x", () => {
    asked.resolve();
    return answer.promise;
  });
  await asked.promise;
  await cache.invalidate("x");
  const from = source("new");
  const after = cache.load("x", from.fill); // must not join the fill under way
  answer.resolve(filled("old"));
  expect([text(await before), text(await after)]).toEqual(["old", "new"]);
  expect(text(await cache.load("x", from.fill))).toBe("new");
  expect(from.asked).toBe(1);
});

test("A10: what fails at the source fails for who asks, and is not remembered", async () => {
  const cache = place().open(["memory:"]);
  await expect(cache.load("x", () => Promise.reject(new Error("down")))).rejects.toThrow("down");
  expect(text(await cache.load("x", source().fill))).toBe("one");
});

test("A10: a time to live has jitter, below the time asked for", async () => {
  const cache = place().open(["memory:"]);
  const left = await Promise.all(
    Array.from({ length: 50 }, async (_, n) => {
      const entry = await cache.load(`k${n}`, async () => filled("x", { ttl: 1e6 }));
      return (entry?.fresh ?? 0) - (entry?.fetched ?? 0);
    }),
  );
  expect(new Set(left).size).toBeGreaterThan(10);
  for (const ms of left) expect(ms > 0.9e6 - 1 && ms <= 1e6).toBe(true);
});

test("A10: a hit in a far tier fills the nearer ones, as fresh as it was", async () => {
  const here = place();
  const far = here.open([here.file()]);
  await far.ready;
  const entry = await far.load("x", source("x", { ttl: 50_000, keep: 0 }).fill);
  await far.close();
  const all = here.open(["memory:", here.sqlite(), here.file()]);
  await all.ready;
  expect(await all.load("x", source("y").fill)).toEqual(entry);
  await all.close();
  const near = here.open([here.sqlite()]);
  await near.ready;
  expect(await near.load("x", source("y").fill)).toEqual(entry);
});

test("A10: what was used most is in memory again after a restart", async () => {
  const here = place();
  const one = here.open([here.sqlite()]);
  await one.ready;
  for (let n = 0; n < 20; n++) await one.put(`k${n}`, { etag: "e", body: Buffer.alloc(1000) });
  for (let n = 0; n < 5; n++) for (let again = 0; again <= n; again++) await one.get(`k${n}`);
  await one.close();
  const two = here.open(["memory:", here.sqlite()], 5000); // room for three
  expect(await two.warm()).toBeLessThan(5);
  await two.get("k4");
  expect(await stat(two, "memory")).toMatchObject({ hits: 1, misses: 0 });
});

test("A7, A10: a sweep takes what has expired, and a dry run says how much", async () => {
  const here = place();
  const cache = here.open([here.sqlite()]);
  await cache.ready;
  await cache.load("short", source("short", { ttl: 300, keep: 1 }).fill);
  await cache.put("stays", { etag: "e", body: Buffer.from("stays") });
  await expect.poll(async () => (await cache.rows()).length).toBe(2);
  await sleep(310);
  const plan = await cache.sweep({ dryRun: true });
  expect(plan).toMatchObject([{ tier: "sqlite", entries: 1 }]);
  expect(await cache.rows()).toHaveLength(2);
  expect(await cache.sweep()).toEqual(plan);
  expect((await cache.rows()).map(({ key }) => key)).toEqual(["stays"]);
});

test("A6, A10: the account of the SQLite tier", async () => {
  const here = place();
  const cache = here.open(["memory:", here.sqlite()]);
  await cache.ready;
  await cache.put("for-ever", { etag: "e", body: Buffer.from("12345") });
  await cache.load("a-while", source("123", { ttl: 1000, keep: 0 }).fill);
  await expect.poll(async () => (await cache.rows()).length).toBe(2);
  for (let n = 0; n < 3; n++) await cache.get("for-ever");
  const now = expect.any(Number);
  expect(await cache.rows()).toEqual([
    {
      ...{ key: "a-while", size: 3, timestamp: now, ttl: now, access_count: 0, last_accessed: now },
      integrity: "sha256-pmWkWSBCL51Bfkhn79xPuKBKHz//H6B+mY6G9/eieuM=",
    },
    {
      ...{
        key: "for-ever",
        size: 5,
        timestamp: now,
        ttl: null,
        access_count: 3,
        last_accessed: now,
      },
      integrity: "sha256-WZRHGrsBESr8wYFZ9sx0tPURuZgG2lmzyvWpwXPKz8U=",
    },
  ]);
});

test("A5, A10: a process sees what the others counted", async () => {
  const here = place();
  const one = here.open(["memory:", here.sqlite()]);
  await one.ready;
  await one.put("x", { etag: "x", body: Buffer.from("x") });
  await one.get("x");
  await one.get("none");
  await one.close();
  const two = here.open(["memory:", here.sqlite()]);
  expect(await stat(two, "memory")).toMatchObject({ hits: 1, misses: 1, hitRate: 0.5 });
  expect(await stat(two, "sqlite")).toMatchObject({ hits: 0, misses: 1, hitRate: 0, entries: 1 });
});

describe("A10: a tier that fails", () => {
  test("a database of another program is left alone, and everything works without it", async () => {
    const here = place();
    await mkdir(here.path, { recursive: true });
    const { DatabaseSync } = await import("node:sqlite");
    const elsewhere = join(folder.path, `other-${places}.db`);
    const db = new DatabaseSync(elsewhere);
    db.exec("CREATE TABLE mine (x); INSERT INTO mine VALUES (1)");
    db.close();
    const bytes = await readFile(elsewhere);
    const cache = here.open(["memory:", `sqlite://${elsewhere}`]);
    await cache.ready;
    expect(text(await cache.load("x", source().fill))).toBe("one");
    expect(await stat(cache, "sqlite")).toMatchObject({
      state: "down",
      error: expect.stringContaining("another program"),
    });
    await cache.close();
    expect((await readFile(elsewhere)).equals(bytes)).toBe(true);
  });

  test("a damaged file in the cache folder is made anew", async () => {
    const here = place();
    await mkdir(here.path, { recursive: true });
    await writeFile(join(here.path, "cache.db"), "no database at all ".repeat(1000));
    const cache = here.open([here.sqlite()]);
    await cache.ready;
    await cache.put("x", { etag: "x", body: Buffer.from("x") });
    expect(text(await cache.get("x"))).toBe("x");
  });

  test("one that is not there, is not installed or cannot be made is a red row", async () => {
    const here = place();
    const refused = createServer().listen(0, "127.0.0.1");
    await once(refused, "listening");
    const { port } = refused.address() as { port: number };
    refused.close();
    const cache = here.open([
      "memory:",
      `redis://user:secret@127.0.0.1:${port}`,
      "sqlite:/proc/none/cache.db",
      "nosuch:thing",
      here.sqlite(),
    ]);
    await cache.ready;
    await cache.put("x", { etag: "x", body: Buffer.from("x") });
    expect(text(await cache.get("x"))).toBe("x");
    const rows = await cache.stats();
    expect(rows.map(({ tier, state }) => [tier, state])).toEqual([
      ["memory", "up"],
      ["redis", "down"],
      ["sqlite", "down"],
      ["nosuch", "down"],
      ["sqlite", "up"],
    ]);
    expect(JSON.stringify(rows)).not.toContain("secret");
    for (const { state, error } of rows) expect(error !== undefined).toBe(state === "down");
  });

  test.skipIf(!redis)(
    "a Redis that hangs costs its deadline once, then nothing, and comes back",
    async () => {
      const here = place();
      const relay = await startRelay(redis!.port);
      onTestFinished(() => relay.close());
      const cache = here.open([
        `redis://127.0.0.1:${relay.port}/hang?deadline=250ms`,
        here.sqlite(),
      ]);
      await cache.ready;
      await cache.put("x", { etag: "x", body: Buffer.from("x") });
      relay.set({ blackHole: "both" });
      const asked = () => relay.counts.connections;
      const all = await Promise.all(Array.from({ length: 50 }, () => cache.get("x")));
      expect(all.every((entry) => text(entry) === "x")).toBe(true);
      const before = asked();
      // answered without a turn of the event loop that could have waited for a socket
      let turns = 0;
      const turn = setImmediate(function again() {
        turns++;
        if (turns < 1000) setImmediate(again);
      });
      for (let n = 0; n < 100; n++) expect(text(await cache.get("x"))).toBe("x");
      clearImmediate(turn);
      expect(turns).toBe(0);
      expect(asked() - before).toBeLessThanOrEqual(1);
      expect(await stat(cache, "redis")).toMatchObject({ state: "down" });
      relay.calm();
      relay.cut();
      await expect
        .poll(
          async () => {
            await cache.put("y", { etag: "y", body: Buffer.from("y") });
            return (await redis!.cli("EXISTS", "citadel-cache:hang::y")).trim();
          },
          { timeout: 10_000, interval: 100 },
        )
        .toBe("1");
    },
  );

  test.skipIf(!redis)(
    "a Redis that is killed is a miss; invalidations are told when it is back",
    async () => {
      const server = await startRedis(["--appendonly", "yes", "--appendfsync", "always"]);
      onTestFinished(() => server!.stop());
      const here = place();
      const url = `redis://127.0.0.1:${server!.port}?deadline=10s`;
      const cache = here.open([url]);
      await cache.ready;
      const from = source("old");
      await cache.load("x", from.fill);
      await expect.poll(() => server!.cli("EXISTS", "citadel-cache:default::x")).toBe("1");
      await server!.kill();
      from.now = "new";
      await cache.invalidate("x");
      expect(text(await cache.load("x", from.fill))).toBe("new");
      await server!.start();
      const other = here.open([url]);
      await other.ready;
      await expect
        .poll(
          async () => {
            return text(await other.load("x", async () => filled("new")));
          },
          { timeout: 10_000 },
        )
        .toBe("new");
    },
  );
});

describe("A10: several processes", () => {
  test("an invalidation reaches processes, and all count together", async () => {
    const here = place();
    const tiers = ["memory:", here.sqlite()];
    const children = await Promise.all([1, 2].map(() => start(here.path, tiers)));
    onTestFinished(() => children.forEach(({ child }) => child.kill()));
    const cache = here.open(tiers);
    await cache.ready;
    const from = source("old");
    await cache.load("x", from.fill);
    for (const { ask } of children) await expect.poll(() => ask("x", "old")).toBe("old");
    from.now = "new";
    await cache.invalidate("x");
    for (const { ask } of children)
      await expect.poll(() => ask("x", "new"), { timeout: 5000 }).toBe("new");
    await Promise.all(children.map(({ end }) => end()));
    expect((await stat(cache, "memory"))?.hits).toBeGreaterThan(0);
  });

  test("processes that write at once keep the tier whole", async () => {
    const here = place();
    const tiers = [here.sqlite("300kB")];
    const children = await Promise.all([1, 2, 3].map(() => start(here.path, tiers)));
    await Promise.all(children.map(({ write }) => write(100)));
    await Promise.all(children.map(({ end }) => end()));
    const cache = here.open(tiers);
    const row = await stat(cache, "sqlite");
    expect(row).toMatchObject({ state: "up" });
    expect(row?.bytes).toBeLessThanOrEqual(400_000);
    const { DatabaseSync } = await import("node:sqlite");
    using db = new DatabaseSync(join(here.path, "cache.db"));
    expect(db.prepare("PRAGMA integrity_check").get()).toEqual({ integrity_check: "ok" });
  });
});

test.each(kinds.filter((kind) => kind !== "file"))(
  "A10: where Keyv's adapter for %s is not installed, Citadel's driver does it",
  async (kind) => {
    const here = place();
    const without = { WITHOUT_ADAPTERS: "1" };
    for (const word of ["first", "second"]) {
      const { ask, end } = await start(here.path, [here[kind]()], without);
      expect(await ask("x", word)).toBe("first");
      await end();
    }
    // with the adapter again, a file of the driver's is made anew
    const cache = here.open([here[kind]()]);
    await cache.ready;
    expect(await stat(cache, kind)).toMatchObject({ state: "up", entries: 0 });
  },
);

interface Child {
  readonly child: ChildProcess;
  ask(key: string, otherwise: string): Promise<string>;
  write(entries: number): Promise<void>;
  end(): Promise<void>;
}

async function start(
  path: string,
  tiers: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Child> {
  const child = fork(join(import.meta.dirname, "cache-child.js"), [path, ...tiers], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: { ...process.env, ...env },
  });
  const next = async () => (await once(child, "message"))[0] as string;
  await next();
  const call = (message: object) => {
    const answer = next();
    child.send(message);
    return answer;
  };
  return {
    child,
    ask: (key, otherwise) => call({ key, otherwise }),
    write: async (entries) => void (await call({ entries })),
    async end() {
      const ended = once(child, "exit");
      child.send({ end: true });
      await ended;
    },
  };
}
