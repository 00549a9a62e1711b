import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { storeCode, update, type Doc, type Driver } from "@citadel/core/driver";
import s3 from "@citadel/driver-s3";
import { expect, test } from "vitest";
import { startRelay, type Relay } from "../servers/relay.ts";
import { startS3, type Fault, type S3Server } from "../servers/s3.ts";
import { bodyOf, chunksOf } from "./embedded/content.ts";

const MiB = 1024 * 1024;
const body = (text: string): Uint8Array => Buffer.from(text);
const text = async (driver: Driver, key: string) =>
  Buffer.from((await driver.get(key))?.body ?? []).toString();
const code = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "done",
    (error: unknown) => storeCode(error) ?? String(error),
  );

interface Place {
  readonly driver: Driver;
  readonly s3: S3Server;
  readonly relay: Relay;
}

/** A store, opened through a relay. */
async function place(work: (place: Place) => Promise<void>): Promise<void> {
  const server = await startS3();
  const relay = await startRelay(server.port);
  const url = new URL(server.bucket("bucket"));
  url.searchParams.set("endpoint", `http://127.0.0.1:${relay.port}`);
  const driver = s3(url);
  try {
    await driver.open();
    server.reset();
    await work({ driver, s3: server, relay });
  } finally {
    await driver.close();
    await relay.close();
    await server.stop();
  }
}

test("H4: s3: a reply that is lost: UNKNOWN, asked once, and what was written is there", () =>
  place(async ({ driver, s3, relay }) => {
    const { etag } = await driver.put("d/k", body("old"));
    s3.reset();
    relay.set({ loseReplies: 1 });
    assert.equal(await code(driver.put("d/k", body("new"), { ifMatch: etag })), "UNKNOWN");
    assert.equal(s3.counts.get("PutObject"), 1);
    assert.equal(await text(driver, "d/k"), "new");

    relay.set({ loseReplies: 1 });
    assert.equal(await code(driver.put("d/l", body("first"), { ifAbsent: true })), "UNKNOWN");
    assert.equal(await text(driver, "d/l"), "first");
    relay.set({ loseReplies: 1 });
    assert.equal(await code(driver.delete("d/l")), "UNKNOWN");
    assert.equal(await driver.head("d/l"), undefined);

    // nothing changes when it is asked again, so the SDK does
    relay.set({ loseReplies: 1 });
    assert.equal(await text(driver, "d/k"), "new");
  }));

test("H4: s3: the reply to the end of an upload is lost: UNKNOWN, and the object is there", () =>
  place(async ({ driver, s3 }) => {
    s3.fault({ operation: "CompleteMultipartUpload", kind: "reset", when: "after" });
    assert.equal(await code(driver.write("b/k", chunksOf(1, 6 * MiB))), "UNKNOWN");
    assert.equal(s3.counts.get("CompleteMultipartUpload"), 1);
    assert.equal((await driver.head("b/k"))?.size, 6 * MiB);
    // a part that fails is sent again, for nobody sees it before the end
    s3.reset();
    s3.fault({ operation: "UploadPart", kind: "error", status: 503 });
    assert.equal((await driver.write("b/l", chunksOf(2, 6 * MiB))).size, 6 * MiB);
    assert.equal(s3.counts.get("UploadPart"), 3);
    // and one that fails for good is no mystery: nothing is there
    s3.fault({ operation: "UploadPart", kind: "error", status: 500, times: 3 });
    assert.equal(await code(driver.write("b/m", chunksOf(3, 6 * MiB))), "UNAVAILABLE");
    assert.equal(await driver.head("b/m"), undefined);
    assert.equal(s3.uploads("bucket").size, 0);
  }));

test("s3: what the server says about itself: each status has its outcome", () =>
  place(async ({ driver, s3 }) => {
    await driver.put("d/k", body("old"));
    const { etag } = (await driver.head("d/k"))!;
    for (const [status, put, get] of [
      [500, "UNKNOWN", "UNAVAILABLE"],
      [503, "UNKNOWN", "UNAVAILABLE"],
      [403, "DENIED", "DENIED"],
      [501, "UNSUPPORTED", "UNSUPPORTED"],
      [507, "FULL", "FULL"],
      [409, "CONFLICT", "UNAVAILABLE"],
    ] as const) {
      s3.fault({ kind: "error", status, operation: "PutObject" });
      assert.equal(await code(driver.put("d/k", body("new"), { ifMatch: etag })), put, `${status}`);
      s3.fault({ kind: "error", status, operation: "GetObject", times: 3 });
      assert.equal(await code(driver.get("d/k")), get, `get ${status}`);
      s3.reset();
    }
    s3.fault({ kind: "error", status: 503, operation: "GetObject" });
    assert.equal(await text(driver, "d/k"), "old");
    assert.equal(s3.counts.get("GetObject"), 2, "a read is asked again");
  }));

