import assert from "node:assert/strict";
import {
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import file, { fileDriver, nodeDisk, type Disk } from "@citadel/driver-file";
import type { Change, Driver } from "@citadel/core/driver";
import { defineDriverTests } from "@citadel/core/testing";
import { expect, test } from "vitest";
import { tempFolder } from "../support/temp.ts";
import { bodyOf, chunksOf } from "./embedded/content.ts";
import { codeOf, defineEmbeddedTests, pause } from "./embedded/tests.ts";

const MiB = 1024 * 1024;

defineDriverTests("file", {
  test: (name, run) => test(name, ({ skip }) => run({ skip })),
  make: () => mkdtemp(join(tmpdir(), "citadel-file-")),
  open: (folder) => file(new URL(`file:${folder}`)),
  crash: async () => {},
  remove: (folder) => rm(folder, { recursive: true }),
});

defineEmbeddedTests("file", {
  url: (folder) => `file:${folder}/store`,
  open: file,
  leftovers: (folder) => readdir(`${folder}/store/temp`),
});

/** A driver in a folder of its own, over Node's file system but for what `changed` replaces. */
async function store(
  changed: Partial<Disk> = {},
  options: { grace?: number; now?: () => number } = {},
): Promise<{ driver: Driver; root: string; another(): Promise<Driver>; done(): Promise<void> }> {
  const temp = await tempFolder("file");
  const root = `${temp.path}/a/b`;
  const drivers: Driver[] = [];
  const open = async (fs: Disk): Promise<Driver> => {
    const driver = fileDriver(root, { ...options, fs });
    drivers.push(driver);
    await driver.open();
    return driver;
  };
  return {
    driver: await open({ ...nodeDisk, ...changed }),
    root,
    another: () => open(nodeDisk),
    async done() {
      for (const driver of drivers) await driver.close();
      await temp.remove();
    },
  };
}
const failing = (code: string, syscall: string): Error =>
  Object.assign(new Error(`${code}: made up`), { code, syscall, errno: -1 });
const files = async (folder: string): Promise<string[]> =>
  (await readdir(folder, { recursive: true })).toSorted();

test("attack 5: names on disk are lower case, short, and none that Windows keeps for itself", async () => {
  const { driver, root, done } = await store();
  const long = (end: string) => `d/${"L".repeat(250)}${end}/${"x".repeat(200)}${end}`;
  const keys = ["d/Foo", "d/foo", "d/FOO", "d/con", "d/con.txt", "d/COM1", "d/lpt9", "d/.hidden", "d/end.",
    "d/a+b", "d/a", "d/a/b", "d/a/b/c", "d/~x", "d/%41", "b/Foo", "b/foo", "b/foo/bar", long("a"), long("b")]; // prettier-ignore
  for (const [n, key] of keys.entries()) await driver.put(key, bodyOf(n, 10));
  for (const [n, key] of keys.entries())
    expect((await driver.get(key))?.body).toEqual(bodyOf(n, 10));
  for (const path of await files(join(root, "keys")))
    for (const name of path.split("/")) {
      assert.match(name, /^[a-z0-9._%~-]{1,200}\+?$/);
      assert.doesNotMatch(name, /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|\+?$)|^\.|\.\+?$/);
    }
  const listed = (await driver.list()).entries.map((entry) => entry.key);
  assert.deepEqual(listed, keys.toSorted());
  const [a] = (await driver.list({ prefix: `d/${"L".repeat(250)}b/` })).entries;
  assert.equal(a?.key, long("b"));
  await done();
});

test("file: folders and files are for this user only", async () => {
  const { driver, root, done } = await store();
  await driver.put("d/k", bodyOf(1, 10));
  await driver.put("b/k", bodyOf(1, 10));
  for (const path of ["", "keys", "keys/d/k+", "keys/b"])
    assert.equal((await stat(join(root, path))).mode & 0o777, 0o700, path);
  for (const path of ["keys/d/k+/0000000000000001", "keys/b/k+"])
    assert.equal((await stat(join(root, path))).mode & 0o777, 0o600, path);
  await done();
});

