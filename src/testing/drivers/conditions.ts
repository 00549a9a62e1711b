import assert from "node:assert/strict";
import type { Capabilities, Condition, Driver, ETag, Key } from "../../driver/driver.ts";
import { storeCode } from "../../driver/error.ts";
import { bytes, chunked, fails, text, until, type Case } from "../harness.ts";

type State = "never there" | "there" | "deleted" | "expired";
type Asked = "nothing" | "ifAbsent" | "ifMatch with its last etag" | "ifMatch with another";

const states: readonly State[] = ["never there", "there", "deleted", "expired"];
const asks: readonly Asked[] = [
  "nothing",
  "ifAbsent",
  "ifMatch with its last etag",
  "ifMatch with another",
];

const holds = (state: State, asked: Asked): boolean =>
  asked === "nothing" ||
  (state === "there" ? asked === "ifMatch with its last etag" : asked === "ifAbsent");

const kept = (caps: Capabilities, asked: Asked): boolean =>
  asked === "nothing" ||
  (asked === "ifAbsent" ? caps.cas !== "none" : caps.cas === "full" || caps.cas === "process");

/** Brings `key` into a state; its last etag, or some etag when it never had one. */
async function bring(driver: Driver, key: Key, state: State): Promise<ETag> {
  if (state === "never there") return (await driver.put(`${key}.other`, bytes("other"))).etag;
  const expires = Date.now() + 200;
  const { etag } = await driver.put(key, bytes("old"), state === "expired" ? { expires } : {});
  if (state === "deleted") await driver.delete(key);
  if (state === "expired")
    while (await driver.head(key)) {
      assert.ok(Date.now() < expires + 5000, "does not expire");
      await until(50);
    }
  return etag;
}

const matrix: readonly Case[] = states.flatMap((state) =>
  asks.map((asked): Case => ({
    name: `a key ${state}, put asks for ${asked}`,
    unless: (caps) => state === "expired" && caps.ttl === "none" && "ttl: none",
    async run({ driver, caps, key }) {
      const it = key("k");
      const last = await bring(driver, it, state);
      const other = (await driver.put(key("z"), bytes("z"))).etag;
      const condition: Condition =
        asked === "nothing"
          ? {}
          : asked === "ifAbsent"
            ? { ifAbsent: true }
            : { ifMatch: asked === "ifMatch with another" ? other : last };
      const work = driver.put(it, bytes("new"), condition);
      if (!kept(caps, asked)) {
        await fails("UNSUPPORTED", work);
      } else if (holds(state, asked)) {
        const entry = await work;
        const item = await driver.get(it);
        assert.equal(text(item?.body), "new");
        assert.equal(item?.etag, entry.etag);
        assert.notEqual(entry.etag, last);
        return;
      } else {
        const error = await fails("CONFLICT", work);
        assert.equal(error.key, it);
        if (error.current !== undefined)
          assert.equal(error.current, state === "there" ? last : undefined);
      }
      assert.equal(text((await driver.get(it))?.body), state === "there" ? "old" : undefined);
    },
  })),
);

const cannot = (caps: Capabilities) =>
  caps.cas !== "full" && caps.cas !== "process" && `cas: ${caps.cas}`;

/**
 * Adds its own id to a list by compare-and-set until it worked. Where the answer was UNKNOWN the id tells whether it was
 * done; a CONFLICT has to be one.
 */
async function count(driver: Driver, key: Key, id: string): Promise<void> {
  let unsure = false;
  for (let tries = 0; tries < 1000; tries++) {
    const item = await driver.get(key);
    const ids = idsOf(item?.body);
    if (ids.includes(id)) {
      assert.ok(unsure, "CONFLICT, and yet it was written");
      return;
    }
    try {
      const next = bytes([...ids, id].join(" "));
      await driver.put(key, next, item ? { ifMatch: item.etag } : { ifAbsent: true });
      return;
    } catch (error) {
      if (storeCode(error) === "UNKNOWN") unsure = true;
      else if (storeCode(error) !== "CONFLICT") throw error;
      await until(Math.random() * 5);
    }
  }
  assert.fail("no turn in 1000 tries");
}
const idsOf = (body: Uint8Array | undefined): string[] => text(body)?.split(" ") ?? [];