test("H4: s3: a body cut short is never taken for the whole", () =>
  place(async ({ driver, s3 }) => {
    await driver.put("d/k", bodyOf(1, 300_000));
    s3.fault({ kind: "truncate", operation: "GetObject" });
    assert.equal(await code(driver.get("d/k")), "UNAVAILABLE");
    s3.fault({ kind: "truncate", operation: "GetObject" });
    const opened = await driver.read("d/k");
    assert.equal(await code(Array.fromAsync(opened!.stream)), "UNAVAILABLE");
    expect((await driver.get("d/k"))?.body).toEqual(bodyOf(1, 300_000));
  }));

test("H4: s3: a black hole costs what the caller allows and no more", () =>
  place(async ({ driver, relay }) => {
    await driver.put("d/k", body("old"));
    for (const blackHole of ["up", "down", "both"] as const) {
      relay.set({ blackHole });
      const limit = { timeoutMs: 150 };
      const codes = await Promise.all([
        code(driver.get("d/k", limit)),
        code(driver.head("d/k", limit)),
        code(driver.list(limit)),
        code(driver.read("d/k", limit)),
        code(driver.put("d/k", body("new"), limit)),
        code(driver.put("d/l", body("new"), { ...limit, ifAbsent: true })),
        code(driver.delete("d/m", limit)),
        code(driver.write("b/m", chunksOf(1, 6 * MiB), limit)),
        code(driver.sweep!(limit)),
      ]);
      assert.deepEqual(
        codes.map((one) => (one === "ABORTED" ? "UNAVAILABLE" : one)),
        ["UNAVAILABLE", "UNAVAILABLE", "UNAVAILABLE", "UNAVAILABLE", "UNKNOWN", "UNKNOWN", "UNKNOWN", "UNAVAILABLE", "UNAVAILABLE"],
      ); // prettier-ignore
      assert.equal((await driver.health(limit)).ok, false);
      const stop = new AbortController();
      const waiting = code(driver.put("d/k", body("newer"), { signal: stop.signal }));
      stop.abort();
      assert.equal(await waiting, "UNKNOWN");
      relay.calm();
      relay.cut();
    }
    await driver.put("d/k", body("later"));
    assert.equal(await text(driver, "d/k"), "later");
  }));

test("s3: a slow line, and connections that are cut in the middle of a stream", () =>
  place(async ({ driver, relay }) => {
    relay.set({ latency: 15, jitter: 10, rate: 4 * MiB });
    await driver.write("b/k", chunksOf(1, 6 * MiB));
    const opened = await driver.read("b/k", { start: MiB, end: 2 * MiB });
    const part = Buffer.concat(await Array.fromAsync(opened!.stream));
    assert.ok(part.equals(bodyOf(1, 2 * MiB).subarray(MiB)));
    relay.calm();
    const reader = (await driver.read("b/k"))!.stream.getReader();
    await reader.read();
    relay.cut();
    const rest = async () => {
      while (!(await reader.read()).done);
    };
    assert.equal(await code(rest()), "UNAVAILABLE");
    relay.set({ resetAfter: 7 * MiB });
    assert.equal(await code(driver.write("b/l", chunksOf(1, 12 * MiB))), "done", "by other lines");
  }));

test("s3: a server that is not there, and comes back", () =>
  place(async ({ driver, relay }) => {
    await driver.put("d/k", body("old"));
    relay.set({ refuse: true });
    relay.cut();
    assert.equal(await code(driver.get("d/k")), "UNAVAILABLE");
    assert.match(await code(driver.put("d/k", body("new"))), /^(UNAVAILABLE|UNKNOWN)$/);
    relay.calm();
    assert.equal(await text(driver, "d/k"), "old");
  }));

test("s3: bodies that nobody wants give their connections back", () =>
  place(async ({ driver, relay }) => {
    await driver.put("c/past", bodyOf(1, 2 * MiB), { expires: Date.now() + 1 });
    await driver.put("b/k", bodyOf(1, 2 * MiB));
    await sleep(2);
    for (let n = 0; n < 30; n++) {
      assert.equal(await driver.get("c/past"), undefined);
      assert.equal(await driver.read("c/past"), undefined);
      assert.equal(await code(driver.read("b/k", { ifMatch: "other" })), "CHANGED");
      await (await driver.read("b/k"))!.stream.cancel();
    }
    for (let tries = 0; relay.open > 4; tries++) {
      assert.ok(tries < 500, `${relay.open} connections stay open`);
      await sleep(10);
    }
  }));

