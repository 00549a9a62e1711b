import assert from "node:assert/strict";
import type { Driver, Key } from "../../driver/driver.ts";
import { bytes, chunked, fails, text, until, type Case } from "../harness.ts";

const none = (caps: { ttl: string }) => caps.ttl === "none" && "ttl: none";

/** Waits until `key` is gone; never too early, and at most a second late by the store's clock (and one for ours). */
async function gone(driver: Driver, key: Key, expires: number): Promise<void> {
  for (;;) {
    const asked = Date.now();
    const there = await driver.head(key);
    if (!there) return assert.ok(Date.now() >= expires - 1000, "gone too early");
    assert.ok(asked < expires + 2000, "still there two seconds after it expired");
    await until(20);
  }
}

/** Expiry, by the driver's clock. */
export const ttl: readonly Case[] = [
  {
    name: "a store without expiry refuses it",
    unless: (caps) => caps.ttl !== "none" && `ttl: ${caps.ttl}`,
    async run({ driver, key }) {
      const expires = Date.now() + 60_000;
      await fails("UNSUPPORTED", driver.put(key("k"), bytes("x"), { expires }));
      await fails("UNSUPPORTED", driver.write(key("k"), chunked(bytes("x")), { expires }));
      assert.equal(await driver.head(key("k")), undefined);
    },
  },
  {
    name: "there until it expires, then absent for get, head, read and conditions",
    unless: none,
    async run({ driver, key }) {
      const expires = Date.now() + 700;
      const put = await driver.put(key("p"), bytes("x"), { expires });
      const write = await driver.write(key("w"), chunked(bytes("x")), { expires });
      assert.equal(put.expires, expires);
      for (const [name, entry] of [
        ["p", put],
        ["w", write],
      ] as const) {
        const head = await driver.head(key(name));
        if (Date.now() < expires - 300) assert.equal(head?.expires, expires, "travels unchanged");
        await gone(driver, key(name), expires);
        assert.equal(await driver.get(key(name)), undefined);
        assert.equal(await driver.read(key(name)), undefined);
        if (driver.caps.cas !== "full") continue;
        await fails("CONFLICT", driver.put(key(name), bytes("y"), { ifMatch: entry.etag }));
        await driver.put(key(name), bytes("y"), { ifAbsent: true });
        const item = await driver.get(key(name));
        assert.equal(text(item?.body), "y");
        assert.equal(item?.expires, undefined, "an older version's expiry stuck");
      }
    },
  },
  {
    name: "an expiry in the past: written, and absent at once",
    unless: none,
    async run({ driver, key }) {
      await driver.put(key("k"), bytes("old"));
      await driver.put(key("k"), bytes("new"), { expires: 1 });
      assert.equal(await driver.get(key("k")), undefined);
      if (driver.caps.cas !== "none") await driver.put(key("k"), bytes("x"), { ifAbsent: true });
    },
  },
  {
    name: "each version brings its own expiry, or none",
    unless: none,
    async run({ driver, key }) {
      await driver.put(key("k"), bytes("1"), { expires: Date.now() + 400 });
      await driver.put(key("k"), bytes("2"));
      await driver.put(key("l"), bytes("1"));
      const soon = Date.now() + 400;
      await driver.put(key("l"), bytes("2"), { expires: soon });
      await gone(driver, key("l"), soon);
      await until(200);
      assert.equal(text((await driver.get(key("k")))?.body), "2");
      const far = Date.now() + 100 * 365 * 86_400_000;
      await driver.put(key("k"), bytes("3"), { expires: far });
      assert.equal((await driver.get(key("k")))?.expires, far);
    },
  },
  {
    name: "sweep removes what has expired and nothing else",
    unless: none,
    async run({ driver, key }) {
      const soon = Date.now() + 300;
      for (let n = 0; n < 5; n++) await driver.put(key(`soon${n}`), bytes("x"), { expires: soon });
      await driver.put(key("later"), bytes("x"), { expires: Date.now() + 3_600_000 });
      await driver.put(key("never"), bytes("x"));
      await gone(driver, key("soon4"), soon);
      await driver.sweep?.();
      await driver.sweep?.({ olderThanMs: 0 });
      assert.equal(text((await driver.get(key("later")))?.body), "x");
      assert.equal(text((await driver.get(key("never")))?.body), "x");
      for (let n = 0; n < 5; n++) assert.equal(await driver.head(key(`soon${n}`)), undefined);
    },
  },
];
