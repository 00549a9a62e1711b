import assert from "node:assert/strict";
import type { ListOptions, PutOptions, ReadOptions, WriteOptions } from "../../driver/driver.ts";
import { storeCode } from "../../driver/error.ts";
import {
  bytes,
  chunked,
  collect,
  fails,
  pattern,
  same,
  text,
  until,
  walk,
  type Case,
} from "../harness.ts";

const MiB = 1024 * 1024;

/** Three outcomes: done; certainly not done, and then nothing is there; or UNKNOWN. */
export const outcomes: readonly Case[] = [
  {
    name: "done: put and write answer with the entry that get, head and read then show",
    async run({ driver, key }) {
      const before = Date.now();
      for (const [name, entry] of [
        ["p", await driver.put(key("p"), bytes("content"))],
        ["w", await driver.write(key("w"), chunked(bytes("content"), 2), { size: 7 })],
      ] as const) {
        assert.equal(entry.key, key(name));
        assert.equal(entry.size, 7);
        // another machine's clock may be off, but not by a day
        assert.ok(Math.abs(entry.modified - before) < 86_400_000, `modified ${entry.modified}`);
        const { body, ...got } = (await driver.get(key(name)))!;
        assert.equal(text(body), "content");
        assert.deepEqual({ ...(await driver.head(key(name))) }, got);
        assert.equal(got.etag, entry.etag);
        assert.equal(got.size, 7);
        const { stream, range, ...opened } = (await driver.read(key(name)))!;
        assert.equal(text(await collect(stream)), "content");
        assert.deepEqual({ ...range }, { start: 0, end: 7 });
        assert.deepEqual({ ...opened }, got);
      }
    },
  },
  {
    name: "absent: get, head and read answer undefined",
    async run({ driver, key }) {
      assert.equal(await driver.get(key("k")), undefined);
      assert.equal(await driver.head(key("k")), undefined);
      assert.equal(await driver.read(key("k")), undefined);
      assert.equal(await driver.read(key("k"), { ifMatch: "some-etag" }), undefined);
    },
  },
  {
    name: "certainly not done: wrong arguments are INVALID and change nothing",
    async run({ driver, key, prefix }) {
      await driver.put(key("k"), bytes("old"));
      const puts: object[] = [{ expires: Number.NaN }, { expires: -1 }, { expires: 1.5 }];
      for (const options of puts) {
        await fails("INVALID", driver.put(key("k"), bytes("new"), options as PutOptions));
        await fails(
          "INVALID",
          driver.write(key("k"), chunked(bytes("new")), options as WriteOptions),
        );
      }
      const writes: object[] = [{ size: -1 }, { size: 0.5 }, { sha512: new Uint8Array(32) }];
      for (const options of writes)
        await fails(
          "INVALID",
          driver.write(key("k"), chunked(bytes("new")), options as WriteOptions),
        );
      await fails("INVALID", driver.put(key("k"), "new" as unknown as Uint8Array));
      const reads: ReadOptions[] = [
        { start: -1 },
        { start: 0.5 },
        { start: 2, end: 1 },
        { end: -1 },
      ];
      for (const options of reads)
        await fails("INVALID", driver.read(key("k"), options), JSON.stringify(options));
      const lists: ListOptions[] = [{ limit: 0 }, { limit: 1001 }, { limit: 1.5 }, { limit: -1 }];
      for (const options of lists)
        await fails("INVALID", driver.list(options), JSON.stringify(options));
      assert.equal(text((await driver.get(key("k")))?.body), "old");
      if (driver.caps.list === "strong")
        assert.equal((await walk(driver, { prefix })).length, 1, "something was left behind");
    },
  },
  {
    name: "certainly not done: a put of more than maxItem is TOO_LARGE",
    unless: (caps) => caps.maxItem > 80 * MiB && `maxItem: ${caps.maxItem} bytes`,
    async run({ driver, caps, key }) {
      await driver.put(key("k"), bytes("old"));
      await fails("TOO_LARGE", driver.put(key("k"), new Uint8Array(caps.maxItem + 1)));
      assert.equal(text((await driver.get(key("k")))?.body), "old");
    },
  },
  {
    name: "certainly not done: an announced size above maxObject is TOO_LARGE before the source is asked",
    unless: (caps) => caps.maxObject >= Number.MAX_SAFE_INTEGER && "maxObject: unlimited",
    async run({ driver, caps, key }) {
      let asked = false;
      const source = (async function* () {
        asked = true;
        yield bytes("x");
      })();
      await fails("TOO_LARGE", driver.write(key("k"), source, { size: caps.maxObject + 1 }));
      assert.equal(asked, false);
      assert.equal(await driver.head(key("k")), undefined);
    },
  },
  {
    name: "certainly not done: a source longer than maxObject is TOO_LARGE",
    unless: (caps) => caps.maxObject > 80 * MiB && `maxObject: ${caps.maxObject} bytes`,
    async run({ driver, caps, key }) {
      const chunk = new Uint8Array(MiB);
      const source = (async function* () {
        for (let n = 0; n <= caps.maxObject; n += MiB) yield chunk;
      })();
      await fails("TOO_LARGE", driver.write(key("k"), source));
      assert.equal(await driver.head(key("k")), undefined);
    },
  },
  {
    name: "whole or not at all: readers beside a writer see one version, never a mixture",
    async run({ driver, key, second }) {
      const other = await second();
      const versions = Array.from({ length: 8 }, (_, n) => pattern(200_000, n + 1));
      await driver.put(key("k"), versions[0]!);
      let writing = true;
      const writer = (async () => {
        for (const body of versions) {
          await driver.put(key("k"), body);
          await driver.write(key("k"), chunked(body, 30_000));
        }
        writing = false;
      })();
      while (writing) {
        // a driver that answers within a microtask would never let the writer go on
        await until(0);
        const item = await other.get(key("k"));
        assert.ok(
          versions.some((body) => Buffer.from(body).equals(item!.body)),
          "get shows a mixture",
        );
        try {
          const opened = await other.read(key("k"));
          const got = await collect(opened!.stream);
          assert.ok(
            versions.some((body) => Buffer.from(body).equals(got)),
            "read shows a mixture",
          );
        } catch (error) {
          assert.match(String(storeCode(error)), /^(?:CHANGED|CORRUPT)$/);
        }
      }
      await writer;
      same((await other.get(key("k")))?.body, versions[7]!);
    },
  },
  {
    name: "a read of an etag that is gone is CHANGED",
    async run({ driver, key }) {
      const old = await driver.put(key("k"), bytes("old"));
      const now = await driver.put(key("k"), bytes("new"));
      await fails("CHANGED", driver.read(key("k"), { ifMatch: old.etag }));
      if (driver.caps.ranges)
        await fails("CHANGED", driver.read(key("k"), { ifMatch: old.etag, start: 1000 }));
      const opened = await driver.read(key("k"), { ifMatch: now.etag });
      assert.equal(text(await collect(opened!.stream)), "new");
    },
  },
  {
    name: "an empty object is an object",
    async run({ driver, key }) {
      await driver.put(key("p"), new Uint8Array());
      await driver.write(key("w"), chunked(new Uint8Array()), { size: 0 });
      for (const name of ["p", "w"]) {
        assert.equal((await driver.head(key(name)))?.size, 0);
        assert.equal((await driver.get(key(name)))?.body.byteLength, 0);
        const opened = await driver.read(key(name), { start: 0 });
        assert.equal((await collect(opened!.stream)).byteLength, 0);
        assert.deepEqual({ ...opened!.range }, { start: 0, end: 0 });
        await fails("RANGE", driver.read(key(name), { start: 1 }));
      }
    },
  },
];
