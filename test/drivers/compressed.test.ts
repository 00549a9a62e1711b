import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { compressed, split, storeCode } from "@citadel/core/driver";
import { defineDriverTests } from "@citadel/core/testing";
import { memoryStore } from "@citadel/driver-memory";
import { test } from "vitest";

defineDriverTests("compressed with zstd", {
  test: (name, run) => test.concurrent(name, ({ skip }) => run({ skip })),
  make: () => memoryStore(),
  // from the first byte on, so that the suite's small bodies are tried as well
  open: (store) => compressed(store.open(), { min: 0 }),
});

defineDriverTests("compressed with gzip over split", {
  test: (name, run) => test.concurrent(name, ({ skip }) => run({ skip })),
  make: () => ({ docs: memoryStore(), blobs: memoryStore() }),
  open: ({ docs, blobs }) =>
    compressed(split({ docs: docs.open(), blobs: blobs.open() }), { algorithm: "gzip" }),
});

const text = (size: number): Uint8Array => {
  const line = (n: number) => `${n} the quick brown fox jumps over the lazy dog ${n * 7}\n`;
  let all = "";
  for (let n = 0; all.length < size; n++) all += line(n);
  return Buffer.from(all.slice(0, size));
};
async function* chunks(body: Uint8Array, size = 10_000) {
  for (let at = 0; at < body.length; at += size) yield body.slice(at, at + size);
}
const collect = async (stream: ReadableStream<Uint8Array>): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(stream));

for (const algorithm of ["zstd", "gzip"] as const)
  test(`compressed: ${algorithm} shrinks text, in put and write, and everything reads plain`, async () => {
    const inner = memoryStore().open();
    const driver = compressed(inner, { algorithm });
    await driver.open();
    for (const size of [600, 64 * 1024, 64 * 1024 + 1, 3_000_000]) {
      const body = text(size);
      const sha512 = createHash("sha512").update(body).digest();
      const meta = { kind: "text" };
      await driver.put("p", body, { meta });
      await driver.write("w", chunks(body), { size, sha512, meta });
      for (const key of ["p", "w"]) {
        assert.ok((await inner.head(key))!.size < size * 0.5, `${key} of ${size} is not smaller`);
        const { body: got, ...item } = (await driver.get(key))!;
        assert.ok(Buffer.from(got).equals(body));
        const head = (await driver.head(key))!;
        assert.equal(head.size, size);
        assert.deepEqual(head.meta, meta);
        assert.deepEqual(item, head);
        for (const [start, end] of [
          [0, 1],
          [size - 1, size],
          [100, 500],
          [size / 2, size * 2],
        ] as const) {
          const opened = (await driver.read(key, { start: Math.floor(start), end }))!;
          assert.ok((await collect(opened.stream)).equals(body.subarray(start, end)));
          assert.equal(opened.size, size);
        }
      }
      const { entries } = await driver.list();
      assert.deepEqual(
        entries.map((entry) => entry.size),
        [size, size],
      );
    }
    await driver.close();
  });

test("compressed: what does not gain from it is kept as it is", async () => {
  const inner = memoryStore().open();
  const driver = compressed(inner);
  await driver.open();
  const all: Record<string, Uint8Array> = {
    random: randomBytes(100_000),
    gzip: gzipSync(text(1_000_000)),
    short: text(100),
  };
  for (const [key, body] of Object.entries(all)) {
    await driver.put(key, body);
    await driver.write(`${key}.w`, chunks(body), { size: body.length });
    for (const one of [key, `${key}.w`]) {
      assert.equal((await inner.head(one))?.size, body.length);
      assert.equal((await inner.head(one))?.meta, undefined);
      assert.ok(Buffer.from((await inner.get(one))!.body).equals(body));
    }
  }
  await driver.write("unannounced", chunks(text(100_000)));
  assert.equal((await inner.head("unannounced"))?.size, 100_000);
  await driver.close();
});

test("compressed: turned off, or with the other algorithm, what is there stays readable", async () => {
  const store = memoryStore();
  const body = text(10_000);
  for (const algorithm of ["zstd", "gzip", "none"] as const) {
    const driver = compressed(store.open(), { algorithm });
    await driver.open();
    await driver.put(algorithm, body);
    await driver.close();
  }
  for (const algorithm of ["zstd", "gzip", "none"] as const) {
    const driver = compressed(store.open(), { algorithm });
    await driver.open();
    for (const key of ["zstd", "gzip", "none"])
      assert.ok(Buffer.from((await driver.get(key))!.body).equals(body));
    await driver.close();
  }
});

test("compressed: damaged bytes, a lying mark and a bomb are CORRUPT", async () => {
  const inner = memoryStore().open();
  const driver = compressed(inner, { algorithm: "gzip" });
  await driver.open();
  const body = text(200_000);
  await driver.put("k", body);
  const { body: stored, meta } = (await inner.get("k"))!;
  const flipped = stored.slice();
  flipped[stored.length >> 1]! ^= 255;
  const cases: [string, Uint8Array, string][] = [
    ["flipped", flipped, "gzip 200000"],
    ["cut", stored.slice(0, stored.length >> 1), "gzip 200000"],
    ["longer than it says", stored, "gzip 199999"],
    ["shorter than it says", stored, "gzip 200001"],
    ["a bomb", gzipSync(new Uint8Array(50_000_000)), "gzip 1000"],
    ["the other algorithm", stored, "zstd 200000"],
  ];
  assert.deepEqual(meta, { "citadel-plain": "gzip 200000" });
  for (const [what, bytes, mark] of cases) {
    await inner.put("k", bytes, { meta: { "citadel-plain": mark } });
    await assert.rejects(driver.get("k"), (error) => storeCode(error) === "CORRUPT", what);
    const { stream } = (await driver.read("k"))!;
    await assert.rejects(collect(stream), (error) => storeCode(error) === "CORRUPT", what);
  }
  await driver.close();
});
