import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  compressed,
  delegate,
  split,
  storeCode,
  type Driver,
  type ETag,
  type Key,
} from "@citadel/core/driver";
import file from "@citadel/driver-file";
import { memoryStore } from "@citadel/driver-memory";
import postgres from "@citadel/driver-postgres";
import redis from "@citadel/driver-redis";
import s3 from "@citadel/driver-s3";
import sqlite from "@citadel/driver-sqlite";
import * as fc from "fast-check";
import { afterAll, test } from "vitest";
import { startPostgres } from "../servers/postgres.ts";
import { startRedis } from "../servers/redis.ts";
import { startS3 } from "../servers/s3.ts";

const keys = ["a", "a/b", "a.b", "A", "d/x", "d/x/y", "@s%2Fp", "c/x", "z"] as const;

type Tag = "none" | "absent" | "last" | "stale";
type Step =
  | { op: "put" | "write"; key: Key; size: number; tag: Tag; past: boolean; meta: boolean }
  | { op: "get" | "head"; key: Key }
  | { op: "delete"; key: Key; tag: "none" | "last" | "stale" }
  | { op: "list"; prefix: string; after: string | undefined; limit: number }
  | { op: "read"; key: Key; start: number; end: number | undefined; tag: "none" | "last" | "stale" }
  | { op: "reopen" };

const key = fc.constantFrom(...keys);
const size = fc.oneof(
  { weight: 4, arbitrary: fc.nat(40) },
  { weight: 1, arbitrary: fc.constantFrom(0, 65_535, 65_536, 65_537, 1_048_577) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      op: fc.constantFrom("put" as const, "write" as const),
      key,
      size,
      tag: fc.constantFrom<Tag>("none", "absent", "last", "stale"),
      past: fc.nat(9).map((n) => n === 0),
      meta: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constantFrom("get" as const, "head" as const), key }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant("delete" as const),
      key,
      tag: fc.constantFrom("none" as const, "last" as const, "stale" as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant("list" as const),
      prefix: fc.constantFrom("", "a", "a/", "A", "d/", "c/", "d/x", "@", "zz"),
      after: fc.option(fc.constantFrom("a", "a.", "a/b", "b", "d/x", "~"), { nil: undefined }),
      limit: fc.constantFrom(1, 2, 3, 1000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constant("read" as const),
      key,
      start: fc.constantFrom(0, 0, 1, 20, 65_536),
      end: fc.constantFrom(undefined, 30, 65_537, 2_000_000),
      tag: fc.constantFrom("none" as const, "last" as const, "stale" as const),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ op: "reopen" as const }) },
);

/**
 * What a driver is asked, with the etags that this very driver gave out before. Bodies have `least` bytes, so that no
 * two are equal where equal ones have equal etags.
 */
function player(driver: Driver, least: number) {
  const last = new Map<Key, ETag>();
  const older = new Map<Key, ETag>();
  const remember = (key: Key, etag: ETag): void => {
    const before = last.get(key);
    if (before !== undefined && before !== etag) older.set(key, before);
    last.set(key, etag);
  };
  const match = (key: Key, tag: Tag) =>
    tag === "last"
      ? { ifMatch: last.get(key) ?? "never-given" }
      : tag === "stale"
        ? { ifMatch: older.get(key) ?? "never-given" }
        : {};
  const shown = (entry: {
    key: Key;
    size: number;
    etag?: ETag;
    expires?: number;
    meta?: object;
  }) => ({
    key: entry.key,
    size: entry.size,
    newest: entry.etag === undefined || entry.etag === last.get(entry.key),
    expires: entry.expires,
    meta: { ...entry.meta },
  });
  const hex = (bytes: Uint8Array) =>
    `${bytes.length}:${Buffer.from(bytes.slice(0, 50)).toString("hex")}`;

  const play = async (step: Step, n: number): Promise<unknown> => {
    switch (step.op) {
      case "put":
      case "write": {
        const body = Buffer.alloc(Math.max(step.size, least), `${n} ${step.key} `);
        const extras = {
          ...(step.past ? { expires: 1000 } : {}),
          ...(step.meta ? { meta: { step: String(n) } } : {}),
        };
        const entry = await (step.op === "put"
          ? driver.put(step.key, body, {
              ...extras,
              ...(step.tag === "absent" ? { ifAbsent: true as const } : match(step.key, step.tag)),
            })
          : driver.write(step.key, parts(body), {
              ...extras,
              ...(step.tag === "absent" ? { ifAbsent: true } : {}),
              ...(step.tag === "last" ? { size: body.length } : {}),
              ...(step.tag === "stale" ? { size: body.length + 1 } : {}),
            }));
        remember(step.key, entry.etag);
        return shown(entry);
      }
      case "get": {
        const item = await driver.get(step.key);
        return item && { ...shown(item), body: hex(item.body) };
      }
      case "head": {
        const entry = await driver.head(step.key);
        return entry && shown(entry);
      }
      case "delete":
        return driver.delete(step.key, match(step.key, step.tag));
      case "list": {
        const { prefix, limit, after } = step;
        const page = await driver.list({
          prefix,
          limit,
          ...(after === undefined ? {} : { after }),
        });
        return page.entries.map(({ key, size }) => ({ key, size }));
      }
      case "read": {
        const { start, end, tag } = step;
        const range = { start, ...(end === undefined ? {} : { end }) };
        const opened = await driver.read(step.key, { ...range, ...match(step.key, tag) });
        if (!opened) return undefined;
        const body = Buffer.concat(await Array.fromAsync(opened.stream));
        return { ...shown(opened), range: { ...opened.range }, body: hex(body) };
      }
      case "reopen":
        await driver.close();
        return driver.open();
    }
  };
  return (step: Step, n: number): Promise<unknown> =>
    play(step, n).then(
      (value) => ({ value }),
      (error: unknown) => ({ code: storeCode(error) ?? String(error) }),
    );
}

