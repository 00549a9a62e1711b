import assert from "node:assert/strict";
import memory, { memoryStore } from "@citadel/driver-memory";
import { defineDriverTests } from "@citadel/core/testing";
import { test } from "vitest";

defineDriverTests("memory", {
  test: (name, run) => test.concurrent(name, ({ skip }) => run({ skip })),
  make: () => memoryStore(),
  open: (store) => store.open(),
});

test("memory: each URL is a store of its own, also under one name", async () => {
  const [one, two] = [memory(new URL("memory:x")), memory(new URL("memory:x"))];
  await Promise.all([one.open(), two.open()]);
  await one.put("a", new Uint8Array(1));
  assert.equal(await two.get("a"), undefined);
  await Promise.all([one.close(), two.close()]);
});

test("memory: expired entries free their space without help", async () => {
  const driver = memoryStore().open();
  await driver.open();
  for (let n = 0; n < 10; n++)
    await driver.put(`k${n}`, new Uint8Array(1), { expires: Date.now() + 50 + n * 10 });
  await driver.put("stays", new Uint8Array(1), { expires: Date.now() + 3_600_000 });
  while ((await driver.health()).detail["keys"] !== 1)
    await new Promise((resolve) => setTimeout(resolve, 10));
  await driver.close();
});

test("memory: a watcher that is too far behind gets a reset", async () => {
  const driver = memoryStore().open();
  await driver.open();
  const stop = new AbortController();
  const changes = driver.watch!({ signal: stop.signal })[Symbol.asyncIterator]();
  for (let n = 0; n < 10_000; n++) await driver.put("k", new Uint8Array(1));
  const first = await changes.next();
  assert.equal(first.value?.kind, "reset");
  await driver.put("l", new Uint8Array(1));
  const second = await changes.next();
  assert.deepEqual([second.value?.kind, second.value?.key], ["changed", "l"]);
  stop.abort();
  assert.equal((await changes.next()).done, true);
  await driver.close();
});
