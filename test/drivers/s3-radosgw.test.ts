// A11 G2: Ceph's own gateway, where its Debian packages are: the whole suite, its quirks, and what goes wrong with it.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import * as sdk from "@aws-sdk/client-s3";
import { update, type Codec, type Doc, type Driver } from "@citadel/core/driver";
import { defineDriverTests } from "@citadel/core/testing";
import s3 from "@citadel/driver-s3";
import { afterAll, expect, test } from "vitest";
import { startRadosgw, type Radosgw } from "../servers/radosgw.ts";
import { bodyOf, chunksOf } from "./embedded/content.ts";
import { again, codeOf, writeWhileKilled } from "./network/tests.ts";

const MiB = 1024 * 1024;

const running = await startRadosgw();
const gateway = running as Radosgw;
const closing: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const close of closing) await close();
  await running?.stop();
});
const check = running ? test.concurrent : test.skip;
const alone = running ? test : test.skip;

/** A new bucket, as the URL of a store. */
async function bucket({ key, secret } = gateway.owner): Promise<URL> {
  const { endpoint } = gateway;
  const name = `test-${randomBytes(6).toString("hex")}`;
  const client = new sdk.S3Client({
    ...{ endpoint, region: "us-east-1", forcePathStyle: true },
    credentials: { accessKeyId: key, secretAccessKey: secret },
  });
  await client.send(new sdk.CreateBucketCommand({ Bucket: name }));
  client.destroy();
  return new URL(`s3://${key}:${encodeURIComponent(secret)}@${name}?endpoint=${endpoint}&poll=50`);
}
async function opened(url: URL): Promise<Driver> {
  const driver = s3(url);
  await driver.open();
  closing.push(() => driver.close());
  return driver;
}

defineDriverTests("radosgw", {
  // one at a time where the gateway dies
  test: (name, run) =>
    (name.includes("crash") ? test : test.concurrent)(name, ({ skip }) =>
      running ? run({ skip }) : skip("radosgw is not installed"),
    ),
  make: () => bucket(),
  open: (url) => s3(url),
  async crash() {
    await gateway.kill();
    await gateway.start();
  },
});

check("A11: radosgw: the verdict of Ceph 16", async () => {
  const driver = await opened(await bucket());
  const { conditions, tags, deletes, completes, trailers } = (await driver.health()).detail;
  assert.deepEqual(
    { conditions, tags, deletes, completes, trailers },
    { conditions: "full", tags: "bare", deletes: false, completes: false, trailers: "refused" },
  );
  assert.deepEqual((await driver.list()).entries, []);
});

check("A11: radosgw: an object of many parts, and ranges over their borders", async () => {
  const driver = await opened(await bucket());
  const size = 12 * MiB + 17;
  await driver.write("b/k", chunksOf(3, size), { size, ifAbsent: true });
  const read = await driver.read("b/k", { start: 5 * MiB - 10, end: 5 * MiB + 10 });
  const part = Buffer.concat(await Array.fromAsync(read!.stream));
  assert.ok(part.equals(bodyOf(3, size).subarray(5 * MiB - 10, 5 * MiB + 10)));
  const again = driver.write("b/k", chunksOf(3, size), { ifAbsent: true });
  await assert.rejects(again, { code: "CONFLICT" });
  await driver.sweep!({ olderThanMs: 0 });
  assert.equal((await driver.head("b/k"))?.size, size);
});

interface Count extends Doc {
  n: number;
}
const codec: Codec<Count> = {
  parse: (bytes) => JSON.parse(Buffer.from(bytes).toString()) as Count,
  bytes: (doc) => Buffer.from(JSON.stringify(doc)),
};

check("A1: radosgw: increments by racing writers are counted exactly", async () => {
  const url = await bucket();
  const drivers = await Promise.all([1, 2, 3].map(() => opened(url)));
  const more = (now: Count | undefined): Count => ({ rev: 0, w: [], n: (now?.n ?? 0) + 1 });
  await Promise.all(
    drivers.map(async (driver) => {
      for (let n = 0; n < 20; n++) await update(driver, "d/count", codec, more);
    }),
  );
  assert.equal(codec.parse((await drivers[0]!.get("d/count"))!.body).n, 60);
});

check(
  "G2: radosgw: wrong key, wrong secret, no bucket: said at open, with what to do",
  async () => {
    const right = await bucket();
    for (const [change, code, message] of [
      [(url: URL) => (url.username = "somebody"), "DENIED", /access key is not known/],
      [(url: URL) => (url.password = "guessed"), "DENIED", /secret does not belong/],
      [(url: URL) => (url.host = "no-such-bucket"), "INVALID", /no such bucket: create it/],
    ] as const) {
      const url = new URL(right);
      change(url);
      const driver = s3(url);
      await assert.rejects(driver.open(), { code, message });
      await driver.close();
    }
  },
);

check(
  "G2: radosgw: a quota that is used up is FULL, harms nothing, and can be emptied",
  async () => {
    const small = await gateway.user("small", ["--quota-scope", "bucket", "--max-objects", "20"]);
    const driver = await opened(await bucket(small));
    const keys: string[] = [];
    let code: string | undefined;
    while (code === undefined && keys.length < 100) {
      code = await codeOf(driver.put(`d/${keys.length}`, bodyOf(keys.length, 1000)));
      if (code === undefined) keys.push(`d/${keys.length}`);
    }
    assert.equal(code, "FULL");
    assert.equal(await codeOf(driver.write("b/k", chunksOf(1, 6 * MiB))), "FULL");
    assert.deepEqual(new Set((await driver.list()).entries.map(({ key }) => key)), new Set(keys));
    expect((await driver.get("d/1"))?.body).toEqual(bodyOf(1, 1000));
    for (const key of keys.slice(5)) await driver.delete(key);
    await again(() => driver.put("d/new", bodyOf(2, 1000)));
  },
);

alone(
  "G2: radosgw: a gateway killed with -9 in the middle of writing: what it acknowledged is there",
  async () => writeWhileKilled(await opened(await bucket()), gateway),
);
