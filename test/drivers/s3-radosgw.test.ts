import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import * as sdk from "@aws-sdk/client-s3";
import { update, type Doc } from "@citadel/core/driver";
import { defineDriverTests, type Harness } from "@citadel/core/testing";
import s3 from "@citadel/driver-s3";
import { test } from "vitest";
import { bodyOf, chunksOf } from "./embedded/content.ts";

const MiB = 1024 * 1024;

/** A gateway of Ceph that runs already: its address and, percent-encoded, key and secret, `http://key:secret@host:port`. */
const gateway = process.env["CITADEL_TEST_RADOSGW"];
const skipped = "CITADEL_TEST_RADOSGW names no gateway";

/** A new bucket, as the URL of a store. */
async function bucket(): Promise<URL> {
  const at = new URL(gateway ?? assert.fail(skipped));
  const name = `test-${randomBytes(6).toString("hex")}`;
  const client = new sdk.S3Client({
    endpoint: at.origin,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: {
      accessKeyId: decodeURIComponent(at.username),
      secretAccessKey: decodeURIComponent(at.password),
    },
  });
  await client.send(new sdk.CreateBucketCommand({ Bucket: name }));
  client.destroy();
  return new URL(`s3://${at.username}:${at.password}@${name}?endpoint=${at.origin}`);
}

/** Losers of a race may hear 500 there, which is UNKNOWN: `update` copes with that, tests that want CONFLICT do not. */
const races = /: conditions: (of many who create|no increment)/;
const register: Harness<URL>["test"] = (name, run) => {
  if (races.test(name)) return;
  test(name, ({ skip }) => (gateway ? run({ skip }) : skip(skipped)));
};
defineDriverTests("s3: radosgw", { test: register, make: bucket, open: (url) => s3(url) });

test("A11: radosgw: the verdict of Ceph 16", async ({ skip }) => {
  if (!gateway) return skip(skipped);
  const driver = s3(await bucket());
  await driver.open();
  const { conditions, tags, deletes, completes, trailers } = (await driver.health()).detail;
  assert.deepEqual(
    { conditions, tags, deletes, completes, trailers },
    { conditions: "full", tags: "bare", deletes: false, completes: false, trailers: "refused" },
  );
  assert.deepEqual((await driver.list()).entries, []);
  await driver.close();
});

test("A11: radosgw: an object of many parts, and ranges over their borders", async ({ skip }) => {
  if (!gateway) return skip(skipped);
  const driver = s3(await bucket());
  await driver.open();
  const size = 12 * MiB + 17;
  await driver.write("b/k", chunksOf(3, size), { size, ifAbsent: true });
  const opened = await driver.read("b/k", { start: 5 * MiB - 10, end: 5 * MiB + 10 });
  const part = Buffer.concat(await Array.fromAsync(opened!.stream));
  assert.ok(part.equals(bodyOf(3, size).subarray(5 * MiB - 10, 5 * MiB + 10)));
  const again = driver.write("b/k", chunksOf(3, size), { ifAbsent: true });
  await assert.rejects(again, { code: "CONFLICT" });
  await driver.sweep!({ olderThanMs: 0 });
  assert.equal((await driver.head("b/k"))?.size, size);
  await driver.close();
});

interface Count extends Doc {
  n: number;
}

test("A1: radosgw: increments by racing writers are counted exactly", async ({ skip }) => {
  if (!gateway) return skip(skipped);
  const url = await bucket();
  const drivers = [1, 2, 3].map(() => s3(url));
  await Promise.all(drivers.map((driver) => driver.open()));
  const codec = {
    parse: (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as Count,
    bytes: (doc: Count) => Buffer.from(JSON.stringify(doc)),
  };
  const more = (now: Count | undefined): Count => ({ rev: 0, w: [], n: (now?.n ?? 0) + 1 });
  await Promise.all(
    drivers.map(async (driver) => {
      for (let n = 0; n < 20; n++) await update(driver, "d/count", codec, more);
    }),
  );
  assert.equal(codec.parse((await drivers[0]!.get("d/count"))!.body).n, 60);
  await Promise.all(drivers.map((driver) => driver.close()));
});
