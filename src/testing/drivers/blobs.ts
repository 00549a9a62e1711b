import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  ascending,
  chunked,
  collect,
  each,
  fails,
  keysOf,
  pattern,
  same,
  walk,
  type Case,
} from "../harness.ts";

const blob = (size: number, seed = size) => {
  const body = pattern(size, seed);
  const sha512 = createHash("sha512").update(body).digest();
  const hex = sha512.toString("hex");
  return { key: `b/sha512/${hex.slice(0, 2)}/${hex}`, body, sha512 };
};
const manifest = (seed: number) => {
  const body = pattern(900, seed);
  const hex = createHash("sha256").update(body).digest("hex");
  return { key: `m/sha256/${hex.slice(0, 2)}/${hex}`, body };
};

/** Immutable keys (`b/` and `m/`): whoever writes one twice writes the same bytes; a driver may take the short way. */
export const blobs: readonly Case[] = [
  {
    name: "written with ifAbsent: the first is done, the second CONFLICT, both read the same",
    unless: (caps) => caps.cas === "none" && "cas: none",
    async run({ driver, second }) {
      const other = await second();
      for (const size of [0, 1, 5000, 64 * 1024, 64 * 1024 + 1, 1_500_000]) {
        const { key, body, sha512 } = blob(size);
        const write = (one: typeof driver) =>
          one.write(key, chunked(body, 50_000), { ifAbsent: true, size, sha512 });
        const entry = await write(driver);
        assert.equal(entry.size, size);
        await fails("CONFLICT", write(other));
        for (const one of [driver, other]) {
          assert.equal((await one.head(key))?.etag, entry.etag);
          same((await one.get(key))?.body, body);
          const { stream } = (await one.read(key))!;
          same(await collect(stream), body);
        }
      }
    },
  },
  {
    name: "written again without a condition, by put or write: the bytes stay, modified moves on",
    async run({ driver }) {
      for (const { key, body } of [blob(3000), blob(200_000), manifest(1)]) {
        const first = await driver.put(key, body);
        const again = await driver.put(key, body);
        const third = await driver.write(key, chunked(body, 1000), { size: body.length });
        assert.ok(first.modified <= again.modified && again.modified <= third.modified);
        assert.ok((await driver.head(key))!.modified >= first.modified);
        same((await driver.get(key))?.body, body);
      }
    },
  },
  {
    name: "a wrong digest leaves nothing, the right one later arrives",
    async run({ driver }) {
      for (const size of [10, 100_000]) {
        const { key, body, sha512 } = blob(size);
        await fails("CORRUPT", driver.write(key, chunked(pattern(size, 99)), { sha512 }));
        assert.equal(await driver.head(key), undefined);
        await driver.write(key, chunked(body), { sha512 });
        same((await driver.get(key))?.body, body);
      }
    },
  },
  {
    name: "listed in byte order over all sizes, removed, and written anew",
    unless: (caps) => caps.list !== "strong" && `list: ${caps.list}`,
    async run({ driver }) {
      const all = Array.from({ length: 24 }, (_, n) => blob(n % 2 ? 100 + n : 70_000 + n));
      const more = Array.from({ length: 8 }, (_, n) => manifest(n));
      await each([...all, ...more], ({ key, body }) =>
        driver.write(key, chunked(body), { size: body.length }),
      );
      await driver.put("d/package/x", pattern(10));
      const keys = ascending(all.map(({ key }) => key));
      for (const limit of [1, 5, 1000]) {
        assert.deepEqual(keysOf(await walk(driver, { prefix: "b/", limit })), keys);
        assert.equal((await walk(driver, { prefix: "m/", limit })).length, 8);
        const whole = keysOf(await walk(driver, { limit }));
        assert.deepEqual(whole, ascending(whole));
        assert.equal(whole.length, 33);
      }
      await each(all.slice(0, 12), ({ key }) => driver.delete(key));
      for (const { key, body } of all.slice(0, 12)) {
        assert.equal(await driver.get(key), undefined);
        assert.equal(await driver.read(key), undefined);
        await driver.write(key, chunked(body));
        same((await driver.get(key))?.body, body);
      }
      assert.deepEqual(keysOf(await walk(driver, { prefix: "b/" })), keys);
    },
  },
  {
    name: "ranges, early cancel and deletion under a reader",
    unless: (caps) => !caps.ranges && "ranges: false",
    async run({ driver }) {
      for (const { key, body } of [blob(5000), blob(1_200_000)]) {
        await driver.write(key, chunked(body));
        for (const [start, end] of [
          [0, 1],
          [4999, 5000],
          [17, 4000],
          [1, body.length + 5],
        ] as const) {
          const opened = await driver.read(key, { start, end });
          same(await collect(opened!.stream), body.slice(start, end));
        }
        await fails("RANGE", driver.read(key, { start: body.length }));
        const reader = (await driver.read(key))!.stream.getReader();
        await reader.read();
        await driver.delete(key);
        await reader.cancel();
        assert.equal(await driver.head(key), undefined);
      }
    },
  },
  {
    name: "of many who write one blob at once, all find it there",
    async run({ driver, caps, second }) {
      const other = await second();
      const { key, body, sha512 } = blob(300_000);
      const condition = caps.cas === "none" ? {} : { ifAbsent: true as const };
      const results = await Promise.allSettled(
        Array.from({ length: 8 }, (_, n) =>
          (n % 2 ? driver : other).write(key, chunked(body, 20_000), { sha512, ...condition }),
        ),
      );
      const won = results.filter(({ status }) => status === "fulfilled").length;
      assert.ok(won >= 1);
      if (caps.casWrite) assert.equal(won, 1);
      same((await other.get(key))?.body, body);
    },
  },
];
