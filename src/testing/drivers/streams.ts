import assert from "node:assert/strict";
import { createHash } from "node:crypto";
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

const KiB = 1024;
const MiB = 1024 * KiB;

const sha512 = (body: Uint8Array): Uint8Array => createHash("sha512").update(body).digest();

/** Streams: pulled, checked, whole, and given back when nobody wants them any more. */
export const streams: readonly Case[] = [
  {
    name: "objects of all sizes in chunks of all sizes come back byte for byte",
    async run({ driver, caps, key }) {
      const sizes = [
        0,
        1,
        511,
        64 * KiB - 1,
        64 * KiB,
        64 * KiB + 1,
        MiB - 1,
        MiB,
        MiB + 1,
        3 * MiB + 7,
      ];
      for (const [n, size] of sizes.entries()) {
        if (size > caps.maxObject) continue;
        const body = pattern(size, n);
        for (const step of [size < 1000 ? 1 : 8191, 300 * KiB, 4 * MiB]) {
          const it = key(`o${size}-${step}`);
          const options = { size, sha512: sha512(body) };
          const entry = await driver.write(it, chunked(body, step), options);
          assert.equal(entry.size, size);
          const opened = await driver.read(it);
          same(await collect(opened!.stream), body, `read of ${size} bytes`);
          if (size <= caps.maxItem)
            same((await driver.get(it))?.body, body, `get of ${size} bytes`);
        }
      }
    },
  },
  {
    name: "what put wrote read opens, what write wrote get gets; each replaces the other",
    async run({ driver, key }) {
      const one = pattern(100_000, 1);
      const two = pattern(5, 2);
      await driver.put(key("k"), one);
      same(await collect((await driver.read(key("k")))!.stream), one);
      await driver.write(key("k"), chunked(two, 1));
      same((await driver.get(key("k")))?.body, two);
      await driver.put(key("k"), one);
      same((await driver.get(key("k")))?.body, one);
      await driver.write(key("k"), chunked(new Uint8Array(), 1));
      assert.equal((await driver.get(key("k")))?.size, 0);
    },
  },
  {
    name: "ranges: every edge",
    unless: (caps) => !caps.ranges && "ranges: false",
    async run({ driver, caps, key }) {
      const size = Math.min(2 * MiB + 77, caps.maxObject);
      const body = pattern(size);
      await driver.write(key("k"), chunked(body, 100_000));
      const edges = [
        0,
        1,
        63,
        64 * KiB - 1,
        64 * KiB,
        64 * KiB + 1,
        MiB - 1,
        MiB,
        MiB + 1,
        2 * MiB,
        size - 1,
        size,
      ];
      for (const start of edges.filter((edge) => edge < size))
        for (const end of [
          ...edges.filter((edge) => edge >= start),
          size + 1,
          10 * size,
          undefined,
        ]) {
          const opened = await driver.read(key("k"), {
            start,
            ...(end === undefined ? {} : { end }),
          });
          const to = Math.min(end ?? size, size);
          assert.deepEqual({ ...opened!.range }, { start, end: to });
          assert.equal(opened!.size, size, "size is that of the whole object");
          same(await collect(opened!.stream), body.slice(start, to), `${start} to ${end}`);
        }
      for (const start of [size, size + 1, 10 * size]) {
        await fails("RANGE", driver.read(key("k"), { start }));
        await fails("RANGE", driver.read(key("k"), { start, end: start + 1 }));
      }
      assert.equal(await driver.read(key("none"), { start: 5 }), undefined);
    },
  },
  {
    name: "a wrong SHA-512, too many and too few bytes are CORRUPT and leave what was there",
    async run({ driver, key, prefix }) {
      const body = pattern(200_000);
      const right = sha512(body);
      await driver.put(key("old"), bytes("old"));
      for (const it of [key("old"), key("new")]) {
        const write = (options: { size?: number; sha512?: Uint8Array }) =>
          fails("CORRUPT", driver.write(it, chunked(body, 9000), options), JSON.stringify(options));
        await write({ sha512: sha512(bytes("other")) });
        await write({ size: body.length - 1 });
        await write({ size: body.length + 1 });
        await write({ size: 0 });
        await write({ size: body.length - 1, sha512: right });
      }
      assert.equal(text((await driver.get(key("old")))?.body), "old");
      assert.equal(await driver.get(key("new")), undefined);
      if (driver.caps.list === "strong") assert.equal((await walk(driver, { prefix })).length, 1);
      await driver.write(key("new"), chunked(body), { size: body.length, sha512: right });
      same((await driver.get(key("new")))?.body, body);
    },
  },
  {
    name: "a source that throws, at any chunk: the same error comes out, and nothing is left",
    async run({ driver, key }) {
      await driver.put(key("old"), bytes("old"));
      for (const good of [0, 1, 2, 20])
        for (const it of [key("old"), key("new")]) {
          const failure = new Error(`source failed after ${good}`);
          const source = (async function* () {
            for (let n = 0; n < good; n++) yield pattern(100_000, n);
            throw failure;
          })();
          await assert.rejects(driver.write(it, source), (error) => error === failure);
        }
      assert.equal(text((await driver.get(key("old")))?.body), "old");
      assert.equal(await driver.head(key("new")), undefined);
    },
  },
  {
    name: "a source is pulled: one chunk at a time, to its end and no further",
    async run({ driver, key }) {
      let asked = 0;
      let waiting = 0;
      const source: AsyncIterable<Uint8Array> = {
        [Symbol.asyncIterator]: () => ({
          async next() {
            assert.equal(waiting++, 0, "asked again before it had answered");
            await until(1);
            waiting--;
            return ++asked > 20
              ? { done: true as const, value: undefined }
              : { done: false as const, value: pattern(50_000, asked) };
          },
        }),
      };
      const entry = await driver.write(key("k"), source);
      assert.equal(asked, 21);
      assert.equal(entry.size, 1_000_000);
    },
  },
  {
    name: "a source that is not wanted any more is released",
    async run({ driver, key }) {
      let released = false;
      const source = (async function* () {
        try {
          for (;;) yield pattern(10_000);
        } finally {
          released = true;
        }
      })();
      await fails("CORRUPT", driver.write(key("k"), source, { size: 100_000 }));
      await until(0);
      assert.equal(released, true);
      assert.equal(await driver.head(key("k")), undefined);
    },
  },
  {
    name: "nothing of a write is visible before its last byte",
    async run({ driver, key, second }) {
      const other = await second();
      const body = pattern(300_000);
      const gate = Promise.withResolvers<void>();
      const begun = Promise.withResolvers<void>();
      const source = (async function* () {
        yield body.slice(0, 200_000);
        begun.resolve();
        await gate.promise;
        yield body.slice(200_000);
      })();
      const writing = driver.write(key("k"), source);
      await begun.promise;
      for (const one of [driver, other]) {
        assert.equal(await one.head(key("k")), undefined);
        assert.equal(await one.read(key("k")), undefined);
        assert.equal((await one.list({ prefix: key("k") })).entries.length, 0);
      }
      gate.resolve();
      await writing;
      same((await driver.get(key("k")))?.body, body);
    },
  },
  {
    name: "slow readers get one version from first to last byte, whatever happens to the key",
    async run({ driver, caps, key }) {
      const old = pattern(Math.min(3 * MiB, caps.maxObject), 1);
      for (const change of ["put", "delete"] as const) {
        await driver.write(key("k"), chunked(old));
        const reader = (await driver.read(key("k")))!.stream.getReader();
        const parts: Uint8Array[] = [];
        try {
          const first = await reader.read();
          parts.push(first.value!);
          await (change === "put" ? driver.put(key("k"), bytes("new")) : driver.delete(key("k")));
          for (let next = await reader.read(); !next.done; next = await reader.read())
            parts.push(next.value);
          same(Buffer.concat(parts), old);
        } catch (error) {
          assert.match(String(storeCode(error)), /^(?:CHANGED|CORRUPT)$/, String(error));
        }
      }
    },
  },
  {
    name: "streams that are cancelled early, or never read, can be many and hold nothing up",
    async run({ driver, caps, key }) {
      const body = pattern(Math.min(2 * MiB, caps.maxObject));
      await driver.write(key("k"), chunked(body));
      for (let n = 0; n < 60; n++) {
        const { stream } = (await driver.read(key("k"), { start: n }))!;
        if (n % 3 === 0) await stream.cancel();
        else {
          const reader = stream.getReader();
          const { value } = await reader.read();
          assert.ok(value!.byteLength > 0);
          assert.equal(value![0], body[n]);
          await reader.cancel();
        }
      }
      await driver.put(key("k"), bytes("new"));
      await driver.delete(key("k"));
      const started = Date.now();
      await driver.close();
      assert.ok(Date.now() - started < 4500, "close() waited for streams that were cancelled");
    },
  },
  {
    name: "many streams in and out at once do not mix",
    async run({ driver, key }) {
      const all = Array.from({ length: 12 }, (_, n) => n);
      await Promise.all(
        all.map((n) => driver.write(key(`k${n}`), chunked(pattern(250_000, n), 10_000 + n))),
      );
      await Promise.all(
        all.map(async (n) => {
          const opened = await driver.read(key(`k${n}`));
          same(await collect(opened!.stream), pattern(250_000, n));
        }),
      );
    },
  },
];
