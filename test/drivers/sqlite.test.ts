import assert from "node:assert/strict";
import { chmod, mkdtemp, open as openFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import sqlite from "@citadel/driver-sqlite";
import type { Change, Driver } from "@citadel/core/driver";
import { defineDriverTests } from "@citadel/core/testing";
import { expect, test } from "vitest";
import { tempFolder } from "../support/temp.ts";
import { bodyOf, chunksOf } from "./embedded/content.ts";
import { codeOf, defineEmbeddedTests, pause } from "./embedded/tests.ts";

const MiB = 1024 * 1024;
const count = (file: string, sql: string): number => {
  const db = new DatabaseSync(file);
  try {
    return Number(Object.values(db.prepare(sql).get()!)[0]);
  } finally {
    db.close();
  }
};

defineDriverTests("sqlite", {
  test: (name, run) => test(name, ({ skip }) => run({ skip })),
  make: () => mkdtemp(join(tmpdir(), "citadel-sqlite-")),
  open: (folder) => sqlite(new URL(`sqlite:${folder}/store.db`)),
  crash: async () => {},
  remove: (folder) => rm(folder, { recursive: true }),
});

defineEmbeddedTests("sqlite", {
  url: (folder) => `sqlite:${folder}/store.db`,
  open: sqlite,
  async leftovers(folder) {
    const file = `${folder}/store.db`;
    const named = "SELECT count(*) FROM chunk WHERE id / 65536 NOT IN (SELECT blob FROM entry)";
    return [
      ...Array.from({ length: count(file, named) }, () => "chunk"),
      ...Array.from({ length: count(file, "SELECT count(*) FROM loose") }, () => "loose"),
    ];
  },
});

/** A store in a folder of its own. */
async function store(
  options = "",
): Promise<{ driver: Driver; file: string; done(): Promise<void> }> {
  const temp = await tempFolder("sqlite");
  const file = `${temp.path}/a/b/store.db`;
  const driver = sqlite(new URL(`sqlite:${file}${options}`));
  await driver.open();
  return {
    driver,
    file,
    async done() {
      await driver.close();
      await temp.remove();
    },
  };
}

test("sqlite: group commit: each put has its own condition, its own answer and its own bytes", async () => {
  const { driver, done } = await store();
  await driver.put("d/taken", bodyOf(1, 10));
  const body = bodyOf(2, 100);
  const puts = Array.from({ length: 64 }, (_, n) =>
    driver.put(
      n % 4 === 0 ? "d/taken" : `d/${n % 32}`,
      body,
      n % 2 === 0 ? { ifAbsent: true } : {},
    ),
  );
  body.fill(0); // too late to matter
  const codes = await Promise.all(puts.map(codeOf));
  for (const [n, code] of codes.entries())
    assert.equal(code, n % 4 === 0 || (n % 2 === 0 && n >= 32) ? "CONFLICT" : undefined, `${n}`);
  const last = await puts[63];
  assert.equal((await driver.head("d/31"))?.etag, last?.etag, "in the order they came");
  for (const n of [1, 2, 31]) expect((await driver.get(`d/${n}`))?.body).toEqual(bodyOf(2, 100));
  await done();
});

test("sqlite: group commit: puts of one turn share a transaction", async () => {
  const { driver, file, done } = await store();
  const other = new DatabaseSync(file);
  const commits = (): number => {
    // counts the commits of other connections
    const { data_version: version } = other.prepare("PRAGMA data_version").get()!;
    return Number(version);
  };
  await driver.put("d/k", bodyOf(0, 10));
  const before = commits();
  const wal = (await stat(`${file}-wal`)).size;
  await Promise.all(Array.from({ length: 200 }, () => driver.put("d/k", bodyOf(1, 10))));
  assert.ok(commits() > before);
  // 200 transactions would have written the changed pages 200 times
  const pages = ((await stat(`${file}-wal`)).size - wal) / 4096;
  assert.ok(pages < 40, `${pages} pages were written`);
  other.close();
  await done();
});

test("sqlite: while another process holds the database, puts wait without stopping this one, or give up in time", async () => {
  const { driver, file, done } = await store();
  await driver.put("d/k", bodyOf(1, 10));
  const other = new DatabaseSync(file);
  other.exec("BEGIN IMMEDIATE");
  const stop = new AbortController();
  const late = codeOf(driver.put("d/late", bodyOf(1, 1), { timeoutMs: 60 }));
  const aborted = codeOf(driver.put("d/aborted", bodyOf(1, 1), { signal: stop.signal }));
  const waiting = driver.put("d/waiting", bodyOf(1, 1));
  assert.equal((await driver.get("d/k"))?.size, 10, "reads go on");
  assert.equal(await late, "UNAVAILABLE");
  stop.abort();
  assert.equal(await aborted, "ABORTED");
  other.exec("COMMIT");
  await waiting;
  for (const key of ["d/late", "d/aborted"]) assert.equal(await driver.head(key), undefined);
  other.close();
  await done();
});

test("sqlite: reads that follow each other without a pause do not keep a write waiting", async () => {
  const { driver, done } = await store();
  let written = false;
  const writing = driver.put("d/k", bodyOf(1, 10)).then(() => (written = true));
  while (!written) await driver.head("d/k");
  await writing;
  await done();
});

test("sqlite: folder and file are for this user only", async () => {
  const { file, done } = await store();
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.equal((await stat(join(file, ".."))).mode & 0o777, 0o700);
  assert.equal((await stat(join(file, "../.."))).mode & 0o777, 0o700);
  await done();
});

test("sqlite: what is no database of ours is refused with a clear message, and left as it is", async () => {
  const temp = await tempFolder("sqlite");
  const refused = async (file: string, code: string, message: RegExp) => {
    const driver = sqlite(new URL(`sqlite:${file}`));
    await assert.rejects(driver.open(), { code, message });
    await driver.close();
  };
  await writeFile(`${temp.path}/text.db`, "no database at all, ".repeat(500));
  await refused(`${temp.path}/text.db`, "CORRUPT", /text\.db: the file is not an SQLite database/);
  new DatabaseSync(`${temp.path}/other.db`).exec("CREATE TABLE t (x)");
  await refused(`${temp.path}/other.db`, "CORRUPT", /another program/);
  assert.equal(count(`${temp.path}/other.db`, "SELECT count(*) FROM sqlite_schema"), 1);
  const newer = sqlite(new URL(`sqlite:${temp.path}/newer.db`));
  await newer.open();
  await newer.close();
  new DatabaseSync(`${temp.path}/newer.db`).exec("PRAGMA user_version = 99");
  await refused(`${temp.path}/newer.db`, "UNSUPPORTED", /newer version/);
  await refused(temp.path, "DENIED", /cannot be opened/);
  await temp.remove();
});

test("sqlite: a damaged database is CORRUPT, and says what to do", async () => {
  const { driver, file, done } = await store();
  for (let n = 0; n < 300; n++) await driver.put(`d/${n}`, bodyOf(n, 2000));
  await driver.close();
  const handle = await openFile(file, "r+");
  const { size } = await handle.stat();
  for (let at = 3 * 4096; at < size; at += 4096)
    await handle.write(new Uint8Array(64).fill(255), 0, 64, at);
  await handle.close();
  const read = async () => {
    await driver.open();
    for (let n = 0; n < 300; n++) await driver.get(`d/${n}`);
  };
  await assert.rejects(read(), { code: "CORRUPT" });
  await done();
});

test("sqlite: URLs that say something else are INVALID", () => {
  for (const url of [
    "sqlite:relative.db",
    "sqlite://host/x.db",
    "sqlite:/x.db?journal=off",
    "sqlite:/x.db?synchronous=off",
    "sqlite:/x.db?typo=1",
  ])
    assert.throws(() => sqlite(new URL(url)), { code: "INVALID" }, url);
});

test("sqlite: in memory: each driver has its own store, and says that nothing lasts", async () => {
  const [one, two] = [sqlite(new URL("sqlite::memory:")), sqlite(new URL("sqlite::memory:"))];
  await Promise.all([one.open(), two.open()]);
  assert.equal(one.caps.durable, "nothing");
  await one.put("d/k", bodyOf(1, 10));
  await one.write("b/k", chunksOf(1, 3 * MiB));
  expect((await one.get("b/k"))?.body).toEqual(bodyOf(1, 3 * MiB));
  assert.equal(await two.head("d/k"), undefined);
  await Promise.all([one.close(), two.close()]);
});

test("sqlite: a watcher far behind gets a reset; the feed does not grow for ever", async () => {
  const { driver, file, done } = await store("?synchronous=normal");
  const stop = new AbortController();
  const first = driver.watch!({ signal: stop.signal })[Symbol.asyncIterator]();
  await driver.put("d/first", bodyOf(1, 1));
  const { cursor } = (await first.next()).value as Change;
  for (let n = 0; n < 13_000; n += 500)
    await Promise.all(Array.from({ length: 500 }, () => driver.put("d/k", bodyOf(1, 1))));
  const later = driver.watch!({ since: cursor, signal: stop.signal })[Symbol.asyncIterator]();
  assert.equal(((await later.next()).value as Change).kind, "reset");
  assert.ok(count(file, "SELECT count(*) FROM feed") < 12_000);
  stop.abort();
  await done();
});

test("sqlite: what large objects leave is freed without a sweep, and an upload that goes on survives one", async () => {
  const { driver, file, done } = await store();
  const chunks = (): number => count(file, "SELECT count(*) FROM chunk");
  await driver.write("b/k", chunksOf(1, 20 * MiB));
  assert.equal(chunks(), 20);
  await driver.put("b/k", bodyOf(2, 10));
  while (chunks() > 1) await pause(5);
  const going = Promise.withResolvers<void>();
  const source = (async function* () {
    yield* chunksOf(3, 3 * MiB);
    await going.promise;
    yield* chunksOf(4, 3 * MiB);
  })();
  const writing = driver.write("b/l", source);
  while (chunks() < 3) await pause(5);
  await driver.sweep!({ olderThanMs: 0 });
  going.resolve();
  assert.equal((await writing).size, 6 * MiB);
  expect((await driver.get("b/l"))?.body.subarray(3 * MiB)).toEqual(bodyOf(4, 3 * MiB));
  await done();
});

test("sqlite: an upload that a sweep of another process took for abandoned fails, and nothing of it is left", async () => {
  const { driver, file, done } = await store();
  const other = sqlite(new URL(`sqlite:${file}`));
  await other.open();
  const going = Promise.withResolvers<void>();
  const source = (async function* () {
    yield* chunksOf(3, 3 * MiB);
    await going.promise;
    yield* chunksOf(4, 3 * MiB);
  })();
  const writing = codeOf(driver.write("b/l", source));
  while (count(file, "SELECT count(*) FROM chunk") < 2) await pause(5);
  await pause(2);
  await other.sweep!({ olderThanMs: 0 });
  going.resolve();
  assert.equal(await writing, "UNAVAILABLE");
  assert.equal(await driver.head("b/l"), undefined);
  await other.sweep!({ olderThanMs: 0 });
  assert.equal(count(file, "SELECT count(*) FROM chunk"), 0);
  await other.close();
  await done();
});

test("sqlite: a user without the right to write is DENIED", async ({ skip }) => {
  if (process.getuid?.() === 0) return skip("root may write everywhere");
  const temp = await tempFolder("sqlite");
  await chmod(temp.path, 0o500);
  const driver = sqlite(new URL(`sqlite:${temp.path}/x/store.db`));
  assert.equal(await codeOf(driver.open()), "DENIED");
  await chmod(temp.path, 0o700);
  await temp.remove();
});