/** Conditions: kept or refused, never ignored; and the etags that they stand on. */
export const conditions: readonly Case[] = [
  ...matrix,
  {
    name: "both conditions at once are INVALID",
    async run({ driver, key }) {
      const { etag } = await driver.put(key("k"), bytes("old"));
      const both = { ifMatch: etag, ifAbsent: true } as unknown as Condition;
      await fails("INVALID", driver.put(key("k"), bytes("new"), both));
      assert.equal(text((await driver.get(key("k")))?.body), "old");
    },
  },
  {
    name: "delete: an absent key is fine, ifMatch is kept or refused",
    async run({ driver, caps, key }) {
      await driver.delete(key("k"));
      const old = await driver.put(key("k"), bytes("1"));
      const now = await driver.put(key("k"), bytes("2"));
      const stale = driver.delete(key("k"), { ifMatch: old.etag });
      await fails(caps.casDelete ? "CONFLICT" : "UNSUPPORTED", stale);
      assert.equal(text((await driver.get(key("k")))?.body), "2");
      const right = driver.delete(key("k"), { ifMatch: now.etag });
      if (!caps.casDelete) return void (await fails("UNSUPPORTED", right));
      await right;
      assert.equal(await driver.get(key("k")), undefined);
      await fails("CONFLICT", driver.delete(key("k"), { ifMatch: now.etag }));
    },
  },
  {
    name: "an etag is short ASCII, the same from put, get, head and read, and new with new bytes",
    async run({ driver, key }) {
      const seen = new Set<ETag>();
      for (let n = 0; n < 20; n++) {
        const { etag } = await driver.put(key("k"), bytes(`version ${n}`));
        assert.match(etag, /^[!-~]{1,128}$/);
        assert.equal((await driver.get(key("k")))?.etag, etag);
        assert.equal((await driver.head(key("k")))?.etag, etag);
        const opened = await driver.read(key("k"));
        await opened?.stream.cancel();
        assert.equal(opened?.etag, etag);
        seen.add(etag);
      }
      assert.equal(seen.size, 20);
    },
  },
  {
    name: "etags are unique, or follow the content",
    async run({ driver, caps, key }) {
      const first = await driver.put(key("k"), bytes("same"));
      const second = await driver.put(key("k"), bytes("same"));
      await driver.delete(key("k"));
      const third = await driver.put(key("k"), bytes("same"));
      const distinct = new Set([first.etag, second.etag, third.etag]).size;
      assert.equal(distinct, caps.etags === "unique" ? 3 : 1);
    },
  },
  {
    name: "write with ifAbsent",
    async run({ driver, caps, key }) {
      const write = (body: string) =>
        driver.write(key("k"), chunked(bytes(body)), { ifAbsent: true });
      if (caps.cas === "none") return void (await fails("UNSUPPORTED", write("first")));
      const { etag } = await write("first");
      const error = await fails("CONFLICT", write("second"));
      if (error.current !== undefined) assert.equal(error.current, etag);
      assert.equal(text((await driver.get(key("k")))?.body), "first");
      await driver.delete(key("k"));
      await write("third");
      assert.equal(text((await driver.get(key("k")))?.body), "third");
    },
  },
  {
    name: "of many who create, one wins and the others hear CONFLICT, or UNKNOWN",
    unless: (caps) => caps.cas === "none" && "cas: none",
    async run({ driver, key, second }) {
      const other = await second();
      for (let round = 0; round < 5; round++) {
        const it = key(`k${round}`);
        const results = await Promise.allSettled(
          Array.from({ length: 12 }, (_, n) =>
            (n % 2 ? driver : other).put(it, bytes(`writer ${n}`), { ifAbsent: true }),
          ),
        );
        const answers = results.map((result) =>
          result.status === "fulfilled" ? "won" : storeCode(result.reason),
        );
        const winner = Number(/^writer (\d+)$/.exec(text((await other.get(it))?.body) ?? "")?.[1]);
        answers.forEach((answer, n) => {
          // who does not know may have been the one
          const right = n === winner ? ["won", "UNKNOWN"] : ["CONFLICT", "UNKNOWN"];
          assert.ok(right.includes(answer ?? ""), `round ${round}: ${answers.join(", ")}; ${winner} is there`); // prettier-ignore
        });
      }
    },
  },
  {
    name: "of many who write with ifAbsent, one wins",
    unless: (caps) => (caps.cas === "none" || !caps.casWrite) && "casWrite: false",
    async run({ driver, key, second }) {
      const other = await second();
      const results = await Promise.allSettled(
        Array.from({ length: 8 }, (_, n) =>
          (n % 2 ? driver : other).write(key("k"), chunked(bytes(`writer ${n}`), 3), {
            ifAbsent: true,
          }),
        ),
      );
      const won = results.flatMap((result, n) => (result.status === "fulfilled" ? [n] : []));
      assert.equal(won.length, 1);
      assert.equal(text((await driver.get(key("k")))?.body), `writer ${won[0]}`);
    },
  },
  {
    name: "no increment is lost or counted twice, over two instances",
    unless: cannot,
    async run({ driver, caps, key, second }) {
      const other = caps.cas === "full" ? await second() : driver;
      const workers = Array.from({ length: 6 }, async (_, n) => {
        for (let turn = 0; turn < 10; turn++)
          await count(n % 2 ? driver : other, key("k"), `${n}.${turn}`);
      });
      await Promise.all(workers);
      const ids = idsOf((await driver.get(key("k")))?.body);
      assert.equal(ids.length, 60);
      assert.equal(new Set(ids).size, 60);
    },
  },
];
