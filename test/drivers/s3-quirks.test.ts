import assert from "node:assert/strict";
import { update, type Capabilities, type Doc, type Driver } from "@citadel/core/driver";
import { defineDriverTests, type Harness } from "@citadel/core/testing";
import s3 from "@citadel/driver-s3";
import { test } from "vitest";
import { startS3, type Quirks, type S3Server } from "../servers/s3.ts";

interface Kind {
  readonly quirks: Quirks;
  readonly options?: string;
  /** what the probe says of it, beside what it says of a strict server */
  readonly verdict: Readonly<Record<string, unknown>>;
  readonly caps: Partial<Capabilities>;
  /** the groups of the suite that show whether the capabilities hold; none where only the verdict differs */
  readonly suite?: RegExp;
}

const strict = {
  conditions: "full",
  tags: "quoted",
  deletes: true,
  completes: true,
  trailers: "ok",
} as const;
const full: Partial<Capabilities> = {
  cas: "full",
  casDelete: true,
  casWrite: true,
  shared: "network",
  ttl: "lazy",
  list: "strong",
};
const none: Partial<Capabilities> = { cas: "none", casWrite: false };
const process: Partial<Capabilities> = { cas: "process", shared: "process" };
const all = /: (conditions|ttl|blobs): /;
const conditions = /: conditions: (?!a key never there)/;

/** One for each class of servers of `storage.md`, section 6. */
const kinds: Readonly<Record<string, Kind>> = {
  "conditions ignored, as by s3rver": {
    quirks: { conditions: "ignored", deletesIgnored: true, trailers: "stored" },
    verdict: { conditions: "ignored", deletes: false, completes: false, trailers: "corrupt" },
    caps: { ...none, casDelete: false, ttl: "none" },
    suite: all,
  },
  "conditions refused, as by Swift": {
    quirks: { conditions: "refused", trailers: "refused" },
    verdict: { conditions: "refused", completes: false, trailers: "refused" },
    caps: none,
    suite: conditions,
  },
  "If-None-Match only": {
    quirks: { conditions: "create-only" },
    verdict: { conditions: "create-only" },
    caps: { cas: "create" },
    suite: all,
  },
  "If-None-Match only, and no conditional delete": {
    quirks: { conditions: "create-only", deletesIgnored: true },
    verdict: { conditions: "create-only", deletes: false },
    caps: { cas: "create", casDelete: false, ttl: "none" },
    suite: conditions,
  },
  "looks first and writes later": {
    quirks: { racy: true },
    verdict: { conditions: "racy" },
    caps: none,
  },
  "If-Match on an absent key creates it, as by MinIO until 2025": {
    quirks: { matchCreates: true },
    verdict: { conditions: "create-only" },
    caps: { cas: "create" },
  },
  "only the bare etag matches": {
    quirks: { bareTags: true },
    verdict: { tags: "bare" },
    caps: full,
    suite: conditions,
  },
  "losers of a race get 409, as from Ceph 20 and Amazon": {
    quirks: { losers: 409 },
    verdict: {},
    caps: full,
    suite: /: conditions: (of many|no increment)/,
  },
  "losers of a race get 500, and more, as from Ceph 16": {
    quirks: {
      losers: 500,
      bareTags: true,
      deletesIgnored: true,
      completesIgnored: true,
      trailers: "refused",
    },
    verdict: { tags: "bare", deletes: false, completes: false, trailers: "refused" },
    caps: { ...full, casDelete: false, casWrite: false },
    suite: /: (ttl|conditions): (?!a key never there)/,
  },
  "lists lag behind": {
    quirks: { listLag: 60_000 },
    verdict: {},
    caps: { ...full, list: "eventual" },
  },
  "conditions ignored, and one writer": {
    quirks: { conditions: "ignored", deletesIgnored: true, completesIgnored: true },
    options: "&concurrency=single-writer",
    verdict: { conditions: "ignored", deletes: false, completes: false },
    caps: { ...process, casDelete: true, casWrite: true, ttl: "lazy" },
    suite: all,
  },
  "one writer where it is not needed": {
    quirks: {},
    options: "&concurrency=single-writer",
    verdict: {},
    caps: full,
  },
};

/** Registers the tests whose names match. */
const only =
  (names: RegExp): Harness<URL>["test"] =>
  (name, run) => {
    if (!names.test(name)) return;
    test(name, ({ skip }) => run({ skip }));
  };

for (const [name, { quirks, options = "", verdict, caps, suite }] of Object.entries(kinds)) {
  test(`A11: the probe sees it, and nothing of it stays: ${name}`, async () => {
    const server = await startS3(quirks);
    const url = server.bucket("bucket") + options;
    const driver = s3(new URL(url));
    await driver.open();
    const { conditions, tags, deletes, completes, trailers } = (await driver.health()).detail;
    assert.deepEqual({ conditions, tags, deletes, completes, trailers }, { ...strict, ...verdict });
    assert.deepEqual({ ...driver.caps, ...caps }, driver.caps);
    assert.equal(server.objects("bucket").size, 0);
    assert.equal(server.uploads("bucket").size, 0);
    await driver.close();
    assert.deepEqual({ ...driver.caps, ...caps }, driver.caps, "what was found out is kept");
    await server.stop();
  });

  if (suite) {
    let server: S3Server | undefined;
    defineDriverTests(`s3: ${name}`, {
      test: only(suite),
      async make() {
        server = await startS3(quirks);
        return new URL(server.bucket() + options);
      },
      open: (url) => s3(url),
      remove: () => server?.stop(),
    });
  }
}

interface Count extends Doc {
  n: number;
}
const codec = {
  parse: (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as Count,
  bytes: (doc: Count) => Buffer.from(JSON.stringify(doc)),
};

for (const losers of [409, 500] as const)
  test(`A1: increments by racing writers are counted exactly, where losers get ${losers}`, async () => {
    const server = await startS3({ losers });
    const url = server.bucket();
    const drivers = await Promise.all(
      [1, 2, 3].map(async (): Promise<Driver> => {
        const driver = s3(new URL(url));
        await driver.open();
        return driver;
      }),
    );
    const more = (now: Count | undefined): Count => ({ rev: 0, w: [], n: (now?.n ?? 0) + 1 });
    await Promise.all(
      drivers.map(async (driver) => {
        for (let n = 0; n < 15; n++) await update(driver, "d/count", codec, more);
      }),
    );
    const [driver] = drivers;
    assert.equal(codec.parse((await driver!.get("d/count"))!.body).n, 45);
    await Promise.all(drivers.map((one) => one.close()));
    await server.stop();
  });
