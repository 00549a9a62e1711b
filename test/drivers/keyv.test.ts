import { pathToFileURL } from "node:url";
import { keyvStore } from "@citadel/core/cache";
import { split, type Driver } from "@citadel/core/driver";
import {
  keyvApiTests,
  keyvIteratorTests,
  keyvNamespaceTest,
  keyvValueTests,
} from "@keyv/test-suite";
import fileDriver from "@citadel/driver-file";
import memoryDriver from "@citadel/driver-memory";
import redisDriver from "@citadel/driver-redis";
import sqliteDriver from "@citadel/driver-sqlite";
import { Keyv } from "keyv";
import Keyv5 from "keyv5";
import * as vitest from "vitest";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startRedis } from "../servers/redis.ts";
import { tempFolder } from "../support/temp.ts";

const folder = await tempFolder("keyv");
const redis = await startRedis();
afterAll(async () => {
  await redis?.stop();
  await folder.remove();
});
const at = (scheme: string, name: string) =>
  new URL(pathToFileURL(`${folder.path}/${name}`).href.replace(/^file/, scheme));

const drivers: Record<string, () => Driver> = {
  memory: () => memoryDriver(new URL("memory:")),
  sqlite: () => sqliteDriver(at("sqlite", "store.db")),
  file: () => fileDriver(at("file", "store")),
  split: () =>
    split({
      docs: memoryDriver(new URL("memory:")),
      blobs: memoryDriver(new URL("memory:")),
      small: 1,
    }),
  ...(redis && { redis: () => redisDriver(new URL(redis.store())) }),
};

describe.each(Object.entries(drivers))("A10: %s as a Keyv store", (_, make) => {
  const driver = make();
  beforeAll(() => driver.open());
  afterAll(() => driver.close());

  describe("passes Keyv's own storage tests", () => {
    const suite = vitest as unknown as Parameters<typeof keyvApiTests>[0];
    const Class = Keyv5 as unknown as Parameters<typeof keyvApiTests>[1];
    type Store = ReturnType<Parameters<typeof keyvApiTests>[2]>;
    // one store for all, as each of the suite's groups expects to find what another Keyv has put
    const store = () => keyvStore(driver) as unknown as Store;
    keyvApiTests(suite, Class, store);
    keyvValueTests(suite, Class, store);
    keyvNamespaceTest(suite, Class, store);
    keyvIteratorTests(suite, Class, store);
  });

  describe("of Keyv 6", () => {
    const open = (namespace?: string) =>
      new Keyv({ store: keyvStore(driver), ...(namespace !== undefined && { namespace }) });

    test("values, times to live and namespaces", async () => {
      const [one, two] = [open("one"), open("two")];
      await one.clear();
      await two.clear();
      await one.set("key", { a: [1] });
      await two.set("key", "two");
      await one.set("soon", 1, 50);
      expect(await one.get("key")).toEqual({ a: [1] });
      expect(await one.getMany(["key", "none"])).toEqual([{ a: [1] }, undefined]);
      await expect.poll(() => one.get("soon")).toBeUndefined();
      expect(await Array.fromAsync(one.iterator())).toEqual([["key", { a: [1] }]]);
      await one.clear();
      expect(await one.has("key")).toBe(false);
      expect(await two.get("key")).toBe("two");
      expect(await two.delete("key")).toBe(true);
      expect(await two.delete("key")).toBe(false);
    });

    test("any text is a key, however long", async () => {
      const keyv = open("keys");
      await keyv.clear();
      const keys = ["/", "..", "~", "%7E", "a/b", "ä😀", "\ud800", "'\"\n", "x".repeat(700)];
      for (const key of keys) await keyv.set(key, `is ${key}`);
      for (const key of keys) expect(await keyv.get(key)).toBe(`is ${key}`);
      const listed = (await Array.fromAsync(keyv.iterator())).map(([key]) => key as string);
      expect(listed.toSorted()).toEqual(keys.map((key) => key.toWellFormed()).toSorted());
      await keyv.clear();
      expect(await Array.fromAsync(keyv.iterator())).toEqual([]);
    });
  });

  test("keys of caches stay below their prefix", async () => {
    await driver.put("d/package/x", Buffer.from("1"));
    const keyv = new Keyv({ store: keyvStore(driver) });
    await keyv.set("x", 1);
    expect((await driver.list({ prefix: "c/" })).entries.length).toBeGreaterThan(0);
    await keyv.clear();
    expect((await driver.list()).entries.map(({ key }) => key)).toEqual(["d/package/x"]);
  });

  test("what is no text is refused", async () => {
    await expect(keyvStore(driver).set("x", { a: 1 })).rejects.toThrow(TypeError);
  });
});

test("A10: a failing driver shows as an error of Keyv, not as a crash", async () => {
  const driver = memoryDriver(new URL("memory:")); // never opened
  const keyv = new Keyv({ store: keyvStore(driver) });
  const errors: unknown[] = [];
  keyv.on("error", (error: unknown) => errors.push(error));
  expect(await keyv.get("x")).toBeUndefined();
  expect(await keyv.set("x", 1)).toBe(false);
  expect(errors).toHaveLength(2);
});
