import assert from "node:assert/strict";
import {
  delegate,
  StoreError,
  storeCode,
  update,
  type Codec,
  type Doc,
  type Driver,
} from "@citadel/core/driver";
import { memoryStore } from "@citadel/driver-memory";
import { test } from "vitest";

interface Count extends Doc {
  n: number;
}
const codec: Codec<Count> = {
  parse: (bytes) => JSON.parse(Buffer.from(bytes).toString()) as Count,
  bytes: (doc) => Buffer.from(JSON.stringify(doc)),
};
const more = (now: Count | undefined): Count => ({ rev: 0, w: [], n: (now?.n ?? 0) + 1 });
const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A repeatable source of chance: mulberry32. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A network between caller and store: requests and replies get lost, are refused, or arrive late. */
function faulty(driver: Driver, random: () => number, late: Promise<unknown>[]): Driver {
  const unknown = () => new StoreError("UNKNOWN", "the reply was lost");
  const refused = () => new StoreError("UNAVAILABLE", "503");
  return delegate(driver, {
    async get(key, options) {
      await pause(random() * 2);
      if (random() < 0.05) throw refused();
      return driver.get(key, options);
    },
    async put(key, body, options) {
      await pause(random() * 2);
      const luck = random();
      if (luck < 0.07) throw unknown(); // the request was lost
      if (luck < 0.14) throw refused();
      if (luck < 0.25) {
        // the reply was lost, whatever it said
        await driver.put(key, body, options).catch(() => {});
        throw unknown();
      }
      if (luck < 0.35) {
        late.push(
          pause(random() * 30).then(() => driver.put(key, body, options).catch(() => undefined)),
        );
        throw unknown();
      }
      return driver.put(key, body, options);
    },
  });
}

test("A1: 300 updates by 5 writers over a bad network are counted exactly 300 times", async () => {
  for (const seed of [1, 2, 3, Date.now() % 2 ** 31]) {
    const inner = memoryStore().open();
    await inner.open();
    const late: Promise<unknown>[] = [];
    const random = chance(seed);
    const driver = faulty(inner, random, late);
    const writer = async () => {
      for (let done = 0; done < 60;) {
        try {
          await update(driver, "d/count", codec, more);
          done++;
        } catch (error) {
          // refused before anything was written: the caller asks again
          assert.equal(storeCode(error), "UNAVAILABLE", `seed ${seed}: ${String(error)}`);
        }
      }
    };
    await Promise.all([1, 2, 3, 4, 5].map(writer));
    await Promise.all(late);
    const { n, rev, w } = codec.parse((await inner.get("d/count"))!.body);
    assert.deepEqual({ n, rev, ids: w.length }, { n: 300, rev: 300, ids: 64 }, `seed ${seed}`);
    assert.equal(new Set(w).size, 64);
    await inner.close();
  }
});

test("update: a lost reply is found again by its write id, the change is made once", async () => {
  const inner = memoryStore().open();
  await inner.open();
  let puts = 0;
  const driver = delegate(inner, {
    async put(...args) {
      puts++;
      await inner.put(...args);
      throw new StoreError("UNKNOWN", "the reply was lost");
    },
  });
  const found = await update(driver, "d/x", codec, more);
  assert.deepEqual([found?.doc.n, found?.doc.rev, puts], [1, 1, 1]);
  assert.equal(found?.etag, (await inner.head("d/x"))?.etag);
  await inner.close();
});

test("update: undefined leaves things as they are; what the change throws is thrown", async () => {
  const driver = memoryStore().open();
  await driver.open();
  assert.equal(await update(driver, "d/x", codec, () => undefined), undefined);
  assert.equal(await driver.head("d/x"), undefined);
  await update(driver, "d/x", codec, more);
  const before = await driver.head("d/x");
  assert.equal((await update(driver, "d/x", codec, () => undefined))?.doc.n, 1);
  const failure = new Error("no");
  const refuse = () => {
    throw failure;
  };
  await assert.rejects(update(driver, "d/x", codec, refuse), (error) => error === failure);
  assert.deepEqual(await driver.head("d/x"), before);
  await driver.close();
});

test("update: a store that is down says so; one whose answers stay lost is UNKNOWN", async () => {
  const inner = memoryStore().open();
  await inner.open();
  const down = delegate(inner, {
    put: () => Promise.reject(new StoreError("UNAVAILABLE", "503")),
  });
  const lost = delegate(inner, {
    put: () => Promise.reject(new StoreError("UNKNOWN", "the reply was lost")),
  });
  const full = delegate(inner, { put: () => Promise.reject(new StoreError("FULL", "no space")) });
  const gone = delegate(lost, {
    get: (() => {
      let reads = 0;
      return async () => {
        if (reads++ > 0) throw new StoreError("UNAVAILABLE", "503");
        return undefined;
      };
    })(),
  });
  for (const [driver, code] of [
    [down, "UNAVAILABLE"],
    [lost, "UNKNOWN"],
    [gone, "UNKNOWN"],
    [full, "FULL"],
  ] as const)
    await assert.rejects(update(driver, "d/x", codec, more, { attempts: 3 }), (error) => {
      assert.equal(storeCode(error), code);
      return true;
    });
  await inner.close();
});

test("update: after more writes than ids are kept, an uncertain write stays UNKNOWN", async () => {
  const driver = memoryStore().open();
  await driver.open();
  await update(driver, "d/x", codec, more);
  let uncertain = true;
  const overtaken = delegate(driver, {
    async put(...args) {
      if (!uncertain) return driver.put(...args);
      uncertain = false;
      await driver.put(...args);
      for (let n = 0; n < 70; n++) await update(driver, "d/x", codec, more);
      throw new StoreError("UNKNOWN", "the reply was lost");
    },
  });
  await assert.rejects(
    update(overtaken, "d/x", codec, more),
    (error) => storeCode(error) === "UNKNOWN",
  );
  assert.equal(codec.parse((await driver.get("d/x"))!.body).n, 72);
  await driver.close();
});

test("update: gives up with CONFLICT when every race is lost", async () => {
  const driver = memoryStore().open();
  await driver.open();
  const racing = delegate(driver, {
    async put(...args) {
      await update(driver, "d/x", codec, more);
      return driver.put(...args);
    },
  });
  await assert.rejects(
    update(racing, "d/x", codec, more, { attempts: 3 }),
    (error) => storeCode(error) === "CONFLICT",
  );
  await driver.close();
});
