import assert from "node:assert/strict";
import { createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";
import {
  compressed,
  sealed,
  sealedMeta,
  split,
  storeCode,
  type Driver,
  type SealingKeys,
} from "@citadel/core/driver";
import { CitadelError, errorCode } from "@citadel/core/errors";
import { defineDriverTests } from "@citadel/core/testing";
import { memoryStore } from "@citadel/driver-memory";
import { test } from "vitest";
import {
  beginningOf,
  capacity,
  plainSize,
  sealedSize,
  segmentOf,
  segments,
  type Format,
} from "@citadel/core/segments";

const MiB = 1 << 20;
const secret = randomBytes(32);
const keys: SealingKeys = {
  current: () => ({ id: "k1", secret }),
  async named(id, object) {
    if (id === "k1") return { id, secret };
    throw new CitadelError("E_SERVER_KEY", `${object} is sealed under another key`);
  },
};

defineDriverTests("sealed", {
  test: (name, run) => test.concurrent(name, ({ skip }) => run({ skip })),
  make: () => memoryStore(),
  open: (store) => sealed(store.open(), { keys }),
  meta: sealedMeta,
});

defineDriverTests("compressed over sealed, over split", {
  test: (name, run) => test.concurrent(name, ({ skip }) => run({ skip })),
  make: () => ({ docs: memoryStore(), blobs: memoryStore() }),
  open: ({ docs, blobs }) =>
    compressed(sealed(split({ docs: docs.open(), blobs: blobs.open() }), { keys }), { min: 0 }),
  meta: sealedMeta,
});

const collect = async (stream: ReadableStream<Uint8Array>): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(stream));
async function* chunks(body: Uint8Array, size = 70_000) {
  for (let at = 0; at < body.length; at += size) yield body.slice(at, at + size);
}
const opened = async (of: Partial<Parameters<typeof sealed>[1]> = {}) => {
  const inner = memoryStore().open();
  const driver = sealed(inner, { keys, ...of });
  await driver.open();
  return { inner, driver };
};
const corrupt = (error: unknown) => storeCode(error) === "CORRUPT";

/** What Tink's documentation says, read without the code under test. */
function decode(file: Uint8Array, key: Uint8Array, associated: string): Buffer {
  const bytes = Buffer.from(file);
  assert.equal(bytes[0], 40);
  const derived = Buffer.from(hkdfSync("sha256", key, bytes.subarray(1, 33), associated, 32));
  const out: Buffer[] = [];
  for (let n = 0, at = 40; at < bytes.length; n++) {
    const end = Math.min((n + 1) * MiB, bytes.length);
    const nonce = Buffer.concat([bytes.subarray(33, 40), Buffer.alloc(5)]);
    nonce.writeUInt32BE(n, 7);
    nonce[11] = end === bytes.length ? 1 : 0;
    const gcm = createDecipheriv("aes-256-gcm", derived, nonce);
    gcm.setAuthTag(bytes.subarray(end - 16, end));
    out.push(gcm.update(bytes.subarray(at, end - 16)), gcm.final());
    at = end;
  }
  return Buffer.concat(out);
}

test("A9: the format is Tink's: a vector of its cross-language tests", () => {
  const format: Format = { segment: 64, key: 16, hash: "sha1" };
  const key = Buffer.from("6eb56cdc726dfbe5d57f2fcdc6e9345b", "hex");
  const plain = Buffer.from(
    "This is a fairly long plaintext. It is of the exact length to create three output blocks. ",
  );
  const header = Buffer.from("1893b3af5e14ab378d065addfc8484da642c0862877baea8", "hex");
  const wanted = [
    "db92d9c77406a406168478821c4298eab3e6d531277f4c1a051714faebcaefcbca7b7be05e9445ea",
    "a0bb2904153398a25084dd80ae0edcd1c3079fcea2cd3770630ee36f7539207b8ec9d754956d486b71cdf989f0ed6fba6779b63558be0a66e668df14e1603cd2",
    "af8944844078345286d0b292e772e7190775c51a0f83e40c0b75821027e7e538e111",
  ];
  const { seal, open } = segments(format, key, Buffer.from("aad"), header);
  assert.equal(sealedSize(format, plain.length), header.length + wanted.join("").length / 2);
  const last = segmentOf(format, plain.length - 1);
  assert.equal(last, 2);
  for (const [n, hex] of wanted.entries()) {
    const at = beginningOf(format, n);
    const part = plain.subarray(at, at + capacity(format, n));
    assert.equal(seal(part, n, n === last).toString("hex"), hex);
    assert.deepEqual(open(Buffer.from(hex, "hex"), n, n === last), part);
  }
  for (let size = 0; size < 500; size++) {
    assert.equal(plainSize(format, sealedSize(format, size)), size);
    if (size > 0) assert.ok(sealedSize(format, size) > sealedSize(format, size - 1));
  }
});

