import assert from "node:assert/strict";
import { collect, pattern, same, type Case } from "../harness.ts";

/** Values in and out are copied: nobody sees later changes of a buffer. */
export const buffers: readonly Case[] = [
  {
    name: "a body changed after put, or while it runs",
    async run({ driver, key }) {
      for (const size of [10, 5000, 100_000]) {
        const body = pattern(size);
        const work = driver.put(key("k"), body);
        const wanted = pattern(size);
        await work;
        body.fill(0);
        same((await driver.get(key("k")))?.body, wanted);
      }
    },
  },
  {
    name: "a body that is a window into a larger buffer, and one that is a Buffer",
    async run({ driver, key }) {
      const large = pattern(10_000);
      await driver.put(key("k"), large.subarray(3000, 4000));
      same((await driver.get(key("k")))?.body, large.slice(3000, 4000));
      await driver.put(key("l"), Buffer.from("from the pool"));
      const got = (await driver.get(key("l")))!.body;
      assert.equal(Buffer.from(got).toString(), "from the pool");
      await driver.write(
        key("w"),
        (async function* () {
          yield large.subarray(1, 5);
          yield large.subarray(5, 9999);
        })(),
      );
      same((await driver.get(key("w")))?.body, large.slice(1, 9999));
    },
  },
  {
    name: "a body changed after get, a chunk changed after read",
    async run({ driver, key }) {
      const body = pattern(150_000);
      await driver.put(key("k"), body);
      (await driver.get(key("k")))!.body.fill(0);
      for await (const chunk of (await driver.read(key("k")))!.stream) chunk.fill(0);
      same((await driver.get(key("k")))?.body, body);
      same(await collect((await driver.read(key("k")))!.stream), body);
    },
  },
  {
    name: "a source that fills one buffer again and again",
    async run({ driver, key }) {
      const wanted: Uint8Array[] = [];
      const source = (async function* () {
        const buffer = new Uint8Array(70_000);
        for (let n = 0; n < 9; n++) {
          const part = buffer.subarray(0, 70_000 - n * 7000);
          part.set(pattern(part.length, n));
          wanted.push(part.slice());
          yield part;
          buffer.fill(255);
        }
      })();
      await driver.write(key("k"), source);
      same((await driver.get(key("k")))?.body, Buffer.concat(wanted));
    },
  },
  {
    name: "meta changed after put and after head",
    async run({ driver, key }) {
      const meta: Record<string, string> = { a: "1" };
      await driver.put(key("k"), pattern(3), { meta });
      meta["a"] = "2";
      const got = (await driver.head(key("k")))!.meta as Record<string, string>;
      assert.deepEqual({ ...got }, { a: "1" });
      try {
        got["a"] = "3";
      } catch {
        // frozen is fine
      }
      assert.deepEqual({ ...(await driver.head(key("k")))!.meta }, { a: "1" });
    },
  },
];