test("file: a writer that was frozen beyond the grace time loses no update of others", async () => {
  let freeze: Promise<void> | undefined;
  const frozen = Promise.withResolvers<void>();
  const { driver, another, done } = await store(
    {
      async link(from, to) {
        if (freeze && to.includes("d/k+")) {
          frozen.resolve();
          await freeze;
        }
        return nodeDisk.link(from, to);
      },
    },
    { grace: 100 },
  );
  const other = await another();
  for (let round = 0; round < 5; round++) {
    const { etag } = await driver.put("d/k", bodyOf(round, 10));
    const thaw = Promise.withResolvers<void>();
    freeze = thaw.promise;
    const late = codeOf(driver.put("d/k", bodyOf(99, 10), { ifMatch: etag }));
    await frozen.promise;
    // the number that the frozen one is after comes and goes
    const newer = await other.put("d/k", bodyOf(100, 10), { ifMatch: etag });
    const newest = await other.put("d/k", bodyOf(101, 10), { ifMatch: newer.etag });
    await pause(150);
    await other.sweep!();
    freeze = undefined;
    thaw.resolve();
    assert.match((await late) ?? "done", /^(?:UNKNOWN|CONFLICT)$/);
    assert.equal((await other.head("d/k"))?.etag, newest.etag);
  }
  await done();
});

test("file: replaced versions stay for the grace time, then go oldest first; so does what was deleted", async () => {
  const { driver, root, done } = await store({}, { grace: 200 });
  const versions = () => readdir(join(root, "keys/d/k+")).catch(() => []);
  for (let n = 0; n < 5; n++) await driver.put("d/k", bodyOf(n, 10));
  await driver.sweep!();
  assert.equal((await versions()).length, 5);
  await pause(250);
  await driver.sweep!();
  assert.deepEqual(await versions(), ["0000000000000005"]);
  await driver.delete("d/k");
  await pause(250);
  await driver.sweep!();
  assert.deepEqual(await versions(), ["0000000000000006"], "the tombstone stays for a day");
  await driver.sweep!({ olderThanMs: 0 });
  await pause(250);
  await driver.sweep!({ olderThanMs: 0 });
  assert.deepEqual(await files(join(root, "keys")), []);
  await driver.put("d/k", bodyOf(1, 10), { ifAbsent: true });
  await done();
});

test("file: a document that changes all the time does not keep all its versions until a sweep", async () => {
  const { driver, root, done } = await store({}, { grace: 1 });
  for (let n = 0; n < 100; n++) await driver.put("d/k", bodyOf(n, 10));
  assert.ok((await readdir(join(root, "keys/d/k+"))).length < 40);
  await done();
});

test("file: after a failed fsync of content nothing was written, and nothing is any more", async () => {
  let broken = false;
  let syncs = 0;
  const { driver, root, done } = await store({
    async datasync(fd) {
      syncs++;
      if (broken) throw failing("EIO", "fdatasync");
      return nodeDisk.datasync(fd);
    },
  });
  await driver.put("d/k", bodyOf(1, 10));
  broken = true;
  assert.equal(await codeOf(driver.put("d/k", bodyOf(2, 10))), "UNAVAILABLE");
  const then = syncs;
  broken = false;
  for (const key of ["d/k", "b/l"])
    assert.equal(await codeOf(driver.put(key, bodyOf(3, 10))), "UNAVAILABLE");
  assert.equal(await codeOf(driver.write("b/m", chunksOf(1, 1000))), "UNAVAILABLE");
  assert.equal(await codeOf(driver.delete("d/k")), "UNAVAILABLE");
  assert.equal(syncs, then, "asked again after a failure");
  expect((await driver.get("d/k"))?.body).toEqual(bodyOf(1, 10));
  assert.equal((await driver.health()).ok, false);
  assert.deepEqual(await readdir(join(root, "temp")), []);
  await driver.close();
  await driver.open();
  await driver.put("d/k", bodyOf(4, 10));
  await done();
});