test("A9: what put and write make is read by the documented format alone, and everything comes back plain", async () => {
  const { inner, driver } = await opened();
  const first = MiB - 56;
  for (const size of [0, 1, 1000, first - 1, first, first + 1, first + MiB - 16, 3 * MiB + 5]) {
    const body = randomBytes(size);
    const sha512 = createHash("sha512").update(body).digest();
    await driver.put("b/p", body, { meta: { kind: "x" } });
    await driver.write("b/w", chunks(body), { size, sha512, meta: { kind: "x" } });
    await driver.write("b/u", chunks(body), { meta: { kind: "x" } });
    for (const key of ["b/p", "b/w", "b/u"]) {
      const stored = (await inner.get(key))!;
      assert.ok(decode(stored.body, secret, key).equals(body), `${key} of ${size}`);
      assert.equal(stored.meta?.["citadel-sealed"], "aes256-gcm-hkdf-1mb k1");
      const { body: got, ...item } = (await driver.get(key))!;
      assert.ok(Buffer.from(got).equals(body));
      const head = (await driver.head(key))!;
      assert.deepEqual(item, head);
      assert.deepEqual(
        [head.size, head.stored, head.sealed, head.compressed, head.meta],
        [size, stored.size, true, undefined, { kind: "x" }],
      );
      assert.ok((await collect((await driver.read(key))!.stream)).equals(body));
      if (size === 0) continue;
      for (const [start, end] of [
        [0, 1],
        [size - 1, size],
        [Math.min(first - 1, size - 1), first + 1],
        [size >> 1, size * 2],
        [size >> 1, size >> 1],
      ] as const) {
        const part = (await driver.read(key, { start, end }))!;
        assert.ok(
          (await collect(part.stream)).equals(body.subarray(start, end)),
          `${start} ${end}`,
        );
        assert.deepEqual([part.size, part.range], [size, { start, end: Math.min(end, size) }]);
      }
    }
    const { entries } = await driver.list();
    assert.deepEqual(entries.map((entry) => entry.size), [size, size, size]); // prettier-ignore
  }
  await driver.close();
});

test("A9: a range reads the segments that it lies in, and no others", async () => {
  const asked: (readonly [number, number])[] = [];
  const store = memoryStore().open();
  const spied: Driver = Object.create(store, {
    read: {
      value: async (...args: Parameters<Driver["read"]>) => {
        const got = await store.read(...args);
        if (got) asked.push([got.range.start, got.range.end]);
        return got;
      },
    },
  }) as Driver;
  const driver = sealed(spied, { keys });
  await driver.open();
  const body = randomBytes(9 * MiB);
  await driver.write("b/k", chunks(body));
  const start = 5 * MiB;
  const { stream } = (await driver.read("b/k", { start, end: start + 10 }))!;
  assert.ok((await collect(stream)).equals(body.subarray(start, start + 10)));
  assert.deepEqual(asked, [[0, 40], [5 * MiB, 6 * MiB]]); // prettier-ignore
  await driver.close();
});

test("A9: streams hold a few segments, whatever the size", async () => {
  const { inner, driver } = await opened();
  let ahead = 0;
  let most = 0;
  async function* source() {
    for (let n = 0; n < 60; n++) {
      most = Math.max(most, ++ahead);
      yield Buffer.alloc(MiB, n);
    }
  }
  const counting = sealed(
    Object.assign(Object.create(inner) as Driver, {
      async write(_key: string, sealing: AsyncIterable<Uint8Array>) {
        for await (const _piece of sealing) ahead = 0;
        return inner.put("b/k", new Uint8Array());
      },
    }),
    { keys },
  );
  await counting.write("b/k", source());
  assert.ok(most <= 2, `${most} chunks were taken before a segment came out`);
  await driver.close();
});

