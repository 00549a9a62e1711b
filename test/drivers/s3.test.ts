import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Driver } from "@citadel/core/driver";
import { defineDriverTests } from "@citadel/core/testing";
import s3 from "@citadel/driver-s3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startS3, type Operation, type S3Server } from "../servers/s3.ts";
import { run } from "../support/run.ts";
import { until } from "../support/until.ts";
import { bodyOf, chunksOf } from "./embedded/content.ts";

const MiB = 1024 * 1024;

let server: S3Server;
beforeAll(async () => {
  server = await startS3();
});
afterAll(() => server.stop());

defineDriverTests("s3", {
  test: (name, run) => test(name, ({ skip }) => run({ skip })),
  make: () => new URL(`${server.bucket()}&poll=50`),
  open: (url) => s3(url),
  crash: async () => {},
});

/** A server and an opened store of its own, its counters at zero. */
async function own(options = ""): Promise<{ driver: Driver; s3: S3Server; done(): Promise<void> }> {
  const one = await startS3();
  const driver = s3(new URL(one.bucket("bucket") + options));
  await driver.open();
  one.reset();
  return {
    driver,
    s3: one,
    async done() {
      await driver.close();
      await one.stop();
    },
  };
}
const body = (text: string): Uint8Array => Buffer.from(text);

test("G2: s3: how many requests each operation costs", async () => {
  const { driver, s3, done } = await own();
  const costs = async (
    wanted: Partial<Record<Operation, number>>,
    work: () => Promise<unknown>,
  ) => {
    s3.reset();
    await work().catch((error: unknown) => assert.match(String(error), /condition/));
    assert.deepEqual(Object.fromEntries(s3.counts), wanted, String(work));
  };
  await costs({ PutObject: 1 }, () => driver.put("d/x", body("1")));
  const { etag } = await driver.put("d/x", body("2"));
  await costs({ GetObject: 1 }, () => driver.get("d/x"));
  await costs({ GetObject: 1 }, () => driver.get("d/none"));
  await costs({ HeadObject: 1 }, () => driver.head("d/x"));
  await costs({ ListObjectsV2: 1 }, () => driver.list());
  await costs({ PutObject: 1 }, () => driver.put("d/y", body("1"), { ifAbsent: true }));
  await costs({ PutObject: 1 }, () => driver.put("d/x", body("3"), { ifMatch: etag }));
  await costs({ PutObject: 1 }, () => driver.put("d/x", body("4"), { ifMatch: etag }));
  // tells the caller which etag is there
  await costs({ PutObject: 1, HeadObject: 1 }, () =>
    driver.put("d/y", body("2"), { ifAbsent: true }),
  );
  await costs({ DeleteObject: 1 }, () => driver.delete("d/y"));
  await costs({ PutObject: 1 }, () => driver.write("b/x", chunksOf(1, 3 * MiB)));
  await costs({ GetObject: 1 }, async () => {
    const opened = await driver.read("b/x", { start: 5, end: 10 });
    assert.equal(Buffer.concat(await Array.fromAsync(opened!.stream)).length, 5);
  });
  await costs(
    { HeadObject: 1, CreateMultipartUpload: 1, UploadPart: 3, CompleteMultipartUpload: 1 },
    () => driver.write("b/y", chunksOf(1, 12 * MiB), { ifAbsent: true }),
  );
  await costs({ HeadBucket: 1 }, () => driver.health());
  await done();
});

test("G2: s3: a watch costs one list for a look, and outlives a server that fails", async () => {
  const { driver, s3, done } = await own("&poll=20");
  const stop = new AbortController();
  const told: string[] = [];
  const watching = (async () => {
    for await (const change of driver.watch!({ prefix: "d/", signal: stop.signal }))
      told.push(change.kind === "reset" ? "reset" : change.key);
  })();
  await until(async () => told.length === 1);
  assert.deepEqual(told, ["reset"]);
  await driver.put("d/k", body("1"));
  await driver.put("b/k", body("1"));
  await until(async () => told.includes("d/k"));
  s3.fault({ kind: "error", status: 503, operation: "ListObjectsV2", times: 6 });
  await driver.put("d/l", body("1"));
  await driver.delete("d/k");
  await until(async () => told.length === 4);
  assert.deepEqual(told, ["reset", "d/k", "d/l", "d/k"]);
  s3.reset();
  stop.abort();
  await watching;
  const rest = new Map(s3.counts);
  await sleep(100);
  assert.deepEqual(s3.counts, rest);
  await done();
});

