import { createHash } from "node:crypto";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openLocalRegistry } from "@citadel/plugin-local";
import { openCache } from "@citadel/core/cache";
import { afterAll, expect, test } from "vitest";
import { oneProcess } from "../support/one-process.ts";
import { tempFolder } from "../support/temp.ts";

const { citadel } = oneProcess();

const folder = await tempFolder("local-cache");
afterAll(() => folder.remove());
const home = folder.path;
const dirs = { cache: join(home, "cache") };
const file = join(dirs.cache, "cache.db");

/** What a server leaves in the cache of the machine. */
async function leave(): Promise<void> {
  const tiers = ["memory:", `sqlite:${file}?deadline=10s`];
  const cache = openCache({ tiers, dirs, schemes: new Map(), memoryBytes: 1e6 });
  await cache.ready;
  for (const key of ["a", "b"]) await cache.put(key, { etag: key, body: Buffer.alloc(3000, key) });
  await cache.get("a");
  await cache.get("none");
  await cache.close();
}
const stats = async (env: NodeJS.ProcessEnv = {}) => {
  const ran = await citadel(home, ["local:stats", "--json"], { env });
  expect(ran.code).toBe(0);
  return (JSON.parse(ran.stdout) as { cache: Record<string, unknown>[] }).cache;
};
const table = async () => {
  const [name = ""] = (await readdir(join(home, "data/catalog"))).filter((n) => n.endsWith(".db"));
  using db = new DatabaseSync(join(home, "data/catalog", name), { readOnly: true });
  return db.prepare("SELECT * FROM cache ORDER BY key").all();
};

test("A5, A6, A7, A10: stats and the table of what is cached; clear-cache empties it", async () => {
  await leave();
  expect(await stats()).toEqual([
    {
      ...{ tier: "memory", url: "memory:", state: "up", entries: 0, bytes: 0 },
      ...{ hits: 1, misses: 1, hitRate: 0.5, evictions: 0 },
    },
    {
      ...{ tier: "sqlite", url: `sqlite://${file}`, state: "up", latencyMs: expect.any(Number) },
      ...{ entries: 2, bytes: expect.any(Number), hits: 0, misses: 1, hitRate: 0, evictions: 0 },
    },
  ]);
  const integrity = `sha256-${createHash("sha256").update(Buffer.alloc(3000, "a")).digest("base64")}`;
  const [a, b, ...others] = await table();
  expect(others).toEqual([]);
  expect(a).toMatchObject({ key: "a", size: 3000, integrity, ttl: null, access_count: 1 });
  expect(b).toMatchObject({ key: "b", access_count: 0 });
  const text = await citadel(home, ["local:stats"]);
  expect(text.stdout).toMatch(/^sqlite\tup\t.*\t2\t/m);

  const cleared = await citadel(home, ["local:clear-cache"]);
  expect(cleared).toMatchObject({ code: 0, stdout: expect.stringMatching(/^sqlite\t2\t/m) });
  expect(cleared.stderr).toContain("removed 2 entries");
  expect(await table()).toEqual([]);
  expect(await stats()).toMatchObject([{ entries: 0 }, { entries: 0, bytes: 0 }]);
  const nothing = await citadel(home, ["local:clear-cache", "--json"]);
  expect(JSON.parse(nothing.stdout)).toMatchObject({ entries: 0, bytes: 0, items: [{}, {}] });
});

test("A5, A10: a tier that is down is a red row; clear-cache says that it was not emptied", async () => {
  const env = { CITADEL_CACHE: "memory:,redis://user:secret@127.0.0.1:1" };
  const rows = await stats(env);
  expect(rows).toMatchObject([{ state: "up" }, { tier: "redis", state: "down" }]);
  expect(JSON.stringify(rows)).not.toContain("secret");
  const ran = await citadel(home, ["local:clear-cache", "--json"], { env });
  expect(ran.code).toBe(7);
  expect(JSON.parse(ran.stdout)).toMatchObject({ error: { code: "E_STORE_UNAVAILABLE" } });
  expect(ran.output).not.toContain("secret");
});

test("A5: the caches are shown when the store is down", async () => {
  const blocked = join(home, "no-store");
  await writeFile(blocked, "a file");
  expect(await stats({ CITADEL_STORE: `file:${blocked}` })).toMatchObject([
    { tier: "memory" },
    { tier: "sqlite", state: "up" },
  ]);
});

test("A10: a command that needs no cache opens none", async () => {
  const other = await tempFolder("local-cache");
  const ran = await citadel(
    other.path,
    ["local:publish", "x", "1.0.0", "-", "-f", "-", "--as", "x"],
    {
      input: "x",
    },
  );
  expect(ran.code).toBe(0);
  expect(await readdir(join(other.path, "cache")).catch(() => [])).not.toContain("cache.db");
  await other.remove();
});

test("A12: clearCache() of the library", async () => {
  await leave();
  const registry = await openLocalRegistry({ home });
  expect(await registry.clearCache()).toMatchObject({ entries: 2 });
  expect((await registry.getRegistryStats()).cache).toMatchObject([{}, { entries: 0 }]);
  await registry.close();
});