interface Count extends Doc {
  n: number;
}
const codec = {
  parse: (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as Count,
  bytes: (doc: Count) => Buffer.from(JSON.stringify(doc)),
};

test("A1: 100 increments by 4 writers, a third of their puts disturbed, are counted exactly 100 times", async () => {
  const server = await startS3();
  const url = server.bucket();
  const drivers = [1, 2].map(() => s3(new URL(url)));
  await Promise.all(drivers.map((driver) => driver.open()));
  const faults: Fault[] = [
    { kind: "reset" },
    { kind: "reset", when: "after" },
    { kind: "error", when: "after" },
    { kind: "error", status: 503 },
    { kind: "late", ms: 20 },
  ];
  for (const fault of faults)
    server.fault({ ...fault, operation: "PutObject", rate: 0.07, times: 10_000 });
  server.fault({ kind: "reset", operation: "GetObject", rate: 0.05, times: 10_000 });
  const more = (now: Count | undefined): Count => ({ rev: 0, w: [], n: (now?.n ?? 0) + 1 });
  await Promise.all(
    [0, 1, 2, 3].map(async (n) => {
      for (let left = 25; left > 0;)
        try {
          await update(drivers[n % 2] as Driver, "d/count", codec, more);
          left--;
        } catch (error) {
          // before anything was written: the caller asks again
          assert.equal(storeCode(error), "UNAVAILABLE", String(error));
        }
    }),
  );
  await sleep(50);
  server.reset();
  const { n, rev } = codec.parse((await drivers[0]!.get("d/count"))!.body);
  assert.deepEqual({ n, rev }, { n: 100, rev: 100 });
  await Promise.all(drivers.map((driver) => driver.close()));
  await server.stop();
});

/** What open() says about a store's address. */
async function refused(url: URL): Promise<Error & { code: string }> {
  const driver = s3(url);
  try {
    await driver.open();
  } catch (error) {
    return error as Error & { code: string };
  }
  await driver.close();
  return assert.fail(`${url.host} was opened`);
}

test("A11: s3: what is wrong with an address is said when it is opened, with what to do, and without the secret", async () => {
  const server = await startS3();
  const right = server.bucket("bucket");
  const change = (work: (url: URL) => void): URL => {
    const url = new URL(right);
    work(url);
    return url;
  };
  for (const [wrong, code, message] of [
    [(url: URL) => (url.username = "somebody"), "DENIED", /access key is not known/],
    [(url: URL) => (url.password = "guessed"), "DENIED", /secret does not belong/],
    [(url: URL) => (url.host = "other"), "INVALID", /no such bucket: create it/],
    [(url: URL) => url.searchParams.set("region", "moon-1"), "INVALID", /add region=test-1/],
    [
      (url: URL) => url.searchParams.set("endpoint", "http://127.0.0.1:1"),
      "UNAVAILABLE",
      /nobody listens/,
    ],
    [
      (url: URL) => url.searchParams.set("endpoint", "http://no.such.host.invalid"),
      "UNAVAILABLE",
      /no such host|cannot be looked up/,
    ],
  ] as const) {
    const error = await refused(change(wrong));
    assert.deepEqual([error.name, error.code], ["StoreError", code], error.message);
    assert.match(error.message, message);
    assert.ok(!error.message.includes(server.secret) && !error.message.includes("guessed"));
  }
  for (const [skew, where] of [
    [7, "behind"],
    [-7, "ahead"],
    [60, "behind"],
  ] as const) {
    server.skew = skew * 60_000;
    const error = await refused(new URL(right));
    assert.equal(error.code, "DENIED");
    assert.match(error.message, new RegExp(`${Math.abs(skew)} minutes ${where}: set it`));
  }
  server.skew = 0;
  server.fault({ kind: "error", status: 403, operation: "PutObject", times: 100 });
  assert.match((await refused(new URL(right))).message, /credentials may not do this/);
  server.reset();
  // a server that is busy for a moment is no weak one
  server.fault({ kind: "error", status: 503, operation: "PutObject", times: 2 });
  const driver = s3(new URL(right));
  await driver.open();
  assert.equal(driver.caps.cas, "full");
  await driver.close();
  await server.stop();
});