test("A11: s3: objects of many parts: whole, in ranges over their borders, and never twice", async () => {
  const { driver, s3, done } = await own();
  const size = 12 * MiB + 17;
  const whole = bodyOf(3, size);
  const sha512 = createHash("sha512").update(whole).digest();
  const entry = await driver.write("b/k", chunksOf(3, size), {
    size,
    sha512,
    ifAbsent: true,
    meta: { kind: "large" },
  });
  assert.match(entry.etag, /^[0-9a-f]{32}-3$/);
  const item = await driver.get("b/k");
  assert.ok(Buffer.from(item!.body).equals(whole));
  assert.equal(item!.etag, entry.etag);
  assert.deepEqual({ ...item!.meta }, { kind: "large" });
  const opened = await driver.read("b/k", { start: 5 * MiB - 10, end: 5 * MiB + 10 });
  const part = Buffer.concat(await Array.fromAsync(opened!.stream));
  assert.ok(part.equals(whole.subarray(5 * MiB - 10, 5 * MiB + 10)));

  const again = driver.write("b/k", chunksOf(4, size), { ifAbsent: true });
  await assert.rejects(again, { code: "CONFLICT", current: entry.etag });
  // both begin while nothing is there: it is the end that decides
  const race = await Promise.allSettled(
    [5, 6].map((seed) => driver.write("b/race", chunksOf(seed, 6 * MiB), { ifAbsent: true })),
  );
  assert.deepEqual(race.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);

  await driver.put("b/conditional", body("old"));
  const wrong = driver.write("b/conditional", chunksOf(7, size), { sha512 });
  await assert.rejects(wrong, { code: "CORRUPT" });
  assert.equal((await driver.head("b/conditional"))?.size, 3);
  assert.equal(s3.uploads("bucket").size, 0, "parts were left behind");
  await done();
});

test("s3: a source that fails after some parts, or an abort there, leaves nothing", async () => {
  const { driver, s3, done } = await own();
  const failure = new Error("the source failed");
  const failing = (async function* () {
    yield* chunksOf(1, 11 * MiB);
    throw failure;
  })();
  await assert.rejects(driver.write("b/k", failing), (error) => error === failure);
  const stop = new AbortController();
  const hanging = (async function* () {
    yield* chunksOf(1, 11 * MiB);
    stop.abort();
    yield* chunksOf(1, 11 * MiB);
  })();
  const aborted = driver.write("b/k", hanging, { signal: stop.signal });
  await assert.rejects(aborted, { code: "ABORTED" });
  assert.equal(s3.uploads("bucket").size, 0);
  assert.equal(s3.objects("bucket").size, 0);
  await done();
});

test("s3: sweep frees old uploads, probes that a dead process left, and what has expired; not an upload that goes on", async () => {
  const { driver, s3, done } = await own("&pathStyle=true");
  const going = Promise.withResolvers<void>();
  const source = (async function* () {
    yield* chunksOf(3, 6 * MiB);
    await going.promise;
    yield* chunksOf(4, 6 * MiB);
  })();
  const writing = driver.write("b/going", source);
  while (s3.uploads("bucket").size < 1) await sleep(5);
  const abandoned = new Map(s3.uploads("bucket"));
  const [upload] = abandoned.values();
  (s3.uploads("bucket") as Map<string, unknown>).set("abandoned", { ...(upload as object) });
  await driver.put("d/stays", body("x"));
  await driver.put("d/past", body("x"), { expires: 1 });
  const objects = s3.objects("bucket") as Map<string, unknown>;
  objects.set(":probe/1", objects.get("d/stays"));

  assert.deepEqual(
    (await driver.list()).entries.map(({ key }) => key),
    ["d/past", "d/stays"],
    "a probe is no key",
  );
  assert.deepEqual(await driver.sweep!(), { removed: 1 }, "only what has expired is a day old");
  assert.deepEqual(await driver.sweep!({ olderThanMs: 0 }), { removed: 2 });
  going.resolve();
  assert.equal((await writing).size, 12 * MiB);
  assert.deepEqual([...objects.keys()].toSorted(), ["b/going", "d/stays"]);
  assert.equal(s3.uploads("bucket").size, 0);
  await done();
});

