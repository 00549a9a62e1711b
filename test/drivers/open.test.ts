import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { observe, openDriver, type Call, type DriverFactory } from "@citadel/core/driver";
import { memoryStore } from "@citadel/driver-memory";
import { afterAll, beforeAll, test } from "vitest";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "citadel-open-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const memory = fileURLToPath(import.meta.resolve("@citadel/driver-memory"));
const schemes = new Map<string, string | DriverFactory>([
  ["memory", memory],
  ["postgres", "/nowhere/postgres.js"],
]);

/** What openDriver says when it refuses: message and hints as one text. */
async function refusal(url: string, known = schemes): Promise<string> {
  const error = await openDriver(url, known).then(
    () => assert.fail("opened"),
    (reason: unknown) => reason as Error & { code?: string; hint?: string[] },
  );
  assert.equal(error.code, "E_CONFIG", String(error));
  return [error.message, ...(error.hint ?? [])].join("\n");
}

test("G2: a URL opens the driver of its scheme, imported when needed, ready for use", async () => {
  const driver = await openDriver("memory:", schemes);
  await driver.put("k", new Uint8Array([1]));
  assert.equal((await driver.get("k"))?.size, 1);
  await driver.close();
  const given = memoryStore().open();
  const other = await openDriver(new URL("mine:x"), new Map([["mine", () => given]]));
  assert.equal(other, given);
  await other.close();
});

test("an unknown scheme names the nearest and the known ones; no refusal prints a password", async () => {
  const unknown = await refusal("postgers://user:hunter2@db.example/citadel?password=hunter2");
  assert.match(unknown, /no driver for postgers:/);
  assert.match(unknown, /did you mean postgres:/);
  assert.match(unknown, /memory: postgres:/);
  const missing = await refusal("postgres://user:hunter2@db.example/citadel");
  assert.match(missing, /postgres: cannot be loaded/);
  const malformed = await refusal("http://user:hunter2@:99999/");
  assert.match(malformed, /is not a URL/);
  for (const text of [unknown, missing, malformed]) assert.doesNotMatch(text, /hunter2|user/);
});

test("a module without a driver, and one that speaks another version, are refused", async () => {
  const write = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  const known = new Map([
    ["none", await write("none.mjs", "export const driver = 1;")],
    ["old", await write("old.mjs", "export default () => ({ api: 0 });")],
    ["broken", await write("broken.mjs", "throw new Error('out of order');")],
  ]);
  assert.match(await refusal("none:", known), /default export/);
  assert.match(await refusal("old:", known), /version 0/);
  assert.match(await refusal("broken:", known), /out of order/);
});

test("observe: calls, bytes, errors and the sums of them; results and streams pass through", async () => {
  const calls: Call[] = [];
  const driver = observe(memoryStore().open(), (call) => calls.push(call));
  await driver.open();
  await driver.put("k", new Uint8Array(10));
  await driver.get("k");
  await driver.get("none");
  await driver.head("k");
  await driver.list();
  const { stream } = (await driver.read("k", { start: 4 }))!;
  assert.equal(Buffer.concat(await Array.fromAsync(stream)).length, 6);
  await driver.write(
    "w",
    (async function* () {
      yield new Uint8Array(7);
    })(),
  );
  await assert.rejects(driver.put("k", new Uint8Array(3), { ifAbsent: true }));
  const failing = (async function* () {
    yield new Uint8Array(1);
    throw new Error("source");
  })();
  await assert.rejects(driver.write("w", failing), /source/);
  await driver.delete("k");
  assert.deepEqual(
    calls.map(({ operation, key, bytesIn, bytesOut, error }) => [
      operation,
      key,
      bytesIn,
      bytesOut,
      error,
    ]),
    [
      ["put", "k", 10, 0, undefined],
      ["get", "k", 0, 10, undefined],
      ["get", "none", 0, 0, undefined],
      ["head", "k", 0, 0, undefined],
      ["list", undefined, 0, 0, undefined],
      ["read", "k", 0, 6, undefined],
      ["write", "w", 7, 0, undefined],
      ["put", "k", 0, 0, "CONFLICT"],
      ["write", "w", 0, 0, "FAILED"],
      ["delete", "k", 0, 0, undefined],
    ],
  );
  const { ms, ...put } = driver.observed.put;
  assert.deepEqual(put, { calls: 2, errors: 1, bytesIn: 10, bytesOut: 0 });
  assert.ok(ms >= 0);
  await driver.close();
});