test("A9, attack: a flipped bit, a cut, swapped segments, another object: refused and named, only verified segments given", async () => {
  const { inner, driver } = await opened();
  const body = randomBytes(3 * MiB);
  await driver.put("b/one", body);
  await driver.put("b/two", randomBytes(3 * MiB));
  const { body: good, meta } = (await inner.get("b/one"))!;
  const { body: other } = (await inner.get("b/two"))!;
  const edit = (change: (bytes: Buffer) => Buffer | void): Buffer => {
    const bytes = Buffer.from(good);
    return change(bytes) ?? bytes;
  };
  const flip = (at: number) => edit((bytes) => void (bytes[at]! ^= 1 << (at % 8)));
  const part = (n: number) => Buffer.from(good.subarray(n * MiB, (n + 1) * MiB));
  /** what was done, and the first segment in which it shows */
  const cases: [string, Buffer, number][] = [
    ...[0, 1, 32, 33, 39, 40, 5000, MiB - 1].map((at): [string, Buffer, number] => [`bit of byte ${at}`, flip(at), 0]), // prettier-ignore
    [`bit of segment 1`, flip(MiB + 7), 1],
    [`last bit`, flip(good.length - 1), 3],
    ["last byte cut", edit((bytes) => bytes.subarray(0, -1)), 3],
    ["last segment cut", edit((bytes) => bytes.subarray(0, 3 * MiB)), 2],
    ["all but the header cut", edit((bytes) => bytes.subarray(0, 40)), 0],
    ["emptied", Buffer.alloc(0), 0],
    ["a byte more", edit((bytes) => Buffer.concat([bytes, Buffer.of(0)])), 3],
    ["a segment more", edit((bytes) => Buffer.concat([bytes.subarray(0, 3 * MiB), part(2), bytes.subarray(3 * MiB)])), 3], // prettier-ignore
    ["segments swapped", edit((bytes) => Buffer.concat([bytes.subarray(0, MiB), part(2), part(1), bytes.subarray(3 * MiB)])), 1], // prettier-ignore
    ["a segment of another object", edit((bytes) => bytes.fill(other.subarray(MiB, 2 * MiB), MiB, 2 * MiB)), 1], // prettier-ignore
    ["another object", Buffer.from(other), 0],
  ];
  for (const [what, bytes, segment] of cases) {
    await inner.put("b/one", bytes, { meta: { ...meta } });
    await assert.rejects(driver.get("b/one"), corrupt, what);
    const given: Buffer[] = [];
    await assert.rejects(
      async () => {
        for await (const piece of (await driver.read("b/one"))!.stream) given.push(Buffer.from(piece)); // prettier-ignore
      },
      (error) => corrupt(error) && (error as Error).message.includes("b/one"),
      what,
    );
    const sure = beginningOf({ segment: MiB, key: 32, hash: "sha256" }, segment);
    assert.ok(
      Buffer.concat(given).equals(body.subarray(0, sure)),
      `${what}: ${given.length} given`,
    );
    // a list goes on
    assert.equal((await driver.list()).entries.length, 2);
  }
  await driver.close();
});

test("A9, attack: a mark that lies, and one that claims to be the caller's", async () => {
  const { inner, driver } = await opened();
  await driver.put("b/k", Buffer.from("hello"));
  const { body } = (await inner.get("b/k"))!;
  const mark = async (meta: string) => inner.put("b/k", body, { meta: { "citadel-sealed": meta } });
  await mark("rot13 k1");
  await assert.rejects(driver.get("b/k"), corrupt);
  await mark("aes256-gcm-hkdf-1mb k2");
  await assert.rejects(driver.get("b/k"), (error) => errorCode(error) === "E_SERVER_KEY" && /b\/k/.test(String(error))); // prettier-ignore
  await assert.rejects(driver.read("b/k"), (error) => errorCode(error) === "E_SERVER_KEY");
  await inner.put("b/k", body);
  assert.deepEqual(Buffer.from((await driver.get("b/k"))!.body), Buffer.from(body));
  const meta = { "citadel-sealed": "x" };
  await assert.rejects(driver.put("b/x", body, { meta }), (error) => storeCode(error) === "INVALID"); // prettier-ignore
  await driver.close();
});

test("A9: on and off over one store, what was there stays readable; other keys and sealed bodies are left alone", async () => {
  const store = memoryStore();
  const at = { keys, covers: (key: string) => key.startsWith("b/"), already: (_key: string, body: Uint8Array) => body[0] === 7 }; // prettier-ignore
  const body = randomBytes(100_000);
  body[0] = 1;
  const own = Buffer.from([7, 8, 9]);
  for (const seal of [false, true, false]) {
    const driver = sealed(store.open(), { ...at, seal });
    await driver.open();
    await driver.put(`b/${seal}`, body);
    await driver.put("d/doc", body);
    await driver.put("b/own", own);
    for (const { key, size } of (await driver.list()).entries) {
      const wanted = key === "b/own" ? own : body;
      assert.ok(Buffer.from((await driver.get(key))!.body).equals(wanted), key);
      const { stream } = (await driver.read(key, { start: 1 }))!;
      assert.ok((await collect(stream)).equals(wanted.subarray(1)), key);
      assert.equal(size, wanted.length);
    }
    await driver.close();
  }
  const inner = store.open();
  await inner.open();
  const sizes = (await inner.list()).entries.map(({ key, size }) => [key, size]);
  assert.deepEqual(sizes, [["b/false", 100_000], ["b/own", 3], ["b/true", 100_056], ["d/doc", 100_000]]); // prettier-ignore
  await inner.close();
});

test("A9: equal contents are never sealed to equal bytes", async () => {
  const { inner, driver } = await opened();
  const body = Buffer.alloc(1000);
  await driver.put("b/k", body);
  const one = (await inner.get("b/k"))!.body;
  await driver.put("b/k", body);
  const two = (await inner.get("b/k"))!.body;
  assert.notDeepEqual(one.subarray(0, 40), two.subarray(0, 40));
  assert.notDeepEqual(one.subarray(40), two.subarray(40));
  await driver.close();
});