test("s3: two stores in one bucket, by their prefixes, and things of others beside them", async () => {
  const one = await startS3();
  const url = new URL(one.bucket("bucket"));
  const [a, b] = ["/a", "/a/b/"].map((path) => {
    const at = new URL(url);
    at.pathname = path;
    return s3(at);
  }) as [Driver, Driver];
  await Promise.all([a.open(), b.open()]);
  await a.put("k", body("of a"));
  await b.put("k", body("of b"));
  const objects = one.objects("bucket") as Map<string, unknown>;
  assert.deepEqual([...objects.keys()].toSorted(), ["a/b/k", "a/k"]);
  objects.set("a/not one of our keys", objects.get("a/k"));
  assert.equal(Buffer.from((await b.get("k"))!.body).toString(), "of b");
  assert.deepEqual(
    (await b.list()).entries.map(({ key }) => key),
    ["k"],
  );
  assert.deepEqual(
    (await a.list()).entries.map(({ key }) => key),
    ["b/k", "k"],
  );
  await Promise.all([a.close(), b.close()]);
  await one.stop();
});

test("s3: the storage class is for blobs", async () => {
  const { driver, s3, done } = await own("&storageClass=STANDARD_IA");
  await driver.put("d/k", body("x"));
  await driver.put("b/k", body("x"));
  await driver.write("b/l", chunksOf(1, 6 * MiB));
  const classOf = (key: string) =>
    (s3.objects("bucket").get(key)!.headers as Record<string, string>)["x-amz-storage-class"];
  assert.deepEqual(["d/k", "b/k", "b/l"].map(classOf), [undefined, "STANDARD_IA", "STANDARD_IA"]);
  await done();
});

test("s3: an expiry is part of the etag: a condition on an entry that has expired costs no request", async () => {
  const { driver, s3, done } = await own();
  const { etag, expires } = await driver.put("c/k", body("x"), { expires: Date.now() + 150 });
  assert.equal((await driver.head("c/k"))?.etag, etag);
  while (Date.now() < expires!) await sleep(10);
  s3.reset();
  await assert.rejects(driver.put("c/k", body("y"), { ifMatch: etag }), { code: "CONFLICT" });
  assert.equal(s3.counts.size, 0);
  for (const odd of ["*", '"', "a b", "", "x".repeat(128), "ä"])
    await assert.rejects(driver.put("c/k", body("y"), { ifMatch: odd }), { code: "CONFLICT" }, odd);
  assert.equal(s3.counts.size, 0, "nothing that could match anything is sent");
  await done();
});

test("s3: URLs that say something else are INVALID, and no message shows a secret", () => {
  for (const [url, message] of [
    ["s3:", /bucket/],
    ["s3://bucket?endpoint=x", /endpoint/],
    ["s3://bucket?endpoint=ftp://host", /endpoint/],
    ["s3://bucket?concurrency=many", /concurrency/],
    ["s3://bucket?storageClass=GLACIER", /cannot be read at once/],
    ["s3://bucket?poll=5", /poll is a number of ms/],
    ["s3://bucket?typo=1", /no option "typo"/],
    ["s3://key@bucket", /a key and a secret/],
    ["s3://bucket/a//b", /not a storage key/],
    ["r2://bucket", /account/],
    ["s3://key:100%secret@bucket", /%25/],
  ] as const)
    assert.throws(() => s3(new URL(url)), { code: "INVALID", message }, url);
  try {
    s3(new URL("s3://key:secret@bucket?typo=1"));
  } catch (error) {
    assert.doesNotMatch(String(error), /secret/);
  }
});

test("H4: s3: 150 MB go in and out of a process whose memory stays bounded", async () => {
  const script = new URL("s3-stream.ts", import.meta.url).pathname;
  const ran = await run(process.execPath, [script, server.bucket()], { timeout: 100_000 });
  assert.equal(ran.code, 0, ran.output);
  const { size, grown } = JSON.parse(ran.stdout) as { size: number; grown: number };
  assert.equal(size, 150 * MiB);
  expect(grown).toBeLessThan(100 * MiB);
}, 120_000);
