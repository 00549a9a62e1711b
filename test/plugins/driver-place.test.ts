import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { delegate, type Driver, type Key } from "@citadel/core/driver";
import { defineDriverTests } from "@citadel/core/testing";
import file from "@citadel/driver-file";
import { memoryStore } from "@citadel/driver-memory";
import { afterAll, expect, test } from "vitest";

// The suite inside of a store that is in use: it passes there as well, touches no key but its own, and removes them all.

const place = /^(?:[bm]\/)?driver-test\/\d+\//;
const foreign: readonly Key[] = ["a", "b/sha512/aa/aaff", "d/package/x", "driver-test/x", "m/x", "zz"]; // prettier-ignore

/** Whatever asks for a key outside of the place fails. */
function guarded(driver: Driver): Driver {
  const mine = (key: Key): Key => {
    if (!place.test(key)) throw new Error(`outside of its place: ${key}`);
    return key;
  };
  return delegate(driver, {
    get: async (key, options) => driver.get(mine(key), options),
    head: async (key, options) => driver.head(mine(key), options),
    put: async (key, body, options) => driver.put(mine(key), body, options),
    delete: async (key, options) => driver.delete(mine(key), options),
    read: async (key, options) => driver.read(mine(key), options),
    write: async (key, source, options) => driver.write(mine(key), source, options),
    list: async (options) => (mine(options?.prefix ?? ""), driver.list(options)),
  });
}

const folder = await mkdtemp(join(tmpdir(), "citadel-place-"));
afterAll(() => rm(folder, { recursive: true }));
const memory = memoryStore();
const stores: Record<string, () => Driver> = {
  memory: () => memory.open(),
  file: () => file(new URL(`file:${folder}/store`)),
};

for (const [name, open] of Object.entries(stores)) {
  const keeper = open();
  await keeper.open();
  for (const key of foreign) await keeper.put(key, Buffer.from(key));
  const before = (await keeper.list()).entries;

  let places = 0;
  defineDriverTests(`G2: ${name} in a place of its own`, {
    test: (title, run) => test(title, ({ skip }) => run({ skip })),
    make: () => `driver-test/${places++}/`,
    open: () => guarded(open()),
    within: (at) => at,
  });

  test(`G2: ${name}: after the suite the store is as it was`, async () => {
    expect(places).toBeGreaterThan(50);
    expect((await keeper.list()).entries).toEqual(before);
    await keeper.close();
  });
}
