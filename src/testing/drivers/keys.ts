import assert from "node:assert/strict";
import type { Key } from "../../driver/driver.ts";
import {
  ascending,
  bytes,
  chunked,
  each,
  fails,
  keysOf,
  text,
  walk,
  type Case,
} from "../harness.ts";

const good = [
  "a", "0", "_", "~", "@", "!", "$", "&", "'", "(", ")", "*", "+", ",", ";", "=", "%", "-",
  "...", ".a", "a.", "..a", "a..", "a...b", "-.-",
  "@scope%2Fname", "%2e%2e", "%2E%2E", "%00", "a%2Fb", "a/b", "a", "a.b", "a-b", "a0", "a+/b", "a+",
  "Key", "key", "KEY", "kEy/x", "key/X", "key/x",
  "con", "CON", "nul", "aux.txt", "com1", "lpt9.tar.gz", "prn/con", "x/aux", "a~1", "~a~b",
  "a/b/c", "a/b/c/d/e/f/g/h/i/j", "1/2/3", "index.lock", "tmp", "0000000000000001", "x/0000000000000001",
].filter((key, at, all) => all.indexOf(key) === at); // prettier-ignore

const bad = [
  "", "/", "/a", "a/", "a//b", ".", "..", "./a", "../a", "a/.", "a/..", "a/../b", "a/./b",
  " ", "a b", "a\n", "\na", "a\0b", "a\tb", "ä", "a/ü", "😀", "a\\b", "a?b", "a:b", "a#b", 'a"b', "a<b", "a>b", "a|b",
  "a[b", "a]b", "a{b", "a}b", "a^b", "a`b", "\u007f", "a/\u202e/b", "a".repeat(513), `${"a/".repeat(256)}b`,
]; // prettier-ignore

/** Keys and encoding: every key of the grammar is a place of its own, and nothing else is a key. */
export const keys: readonly Case[] = [
  {
    name: "every key of the grammar is a place of its own",
    async run({ driver, key, prefix }) {
      const all = good.map(key);
      await each(all, (one) => driver.put(one, bytes(one)));
      await each(all, async (one) => {
        const item = await driver.get(one);
        assert.equal(text(item?.body), one);
        assert.equal(item?.key, one);
        assert.equal((await driver.head(one))?.key, one);
      });
      if (driver.caps.list === "strong")
        assert.deepEqual(keysOf(await walk(driver, { prefix })), ascending(all));
      await each(all, (one) => driver.delete(one));
      for (const one of all) assert.equal(await driver.head(one), undefined, one);
    },
  },
  {
    name: "keys of 512 bytes, as one segment, as many, and pairs that differ in the last byte only",
    async run({ driver, prefix, room }) {
      const fill = (segment: string, last: string): Key =>
        prefix + segment.repeat(512).slice(0, room - prefix.length - 1) + last;
      const all = [
        fill("x", "1"),
        fill("x", "2"),
        fill("X", "1"),
        fill("%2F", "1"),
        fill(`${"y".repeat(15)}/`, "1"),
        fill(`${"y".repeat(15)}/`, "2"),
        fill(`${"z".repeat(180)}/`, "1"),
        fill(`${"z".repeat(181)}/`, "1"),
      ];
      await each(all, (one) => driver.put(one, bytes(one)));
      for (const one of all) {
        assert.equal(one.length, room);
        assert.equal(text((await driver.get(one))?.body), one);
      }
      if (driver.caps.list === "strong")
        assert.deepEqual(keysOf(await walk(driver, { prefix })), ascending(all));
    },
  },
  {
    name: "what is no key is INVALID, for every operation",
    async run({ driver }) {
      for (const key of bad) {
        const what = JSON.stringify(key.slice(0, 20));
        await fails("INVALID", driver.get(key), `get ${what}`);
        await fails("INVALID", driver.head(key), `head ${what}`);
        await fails("INVALID", driver.put(key, bytes("x")), `put ${what}`);
        await fails("INVALID", driver.delete(key), `delete ${what}`);
        await fails("INVALID", driver.read(key), `read ${what}`);
        await fails("INVALID", driver.write(key, chunked(bytes("x"))), `write ${what}`);
      }
    },
  },
  {
    name: "a key and the keys below it do not touch each other",
    async run({ driver, key }) {
      await driver.put(key("a/b"), bytes("below"));
      assert.equal(await driver.get(key("a")), undefined);
      await driver.put(key("a"), bytes("above"));
      assert.equal(text((await driver.get(key("a/b")))?.body), "below");
      await driver.put(key("a/b/c"), bytes("deep"));
      await driver.delete(key("a/b"));
      assert.equal(text((await driver.get(key("a")))?.body), "above");
      assert.equal(text((await driver.get(key("a/b/c")))?.body), "deep");
      await driver.delete(key("a"));
      assert.equal(text((await driver.get(key("a/b/c")))?.body), "deep");
    },
  },
  {
    name: "meta comes back as it went in, up to 2 KiB of printable ASCII",
    async run({ driver, key, meta: room }) {
      const most = room - "most".length;
      const meta = {
        a: "",
        "content-type": "text/plain; charset=utf-8",
        odd: "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
      };
      const put = await driver.put(key("m"), bytes("x"), { meta });
      assert.deepEqual({ ...put.meta }, meta);
      assert.deepEqual({ ...(await driver.head(key("m")))?.meta }, meta);
      assert.deepEqual({ ...(await driver.get(key("m")))?.meta }, meta);
      await driver.write(key("w"), chunked(bytes("x")), { meta });
      const opened = await driver.read(key("w"));
      await opened?.stream.cancel();
      assert.deepEqual({ ...opened?.meta }, meta);

      await driver.put(key("m"), bytes("x"), { meta: { most: "v".repeat(most) } });
      assert.equal((await driver.head(key("m")))?.meta?.["most"]?.length, most);
      await driver.put(key("m"), bytes("y"));
      assert.deepEqual({ ...(await driver.head(key("m")))?.meta }, {}, "meta of an older version");

      const bads: Record<string, string>[] = [
        { most: "v".repeat(most + 1) },
        { name: "ä" },
        { name: "a\nb" },
        { name: " a" },
        { "no space": "x" },
        { UPPER: "x" },
      ];
      for (const wrong of bads) {
        await fails("INVALID", driver.put(key("bad"), bytes("x"), { meta: wrong }));
        await fails("INVALID", driver.write(key("bad"), chunked(bytes("x")), { meta: wrong }));
      }
      assert.equal(await driver.head(key("bad")), undefined);
    },
  },
];