async function* parts(body: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < body.length; at += 40_000) yield body.subarray(at, at + 40_000);
}

/** A driver whose lists leave out what has expired, which those of S3 cannot tell. */
const withoutExpired = (driver: Driver): Driver =>
  delegate(driver, {
    async list({ limit = 1000, ...options } = {}) {
      const { entries } = await driver.list(options);
      const there = await Promise.all(entries.map(({ key }) => driver.head(key)));
      return { entries: entries.filter((_, n) => there[n]).slice(0, limit) };
    },
  });

const bucket = await startS3();
afterAll(() => bucket.stop());

const servers = { redis: await startRedis(), postgres: await startPostgres() };
afterAll(async () => {
  await servers.redis?.stop();
  await servers.postgres?.stop();
});

const backends: Record<string, (folder: string) => Driver> = {
  s3: () => withoutExpired(s3(new URL(bucket.bucket()))),
  sqlite: (folder) => sqlite(new URL(`sqlite:${folder}/store.db`)),
  file: (folder) => file(new URL(`file:${folder}/store`)),
  "split of sqlite and file, compressed": (folder) =>
    compressed(
      split({
        docs: sqlite(new URL(`sqlite:${folder}/docs.db`)),
        blobs: file(new URL(`file:${folder}/blobs`)),
        small: 30,
      }),
      { min: 0 },
    ),
  ...(servers.redis && { redis: () => redis(new URL(servers.redis!.store())) }),
  ...(servers.postgres && { postgres: () => postgres(new URL(servers.postgres!.store())) }),
};

/** The smallest program for which the two differ, by fast-check; undefined after `numRuns` programs without one. */
async function difference(
  make: (folder: string) => Driver,
  numRuns: number,
): Promise<string | undefined> {
  const property = fc.asyncProperty(
    fc.array(step, { minLength: 1, maxLength: 30, size: "max" }),
    async (steps) => {
      const folder = await mkdtemp(join(tmpdir(), "citadel-differential-"));
      const [model, driver] = [memoryStore().open(), make(folder)];
      try {
        await Promise.all([model.open(), driver.open()]);
        const least = driver.caps.etags === "content" ? 12 : 0;
        const [wanted, got] = [player(model, least), player(driver, least)];
        for (const [n, one] of steps.entries())
          assert.deepEqual(await got(one, n), await wanted(one, n), `step ${n}`);
      } finally {
        await Promise.all([model.close(), driver.close()]);
        await rm(folder, { recursive: true, force: true });
      }
    },
  );
  const result = await fc.check(property, { numRuns });
  if (!result.failed) return undefined;
  return `seed ${result.seed}, ${JSON.stringify(result.counterexample)}: ${String(result.errorInstance)}`;
}

for (const [name, make] of Object.entries(backends))
  test(`G2: ${name} does whatever the memory driver does`, { timeout: 120_000 }, async () => {
    assert.equal(await difference(make, 40), undefined);
  });

const broken: Record<string, (inner: Driver) => Partial<Driver>> = {
  "ignores ifMatch": (inner) => ({
    put: (key, body, { ifMatch: _, ...options } = {}) => inner.put(key, body, options as object),
  }),
  "forgets meta": (inner) => ({
    put: (key, body, { meta: _, ...options } = {}) => inner.put(key, body, options as object),
  }),
  "lists the key of after again": (inner) => ({
    list: ({ after, ...options } = {}) =>
      inner.list(after === undefined ? options : { ...options, after: after.slice(0, -1) || "!" }),
  }),
  "reads one byte too many": (inner) => ({
    read: (key, { end, ...options } = {}) =>
      inner.read(key, end === undefined ? options : { ...options, end: end + 1 }),
  }),
  "shows what has expired": (inner) => ({
    put: (key, body, { expires: _, ...options } = {}) => inner.put(key, body, options as object),
  }),
};

for (const [name, fault] of Object.entries(broken))
  test(`the comparison finds a driver that ${name}`, { timeout: 120_000 }, async () => {
    const make = () => {
      const inner = memoryStore().open();
      return delegate(inner, fault(inner));
    };
    assert.ok(await difference(make, 1000));
  });
