import assert from "node:assert/strict";
import type { Key } from "../../driver/driver.ts";
import { ascending, bytes, each, keysOf, walk, type Case } from "../harness.ts";

const eventual = (caps: { list: string }) => caps.list !== "strong" && `list: ${caps.list}`;
const names = [
  "a",
  "a!",
  "a+",
  "a-b",
  "a.b",
  "a/b",
  "a/b/c",
  "a0",
  "ab",
  "b",
  "B",
  "Ab/x",
  "~",
  "%41",
  "@s%2Fp",
  "_",
];

/** Lists: byte order, pages, and exactly-once for what stays. */
export const lists: readonly Case[] = [
  {
    name: "an empty store, an unknown prefix",
    async run({ driver }) {
      for (const prefix of ["", "nothing/here", "z"])
        assert.deepEqual({ ...(await driver.list({ prefix })) }, { entries: [] });
    },
  },
  {
    name: "ascending byte order, in pages of every size, and entries like head's",
    unless: eventual,
    async run({ driver, key, prefix }) {
      const all = ascending(names.map(key));
      await each(all, (one) => driver.put(one, bytes(one)));
      for (const limit of [1, 2, 3, names.length - 1, names.length, names.length + 1, 1000])
        assert.deepEqual(keysOf(await walk(driver, { prefix, limit })), all, `limit ${limit}`);
      for (const entry of await walk(driver, { prefix })) {
        const head = await driver.head(entry.key);
        assert.equal(entry.size, head?.size);
        if (entry.etag !== undefined) assert.equal(entry.etag, head?.etag);
        if (entry.expires !== undefined) assert.equal(entry.expires, head?.expires);
        assert.ok(Number.isFinite(entry.modified));
      }
    },
  },
  {
    name: "a prefix is a prefix of the text, not a folder",
    unless: eventual,
    async run({ driver, key }) {
      const all = names.map(key);
      await each(all, (one) => driver.put(one, bytes("x")));
      for (const part of [
        "",
        "a",
        "a/",
        "a/b",
        "a/b/",
        "a/b/c",
        "A",
        "a-",
        "%",
        "@s%2",
        "zz",
        "a/b/c/d",
        "a//",
      ]) {
        const prefix = key(part);
        const wanted = ascending(all.filter((one) => one.startsWith(prefix)));
        assert.deepEqual(keysOf(await walk(driver, { prefix })), wanted, `prefix ${prefix}`);
        assert.deepEqual(keysOf(await walk(driver, { prefix, limit: 1 })), wanted);
      }
    },
  },
  {
    name: "after is exclusive and need not exist",
    unless: eventual,
    async run({ driver, key, prefix }) {
      const all = ascending(names.map(key));
      await each(all, (one) => driver.put(one, bytes("x")));
      for (const part of [...names, "A", "a*", "a/a", "a/b/b", "a/bb", "zzz", "!"]) {
        const after = key(part);
        const { entries } = await driver.list({ prefix, after });
        assert.deepEqual(
          keysOf(entries),
          all.filter((one) => one > after),
          `after ${after}`,
        );
      }
      const before = await driver.list({ prefix, after: "!" });
      assert.deepEqual(keysOf(before.entries), all, "after a key before the prefix");
      const beyond = await driver.list({ prefix: key("a"), after: key("b") });
      assert.deepEqual(keysOf(beyond.entries), [], "after a key behind the prefix");
    },
  },
  {
    name: "more than a thousand keys come in pages of at most a thousand",
    unless: eventual,
    async run({ driver, key, prefix }) {
      const all = Array.from({ length: 1003 }, (_, n) =>
        key(`${n % 7}/${String(n).padStart(5, "0")}`),
      );
      await each(all, (one) => driver.put(one, bytes("x")));
      const first = await driver.list({ prefix });
      assert.equal(first.entries.length, 1000);
      assert.ok(first.next);
      assert.deepEqual(keysOf(await walk(driver, { prefix })), ascending(all));
    },
  },
  {
    name: "a strong list shows every acknowledged write and no deleted key",
    unless: eventual,
    async run({ driver, key, prefix, second }) {
      const other = await second();
      const there = new Set<Key>();
      for (let n = 0; n < 12; n++) {
        await driver.put(key(`k${n}`), bytes("x"));
        there.add(key(`k${n}`));
        if (n % 3 === 2) {
          await other.delete(key(`k${n - 1}`));
          there.delete(key(`k${n - 1}`));
        }
        for (const one of [driver, other])
          assert.deepEqual(keysOf(await walk(one, { prefix })), ascending([...there]));
      }
    },
  },
  {
    name: "pages during changes: what stays is listed exactly once, nothing is listed twice",
    unless: eventual,
    async run({ driver, key, prefix }) {
      const stays = Array.from({ length: 24 }, (_, n) => key(`${"acegikmo"[n % 8]}/${n}-stays`));
      const goes = Array.from({ length: 24 }, (_, n) => key(`${"acegikmo"[n % 8]}/${n}-goes`));
      await each([...stays, ...goes], (one) => driver.put(one, bytes("1")));
      const seen: Key[] = [];
      let after: Key | undefined;
      for (let n = 0; ; n++) {
        const page = await driver.list({
          prefix,
          limit: 3,
          ...(after === undefined ? {} : { after }),
        });
        seen.push(...keysOf(page.entries));
        if (page.next === undefined) break;
        after = page.next;
        assert.ok(n < 200, "the walk does not end");
        await driver.delete(goes[(n * 7) % goes.length]!);
        await driver.delete(after); // the cursor itself may be gone when the next page is asked for
        if (stays.includes(after)) await driver.put(after, bytes("again"));
        await driver.put(key(`${"bdfhjlnp"[n % 8]}/${n % 16}-new`), bytes("x"));
        await driver.put(stays[n % stays.length]!, bytes(`change ${n}`));
      }
      assert.deepEqual(seen, ascending(seen), "not ascending");
      assert.equal(new Set(seen).size, seen.length, "listed twice");
      for (const one of stays) assert.ok(seen.includes(one), `${one} is missing`);
    },
  },
];
