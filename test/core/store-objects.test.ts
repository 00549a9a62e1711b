import { createHash } from "node:crypto";
import { memoryStore } from "@citadel/driver-memory";
import { StoreError } from "@citadel/core/driver";
import { blobKey, integrityOf, manifestKey } from "@citadel/core/store";
import { describe, expect, test } from "vitest";
import {
  content,
  counted,
  HOUR,
  memoryDriver,
  refOf,
  storeOver,
  wrapped,
} from "./store-harness.ts";

const small = content("small", 1000);
const large = content("large", 300_000);
const readAll = async (stream: ReadableStream<Uint8Array> | undefined): Promise<Uint8Array> =>
  new Uint8Array(await new Response(stream).arrayBuffer());
const source = (bytes: Uint8Array) => ({
  size: bytes.byteLength,
  async *stream() {
    for (let at = 0; at < bytes.byteLength; at += 10_000) yield bytes.subarray(at, at + 10_000);
  },
});

describe("blobs", () => {
  test("come back as they went in, whole and in ranges, from memory or a stream, of every size", async () => {
    for (const size of [0, 1, 1000, 65_536, 65_537, 300_000])
      for (const streamed of [false, true]) {
        const store = storeOver(await memoryDriver(), 0);
        const bytes = content(size, size);
        const ref = refOf(bytes);
        expect(await store.blobs.open(ref)).toBeUndefined();
        await store.blobs.put(streamed ? source(bytes) : bytes, ref);
        expect(await store.blobs.bytes(ref)).toEqual(bytes);
        expect(await readAll(await store.blobs.open(ref))).toEqual(bytes);
        if (size < 100) continue;
        expect(await readAll(await store.blobs.open(ref, { start: 10, end: 90 }))).toEqual(
          bytes.subarray(10, 90),
        );
        expect(await readAll(await store.blobs.open(ref, { start: size - 7 }))).toEqual(
          bytes.subarray(size - 7),
        );
      }
  });

  test("small ones take one put, also from a stream; large ones a write", async () => {
    const { driver, calls } = counted(await memoryDriver());
    const store = storeOver(driver);
    await store.blobs.put(source(small), refOf(small));
    expect([...calls]).toEqual([["put b", 1]]);
    calls.clear();
    await store.blobs.put(large, refOf(large));
    expect(calls.get("write b")).toBe(1);
    expect(calls.has("put b")).toBe(false);
    // what is there already is not sent again
    calls.clear();
    await store.blobs.put(large, refOf(large));
    expect([...calls]).toEqual([["head b", 1]]);
  });

  test("with a wrong hash or size are refused, and nothing is stored", async () => {
    const store = storeOver(await memoryDriver());
    for (const bytes of [small, large])
      for (const given of [bytes, source(bytes)]) {
        const { integrity, size } = refOf(bytes);
        const other = integrityOf(content("other", 10));
        for (const ref of [
          { integrity: other, size },
          { integrity, size: size + 1 },
          { integrity: "sha512-AAAA", size },
          { integrity: integrity.replace("sha512", "sha256"), size },
          { integrity: `${integrity} ${other}`, size },
          { integrity: integrity.replace(/.==$/, (end) => `${end === "A==" ? "B" : "Z"}==`), size },
        ]) {
          const refusal = await store.blobs.put(given, ref).catch((error: unknown) => error);
          expect(["E_INTEGRITY", "CORRUPT"]).toContain((refusal as { code: string }).code);
        }
      }
    for (const bytes of [small, large]) {
      const liar = { ...source(bytes), stream: () => source(content("lie", 10)).stream() };
      await expect(store.blobs.put(liar, refOf(bytes))).rejects.toThrow(/bytes came/);
    }
    expect((await store.driver.list()).entries).toEqual([]);
  });

  test("hot ones are served from memory, within the budget, and never wait", async () => {
    const { driver, calls } = counted(await memoryDriver());
    const store = storeOver(driver, 8_000_000);
    for (const bytes of [small, large]) await store.blobs.put(bytes, refOf(bytes));
    expect(store.blobs.cached(refOf(small).integrity)).toBeUndefined();
    await store.blobs.bytes(refOf(small));
    await readAll(await store.blobs.open(refOf(large))); // a whole stream fills it, too
    calls.clear();
    expect(store.blobs.cached(refOf(small).integrity)).toEqual(small);
    expect(store.blobs.cached(refOf(large).integrity)).toEqual(large);
    expect(await readAll(await store.blobs.open(refOf(large), { start: 5, end: 9 }))).toEqual(
      large.subarray(5, 9),
    );
    expect(await store.blobs.bytes(refOf(large))).toEqual(large);
    expect([...calls]).toEqual([]);

    const tight = storeOver(driver, 400_000);
    await tight.blobs.bytes(refOf(large));
    expect(tight.blobs.cached(refOf(large).integrity)).toBeUndefined();
  });

  test("a stream that nobody reads to the end leaves nothing in memory", async () => {
    const store = storeOver(await memoryDriver(), 8_000_000);
    await store.blobs.put(large, refOf(large));
    for (let n = 0; n < 100; n++) {
      const reader = (await store.blobs.open(refOf(large)))?.getReader();
      if (n % 2) await reader?.read();
      await reader?.cancel();
    }
    expect(store.blobs.cached(refOf(large).integrity)).toBeUndefined();
    // and takes no share of the budget for good
    await readAll(await store.blobs.open(refOf(large)));
    expect(store.blobs.cached(refOf(large).integrity)).toEqual(large);
  });

  test("damaged ones never go out whole: bytes() refuses, the last chunk of a stream stays back (B13)", async () => {
    for (const bytes of [small, large])
      for (const at of [0, bytes.byteLength >> 1, bytes.byteLength - 1]) {
        const driver = await memoryDriver();
        const store = storeOver(driver);
        await store.blobs.put(bytes, refOf(bytes));
        const damaged = Uint8Array.from(bytes);
        damaged[at] = (damaged[at] ?? 0) ^ 1;
        await driver.put(blobKey(refOf(bytes).integrity), damaged);
        const key = blobKey(refOf(bytes).integrity);
        await expect(store.blobs.bytes(refOf(bytes))).rejects.toMatchObject({
          code: "E_INTEGRITY",
          key,
        });
        const seen: Uint8Array[] = [];
        const read = async () => {
          for await (const chunk of (await store.blobs.open(refOf(bytes))) ?? []) seen.push(chunk);
        };
        await expect(read()).rejects.toMatchObject({ code: "E_INTEGRITY", key });
        expect(Buffer.concat(seen).byteLength).toBeLessThan(bytes.byteLength);
        expect(store.blobs.cached(refOf(bytes).integrity)).toBeUndefined();
      }
  });

  test("one that was cut short is noticed before anything goes out, and a publish of the content heals it", async () => {
    for (const bytes of [small, large]) {
      const driver = await memoryDriver();
      const store = storeOver(driver);
      await store.blobs.put(bytes, refOf(bytes));
      await driver.put(blobKey(refOf(bytes).integrity), bytes.subarray(0, -1));
      await expect(store.blobs.open(refOf(bytes))).rejects.toMatchObject({ code: "E_INTEGRITY" });
      await store.blobs.put(bytes, refOf(bytes));
      expect(await store.blobs.bytes(refOf(bytes))).toEqual(bytes);
    }
  });

  test("missing ones are E_INTEGRITY for bytes()", async () => {
    const store = storeOver(await memoryDriver());
    for (const bytes of [small, large])
      await expect(store.blobs.bytes(refOf(bytes))).rejects.toMatchObject({
        code: "E_INTEGRITY",
        problem: "missing",
      });
  });

  test("what is older than half the grace time is put again, what is younger is not", async () => {
    let now = Date.now();
    const memory = memoryStore({ now: () => now });
    const { driver, calls } = counted(await memoryDriver(memory));
    const store = storeOver(driver);
    now -= HOUR / 2 + 1000;
    const manifest = content("manifest", 80);
    for (const bytes of [small, large]) await store.blobs.put(bytes, refOf(bytes));
    const name = await store.manifests.put(manifest);
    const keys = [small, large].map((bytes) => blobKey(refOf(bytes).integrity));
    keys.push(manifestKey(name));
    now += HOUR / 2 + 1000;
    for (const bytes of [small, large]) await store.blobs.put(bytes, refOf(bytes));
    await store.manifests.put(manifest);
    for (const key of keys) expect((await driver.head(key))?.modified).toBe(now);
    calls.clear();
    for (const bytes of [small, large]) await store.blobs.put(bytes, refOf(bytes));
    await store.manifests.put(manifest);
    expect(Object.fromEntries(calls)).toEqual({ "put b": 1, "head b": 2, "put m": 1, "head m": 1 });
  });

  test("a store without conditions keeps them all the same", async () => {
    const inner = await memoryDriver();
    const driver = wrapped(inner, {
      caps: { ...inner.caps, cas: "none" },
      put: async (key, body, options) => {
        if (options?.ifAbsent) throw new StoreError("UNSUPPORTED", "no conditions", { key });
        return inner.put(key, body, options);
      },
    });
    const store = storeOver(driver);
    for (const bytes of [small, large, small]) await store.blobs.put(bytes, refOf(bytes));
    expect(await store.blobs.bytes(refOf(small))).toEqual(small);
  });
});

describe("manifests", () => {
  test("are named by their SHA-256, stored once, checked when read", async () => {
    const driver = await memoryDriver();
    const { manifests } = storeOver(driver);
    const bytes = Buffer.from('{"name":"a"}');
    const name = await manifests.put(bytes);
    expect(name).toBe(createHash("sha256").update(bytes).digest("base64url"));
    expect(await manifests.put(bytes)).toBe(name);
    expect((await driver.list()).entries).toHaveLength(1);
    expect(Buffer.from((await manifests.get(name)) ?? [])).toEqual(bytes);
    await driver.put(manifestKey(name), Buffer.from('{"name":"b"}'));
    await expect(manifests.get(name)).rejects.toMatchObject({ code: "E_INTEGRITY" });
    await driver.delete(manifestKey(name));
    expect(await manifests.get(name)).toBeUndefined();
    for (const bad of ["", "../../d/shelf/a", `${name}=`, name.slice(1), `${name}A`])
      await expect(manifests.get(bad)).rejects.toMatchObject({ code: "E_INTEGRITY" });
  });
});