test("file: after a failed fsync of a folder the outcome is UNKNOWN", async () => {
  let broken = false;
  const { driver, done } = await store({
    async syncFolder(path) {
      if (broken && path.includes("keys")) throw failing("EIO", "fsync");
      return nodeDisk.syncFolder(path);
    },
  });
  await driver.put("d/k", bodyOf(1, 10));
  broken = true;
  assert.equal(await codeOf(driver.put("d/k", bodyOf(2, 10))), "UNKNOWN");
  assert.equal(await codeOf(driver.put("d/k", bodyOf(2, 10))), "UNAVAILABLE");
  await done();
});

test("file: counted: a put syncs its content and its folder, a new key its parent too, and concurrent ones share", async () => {
  const counts = { content: 0, folders: [] as string[] };
  const { driver, root, done } = await store({
    datasync: (fd) => (counts.content++, nodeDisk.datasync(fd)),
    syncFolder: (path) => (counts.folders.push(path), nodeDisk.syncFolder(path)),
  });
  await driver.put("d/k", bodyOf(1, 10));
  await driver.put("b/aa/first", bodyOf(1, 10));
  counts.content = 0;
  counts.folders = [];
  await driver.put("d/k", bodyOf(1, 10));
  assert.deepEqual(counts, { content: 1, folders: [join(root, "keys/d/k+")] });
  counts.folders = [];
  await driver.put("d/l", bodyOf(1, 10));
  assert.deepEqual(counts, {
    content: 2,
    folders: ["keys/d/l+", "keys/d"].map((path) => join(root, path)),
  });
  counts.folders = [];
  await Promise.all(Array.from({ length: 64 }, (_, n) => driver.put(`b/aa/${n}`, bodyOf(n, 10))));
  assert.equal(counts.content, 66);
  assert.ok(counts.folders.length < 40, `${counts.folders.length} syncs of one folder for 64 puts`);
  await done();
});

test("file: a file system without hard links is refused at open, with a way out", async () => {
  for (const code of ["EPERM", "EXDEV", "ENOTSUP"])
    await assert.rejects(store({ link: () => Promise.reject(failing(code, "link")) }), {
      code: "UNSUPPORTED",
      message: /no hard links.*sqlite:/,
    });
});

test("file: damaged files are CORRUPT, whether read whole or as a stream", async () => {
  const { driver, root, done } = await store();
  const path = (key: string) => join(root, "keys", key);
  await driver.put("b/head", bodyOf(1, 1000));
  await driver.write("b/cut", chunksOf(1, 2 * MiB));
  await driver.put("d/head", bodyOf(1, 1000));
  await driver.put("d/other", bodyOf(1, 1000));
  await writeFile(path("b/head+"), "nothing like a header\n");
  await truncate(path("b/cut+"), MiB);
  await writeFile(path("d/head+/0000000000000001"), "");
  await writeFile(path("d/other+/0000000000000001"), await readFile(path("b/cut+")));
  for (const key of ["b/head", "b/cut", "d/head", "d/other"]) {
    assert.equal(await codeOf(driver.get(key)), "CORRUPT", key);
    const reading = async () => {
      for await (const _ of (await driver.read(key))!.stream);
    };
    assert.equal(await codeOf(reading()), "CORRUPT", key);
  }
  await driver.put("d/head", bodyOf(2, 10));
  assert.equal((await driver.get("d/head"))?.size, 10);
  await done();
});

test("file: a writer that died makes every watcher start anew, and only once", async () => {
  const { driver, root, done } = await store();
  const stop = new AbortController();
  await driver.put("d/k", bodyOf(1, 10));
  const changes = driver.watch!({ signal: stop.signal })[Symbol.asyncIterator]();
  const next = async () => (await changes.next()).value as Change;
  const first = next();
  await driver.put("d/k", bodyOf(1, 10));
  const { kind, cursor } = await first;
  assert.equal(kind, "changed");
  const long = new Date(Date.now() - 60_000);
  await writeFile(join(root, "feed/busy-dead-"), "");
  await utimes(join(root, "feed/busy-dead-"), long, long);
  await driver.sweep!();
  const later = driver.watch!({ since: cursor, signal: stop.signal })[Symbol.asyncIterator]();
  assert.equal((await next()).kind, "reset");
  assert.equal(((await later.next()).value as Change).kind, "reset");
  const then = next();
  await driver.put("d/l", bodyOf(1, 10));
  assert.equal((await then).kind, "changed");
  stop.abort();
  await done();
});

