import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { split, storeCode, type Capabilities, type Driver } from "@citadel/core/driver";
import { defineDriverTests } from "@citadel/core/testing";
import { memoryStore, type MemoryStore } from "@citadel/driver-memory";
import { test } from "vitest";

const pair = () => ({ docs: memoryStore(), blobs: memoryStore() });
const over = ({ docs, blobs }: { docs: MemoryStore; blobs: MemoryStore }): Driver =>
  split({ docs: docs.open(), blobs: blobs.open() });

for (const prefix of ["d/", "c/"])
  defineDriverTests(`split, keys in ${prefix}`, {
    test: (name, run) => test.concurrent(name, ({ skip }) => run({ skip })),
    make: pair,
    open: over,
    prefix,
  });

const key = (body: Uint8Array): string => {
  const hex = createHash("sha512").update(body).digest("hex");
  return `b/sha512/${hex.slice(0, 2)}/${hex}`;
};
async function* chunks(body: Uint8Array, size = 10_000) {
  for (let at = 0; at < body.length; at += size) yield body.slice(at, at + size);
}

async function opened(small = 1000) {
  const stores = pair();
  const halves = { docs: stores.docs.open(), blobs: stores.blobs.open() };
  const driver = split({ ...halves, small });
  await driver.open();
  return { ...halves, driver };
}

test("split: blobs go by size, known or not; everything else by prefix", async () => {
  const { docs, blobs, driver } = await opened();
  const cases = [0, 1, 999, 1000, 1001, 5000].flatMap((size) =>
    ["put", "write with size", "write without"].map((how) => ({ size, how })),
  );
  for (const [n, { size, how }] of cases.entries()) {
    const body = new Uint8Array(size).fill(n + 1);
    const it = `b/sha512/00/${n}`;
    if (how === "put") await driver.put(it, body);
    else await driver.write(it, chunks(body, 300), how === "write with size" ? { size } : {});
    const [here, there] = size <= 1000 ? [docs, blobs] : [blobs, docs];
    assert.equal((await here.head(it))?.size, size, `${how} of ${size} bytes`);
    assert.equal(await there.head(it), undefined, `${how} of ${size} bytes`);
    assert.deepEqual((await driver.get(it))?.body, body);
  }
  for (const it of ["d/package/x", "m/sha256/00/x", "h/package/x/1-a", "f/1", "other", "bb", "b"]) {
    await driver.put(it, new Uint8Array(5000));
    assert.ok(await docs.head(it), it);
    assert.equal(await blobs.head(it), undefined, it);
  }
  await driver.put("c/x", new Uint8Array(1));
  assert.ok(await blobs.head("c/x"));
  assert.equal(await docs.head("c/x"), undefined);
  await driver.close();
});

test("split: a blob on the other side, as after a change of small, is found, listed once and removed", async () => {
  const { docs, blobs, driver } = await opened();
  const body = new Uint8Array(100).fill(7);
  const it = key(body);
  await blobs.put(it, body);
  assert.deepEqual((await driver.get(it))?.body, body);
  await docs.put(it, body);
  const { entries } = await driver.list({ prefix: "b/" });
  assert.deepEqual(
    entries.map((entry) => entry.key),
    [it],
  );
  assert.equal(entries[0]?.etag, (await docs.head(it))?.etag);
  await driver.delete(it);
  assert.equal(await driver.head(it), undefined);

  const { etag } = await blobs.put(it, body);
  await docs.put(it, body);
  await driver.delete(it, { ifMatch: etag });
  assert.equal(await blobs.head(it), undefined);
  assert.ok(await docs.head(it));
  await driver.close();
});

test("split: lists show no key that a get would not find", async () => {
  const { docs, blobs, driver } = await opened();
  await docs.put("c/stray", new Uint8Array(1));
  await blobs.put("d/stray", new Uint8Array(1));
  await docs.put("d/real", new Uint8Array(1));
  await blobs.put("c/real", new Uint8Array(1));
  const seen: string[] = [];
  for (let after: string | undefined = ""; after !== undefined;) {
    const page = await driver.list({ after, limit: 1 });
    seen.push(...page.entries.map((entry) => entry.key));
    after = page.next;
  }
  assert.deepEqual(seen, ["c/real", "d/real"]);
  await driver.close();
});

