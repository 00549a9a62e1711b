import assert from "node:assert/strict";
import { storeCode } from "../../driver/error.ts";
import { bytes, chunked, fails, pattern, same, text, type Case } from "../harness.ts";

/** Open, close, health, and what an acknowledged write survives. */
export const lifecycle: readonly Case[] = [
  {
    name: "api is 1, and the capabilities are all there",
    async run({ driver, caps }) {
      assert.equal(driver.api, 1);
      assert.match(driver.name, /^[\w.:() ,+-]{1,100}$/);
      assert.match(caps.cas, /^(?:full|create|process|none)$/);
      assert.match(caps.etags, /^(?:unique|content)$/);
      assert.match(caps.durable, /^(?:nothing|process|power|node)$/);
      assert.match(caps.shared, /^(?:process|host|network)$/);
      assert.match(caps.ttl, /^(?:native|lazy|none)$/);
      assert.match(caps.list, /^(?:strong|eventual)$/);
      assert.match(caps.watch, /^(?:push|poll|none)$/);
      for (const flag of [caps.casDelete, caps.casWrite, caps.ranges])
        assert.equal(typeof flag, "boolean");
      for (const size of [caps.maxItem, caps.maxObject]) assert.ok(size > 0 && size <= 2 ** 53);
      assert.equal(typeof driver.watch, caps.watch === "none" ? "undefined" : "function");
      if (caps.ttl === "lazy") assert.equal(typeof driver.sweep, "function");
    },
  },
  {
    name: "open is idempotent; close too; open again after close",
    async run({ driver, key }) {
      await Promise.all([driver.open(), driver.open()]);
      await driver.put(key("k"), bytes("x"));
      await driver.close();
      await Promise.all([driver.close(), driver.close()]);
      await Promise.all([driver.open(), driver.open()]);
      await driver.put(key("l"), bytes("y"));
      assert.equal(text((await driver.get(key("l")))?.body), "y");
      if (driver.caps.durable !== "nothing")
        assert.equal(text((await driver.get(key("k")))?.body), "x");
    },
  },
  {
    name: "after close everything is CLOSED, and another instance goes on",
    async run({ driver, key, second }) {
      const other = await second();
      await driver.put(key("k"), bytes("x"));
      await driver.close();
      await fails("CLOSED", driver.get(key("k")), "get");
      await fails("CLOSED", driver.head(key("k")), "head");
      await fails("CLOSED", driver.put(key("k"), bytes("y")), "put");
      await fails("CLOSED", driver.delete(key("k")), "delete");
      await fails("CLOSED", driver.list(), "list");
      await fails("CLOSED", driver.read(key("k")), "read");
      await fails("CLOSED", driver.write(key("k"), chunked(bytes("y"))), "write");
      assert.equal(text((await other.get(key("k")))?.body), "x");
    },
  },
  {
    name: "close waits for a running write, which is then there",
    async run({ driver, caps, key, second }) {
      const other = await second();
      const gate = Promise.withResolvers<void>();
      const begun = Promise.withResolvers<void>();
      const source = (async function* () {
        yield pattern(1000, 1);
        begun.resolve();
        await gate.promise;
        yield pattern(1000, 2);
      })();
      const writing = driver.write(key("k"), source);
      await begun.promise;
      let closed = false;
      const closing = driver.close().then(() => (closed = true));
      await fails("CLOSED", driver.put(key("l"), bytes("x")), "put while closing");
      assert.equal(closed, false);
      gate.resolve();
      assert.equal((await writing).size, 2000);
      await closing;
      if (caps.list === "strong") assert.equal((await other.head(key("k")))?.size, 2000);
    },
  },
  {
    name: "close gives up after five seconds: what still runs is ABORTED, open streams fail",
    async run({ driver, key, second }) {
      const other = await second();
      await driver.write(key("r"), chunked(pattern(500_000)));
      const reader = (await driver.read(key("r")))!.stream.getReader();
      await reader.read();
      const never = (async function* () {
        yield pattern(1000);
        await new Promise(() => {});
      })();
      const writing = fails(["ABORTED", "UNKNOWN"], driver.write(key("w"), never), "write");
      await driver.close();
      await writing;
      const rest = (async () => {
        while (!(await reader.read()).done);
      })();
      await rest.then(
        () => assert.fail("a stream went on after close()"),
        (error: unknown) => assert.match(String(storeCode(error)), /^(?:ABORTED|CLOSED)$/),
      );
      assert.equal(await other.head(key("w")), undefined);
    },
  },
  {
    name: "health never throws and writes nothing: ok while open, not ok when closed",
    async run({ driver, prefix }) {
      const health = await driver.health();
      assert.equal(health.ok, true);
      assert.ok(health.latencyMs >= 0);
      assert.equal(typeof health.detail, "object");
      assert.ok(health.bytes === undefined || health.bytes > 0);
      assert.deepEqual((await driver.list({ prefix })).entries, []);
      await driver.health({ signal: AbortSignal.abort() });
      await driver.close();
      assert.equal((await driver.health()).ok, false);
    },
  },
  {
    name: "an acknowledged write is there for every other instance at once",
    async run({ driver, key, second }) {
      const other = await second();
      for (let n = 0; n < 20; n++) {
        const [writer, reader] = n % 2 ? [driver, other] : [other, driver];
        const { etag } = await writer.put(key("k"), bytes(`${n}`));
        assert.equal((await reader.head(key("k")))?.etag, etag);
        assert.equal(text((await reader.get(key("k")))?.body), `${n}`);
      }
    },
  },
  {
    name: "what was acknowledged before a crash is there after it, whole; the rest is absent or whole",
    unless: (caps) => caps.durable === "nothing" && "durable: nothing",
    async run({ driver, key, second, crash, skip }) {
      if (!crash) return skip("the harness has no crash()");
      for (let n = 0; n < 10; n++) await driver.put(key(`k${n}`), pattern(1000 + n, n));
      await driver.write(key("w"), chunked(pattern(300_000)), { size: 300_000 });
      const begun = Promise.withResolvers<void>();
      const unfinished = (async function* () {
        yield pattern(100_000);
        begun.resolve();
        await new Promise(() => {});
      })();
      driver.write(key("half"), unfinished).catch(() => {});
      await begun.promise;
      await crash();
      const other = await second();
      for (let n = 0; n < 10; n++)
        same((await other.get(key(`k${n}`)))?.body, pattern(1000 + n, n));
      same((await other.get(key("w")))?.body, pattern(300_000));
      assert.equal(await other.head(key("half")), undefined);
      await other.sweep?.({ olderThanMs: 0 });
      same((await other.get(key("w")))?.body, pattern(300_000));
    },
  },
];