test("file: the feed goes on in a new log when one is full, and no change is missed on the way", async () => {
  let clock = Date.now();
  const { driver, root, another, done } = await store({}, { now: () => clock });
  const other = await another();
  const stop = new AbortController();
  const heard = new Set<string>();
  const listening = (async () => {
    for await (const change of other.watch!({ signal: stop.signal })) {
      if (change.kind === "reset") heard.add("reset");
      else heard.add(change.key);
    }
  })();
  await driver.put("d/0", bodyOf(1, 1));
  const logs = async () => (await readdir(join(root, "feed"))).filter((name) => /^\d+$/.test(name));
  for (let n = 1; n <= 4; n++) {
    const [last = ""] = (await logs()).toReversed();
    await writeFile(join(root, "feed", last), `${"x/".repeat(200)}x\n`.repeat(3000), { flag: "a" });
    clock += 2000;
    await driver.put(`d/${n}`, bodyOf(1, 1));
  }
  assert.equal((await logs()).length, 2);
  while (!heard.has("d/4") && !heard.has("reset")) await pause(20);
  if (!heard.has("reset")) for (let n = 0; n <= 4; n++) assert.ok(heard.has(`d/${n}`), `d/${n}`);
  stop.abort();
  await listening;
  await done();
});

test("file: abandoned uploads go with a sweep, running ones stay", async () => {
  const { driver, root, done } = await store();
  await writeFile(join(root, "temp/left-by-somebody"), "x");
  const going = Promise.withResolvers<void>();
  const source = (async function* () {
    yield bodyOf(1, 1000);
    await going.promise;
    yield bodyOf(2, 1000);
  })();
  const writing = driver.write("b/k", source);
  while ((await readdir(join(root, "temp"))).length < 2) await pause(2);
  await pause(5);
  assert.equal((await driver.sweep!()).removed, 0);
  assert.equal((await driver.sweep!({ olderThanMs: 0 })).removed, 1);
  going.resolve();
  assert.equal((await writing).size, 2000);
  assert.deepEqual(await readdir(join(root, "temp")), []);
  await done();
});

test("file: streams give their files back: at the end, at cancel, when never read", async ({
  skip,
}) => {
  if (process.platform !== "linux") return skip("counts /proc/self/fd");
  const { driver, done } = await store();
  await driver.write("b/k", chunksOf(1, 3 * MiB));
  const open = new Set<number>();
  const { driver: counted, done: doneToo } = await store({
    async open(path, flags) {
      const fd = await nodeDisk.open(path, flags);
      if (path.endsWith("k+")) open.add(fd);
      return fd;
    },
    async close(fd) {
      open.delete(fd);
      return nodeDisk.close(fd);
    },
  });
  await counted.write("b/k", chunksOf(1, 3 * MiB));
  for await (const _ of (await counted.read("b/k"))!.stream);
  assert.equal(open.size, 0);
  const { stream } = (await counted.read("b/k"))!;
  const reader = stream.getReader();
  await reader.read();
  assert.equal(open.size, 1);
  await reader.cancel();
  assert.equal(open.size, 0);
  await counted.read("b/k");
  assert.equal(open.size, 1);
  await counted.close();
  assert.equal(open.size, 0);
  await done();
  await doneToo();
});

test("file: URLs that say something else are INVALID", () => {
  for (const url of ["file://host/x", "file:/", "file:/x?typo=1"])
    assert.throws(() => file(new URL(url)), { code: "INVALID" }, url);
});