test("split: a failing source of unknown size, small or large, leaves nothing and is released", async () => {
  const { docs, blobs, driver } = await opened();
  for (const good of [1, 5]) {
    const failure = new Error("source failed");
    const failing = (async function* () {
      for (let n = 0; n < good; n++) yield new Uint8Array(400);
      throw failure;
    })();
    await assert.rejects(driver.write("b/x", failing), (error) => error === failure);
  }
  let released = false;
  const endless = (async function* () {
    try {
      for (;;) yield new Uint8Array(400);
    } finally {
      released = true;
    }
  })();
  await blobs.put("b/there", new Uint8Array(5000));
  await assert.rejects(
    driver.write("b/there", endless, { ifAbsent: true }),
    (error) => storeCode(error) === "CONFLICT",
  );
  await new Promise(setImmediate);
  assert.equal(released, true);
  for (const half of [docs, blobs]) assert.equal(await half.head("b/x"), undefined);
  await driver.close();
});

test("split: capabilities are the weaker ones, but documents keep their compare-and-set", async () => {
  const with_ = (caps: Partial<Capabilities>): Driver => {
    const driver = memoryStore().open();
    return { ...driver, caps: { ...driver.caps, ...caps } };
  };
  const docs = with_({ durable: "power", shared: "host", maxObject: 1000 });
  const blobs = with_({
    cas: "none",
    casDelete: false,
    etags: "content",
    durable: "node",
    shared: "network",
    ttl: "lazy",
    watch: "poll",
    maxObject: 5e12,
  });
  const { caps } = split({ docs, blobs });
  assert.deepEqual(caps, {
    cas: "full",
    casDelete: false,
    casWrite: true,
    etags: "content",
    durable: "power",
    shared: "host",
    ttl: "lazy",
    list: "strong",
    watch: "poll",
    ranges: true,
    maxItem: docs.caps.maxItem,
    maxObject: 5e12,
  });
});

test("split: one watch over both halves, resumed by one cursor", async () => {
  const { driver } = await opened();
  const stop = new AbortController();
  const seen: string[] = [];
  let cursor = "";
  const watching = (async () => {
    for await (const change of driver.watch!({ signal: stop.signal })) {
      if (change.kind === "changed") seen.push(change.key);
      cursor = change.cursor;
      if (seen.length === 2) stop.abort();
    }
  })();
  await new Promise(setImmediate);
  await driver.put("d/a", new Uint8Array(1));
  await driver.put("c/a", new Uint8Array(1));
  await watching;
  assert.deepEqual(seen.toSorted(), ["c/a", "d/a"]);
  await driver.put("d/b", new Uint8Array(1));
  await driver.put("c/b", new Uint8Array(1));
  const later: string[] = [];
  const again = new AbortController();
  for await (const change of driver.watch!({ signal: again.signal, since: cursor })) {
    later.push(change.kind === "changed" ? change.key : "reset");
    if (later.length === 2) again.abort();
  }
  assert.deepEqual(later.toSorted(), ["c/b", "d/b"]);
  await driver.close();
});

test("split: only what lies with the documents may wait for a later sync", async () => {
  const seen: string[] = [];
  const listening = (half: string): Driver => {
    const driver = memoryStore().open();
    return {
      ...driver,
      put(key, body, options) {
        seen.push(`${half} put ${options?.relaxed === true}`);
        return driver.put(key, body, options);
      },
      write(key, source, options) {
        seen.push(`${half} write ${options?.relaxed === true}`);
        return driver.write(key, source, options);
      },
    };
  };
  const driver = split({ docs: listening("docs"), blobs: listening("blobs"), small: 10 });
  await driver.open();
  const source = async function* (size: number) {
    yield new Uint8Array(size);
  };
  await driver.put("m/a", new Uint8Array(1), { relaxed: true });
  await driver.put("b/small", new Uint8Array(1), { relaxed: true });
  await driver.put("b/large", new Uint8Array(11), { relaxed: true });
  await driver.write("b/known", source(20), { relaxed: true, size: 20 });
  await driver.write("b/unknown", source(20), { relaxed: true });
  await driver.close();
  assert.deepEqual(seen, [
    "docs put true",
    "docs put true",
    "blobs put false",
    "blobs write false",
    "blobs write false",
  ]);
});
