import fc from "fast-check";
import { memoryStore } from "@citadel/driver-memory";
import { storeCode, type Driver } from "@citadel/core/driver";
import { blobKey, manifestKey, type Store } from "@citadel/core/store";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  allKeys,
  content,
  entriesIn,
  HOUR,
  me,
  memoryDriver,
  note,
  problemsOf,
  refOf,
  shelf,
  storeOver,
  wrapped,
} from "./store-harness.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: 1_800_000_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});

const later = (ms: number): void => {
  vi.setSystemTime(Date.now() + ms);
};
const collect = (store: Store, grace = HOUR, dryRun = false) =>
  store.collect({ kinds: [shelf], grace, dryRun });

/** Content, manifest, document: what a publish does. */
async function publish(store: Store, name: string, seed: string | number): Promise<void> {
  const bytes = content(seed, 200);
  const [, manifest] = await Promise.all([
    store.blobs.put(bytes, refOf(bytes)),
    store.manifests.put(content(`manifest ${seed}`, 60)),
  ]);
  const thing = { blob: refOf(bytes), manifest };
  await store.ledger(shelf).change(name, me, () => [{ type: "put", id: String(seed), thing }]);
}

const keysOf = async (store: Store, seed: string | number): Promise<string[]> => [
  blobKey(refOf(content(seed, 200)).integrity),
  manifestKey(await storeOver(await memoryDriver()).manifests.put(content(`manifest ${seed}`, 60))),
];

describe("collection", () => {
  test("takes what no document refers to and is older than the grace time, and nothing else (A7)", async () => {
    const store = storeOver(await memoryDriver());
    for (const [name, seed] of [
      ["a", 1],
      ["a", 2],
      ["b", 2],
      ["@s/c", 3],
    ] as const)
      await publish(store, name, seed);
    await store.ledger(shelf).change("a", me, () => [
      { type: "take", id: "1" },
      { type: "take", id: "2" },
    ]);
    const garbage = await keysOf(store, 1);
    expect(await collect(store)).toEqual({ removed: 0, bytes: 0, keys: [] });
    later(HOUR + 1);
    const before = await allKeys(store.driver);
    const dry = await collect(store, HOUR, true);
    expect(dry.keys.toSorted()).toEqual(garbage.toSorted());
    expect(await allKeys(store.driver)).toEqual(before);
    expect(await collect(store)).toEqual(dry);
    expect(dry).toMatchObject({ removed: 2, bytes: 260 });
    expect(await allKeys(store.driver)).toEqual(before.filter((key) => !garbage.includes(key)));
    expect(await problemsOf(store)).toEqual([]);
  });

  test("takes entries that lost, new and old, and those of names that never came to be", async () => {
    const driver = await memoryDriver();
    const store = storeOver(driver);
    // more revisions than a document remembers write ids of
    for (let n = 0; n < 80; n++) await store.ledger(shelf).change("a", me, () => [note(`${n}`)]);
    await store.ledger(shelf).change("a-b", me, () => [note("x")]);
    const good = await allKeys(driver);
    const entry = (name: string, rev: number, id: string) =>
      `h/shelf/${name}/${String(rev).padStart(10, "0")}-${id}`;
    const lost = [
      entry("a", 1, "0"),
      entry("a", 3, "z"),
      entry("a", 80, "0"),
      entry("a", 81, "x"),
      entry("a-b", 1, "~"),
      entry("nobody", 1, "x"),
      entry("nobody", 1, "y"),
    ];
    for (const key of lost) await driver.put(key, Buffer.from("{}"));
    expect(await problemsOf(store)).toEqual([]);
    expect((await collect(store)).keys).toEqual([]);
    later(HOUR + 1);
    expect((await collect(store)).keys.toSorted()).toEqual(lost.toSorted());
    expect(await allKeys(driver)).toEqual(good);
    expect(await Array.fromAsync(store.ledger(shelf).history("a"))).toHaveLength(80);
  });

  test("removes nothing while a document is damaged, missing or older than its history", async () => {
    const ruin: ((driver: Driver) => Promise<unknown>)[] = [
      (driver) => driver.put("d/shelf/a", Buffer.from("{")),
      (driver) => driver.delete("d/shelf/a"),
      async (driver) => {
        const { body } = (await driver.get("d/shelf/a")) ?? {};
        const ledger = storeOver(driver).ledger(shelf);
        for (const text of ["x", "y"]) await ledger.change("a", me, () => [note(text)]);
        await driver.put("d/shelf/a", body ?? new Uint8Array());
      },
    ];
    for (const ruined of ruin) {
      const driver = await memoryDriver();
      const store = storeOver(driver);
      for (const seed of [1, 2]) await publish(store, "a", seed);
      await store.manifests.put(content("garbage", 10));
      await ruined(driver);
      later(HOUR + 1);
      const before = await allKeys(driver);
      await expect(collect(store)).rejects.toMatchObject({ key: "d/shelf/a" });
      expect(await allKeys(driver)).toEqual(before);
    }
  });

  test("leaves alone what is not its own", async () => {
    const driver = await memoryDriver();
    const others = ["b/readme", "m/sha256/zz/not-a-hash", "d/other/a", "h/shelf/a/odd", "x/y"];
    for (const key of others) await driver.put(key, Buffer.from("x"));
    later(HOUR + 1);
    expect((await collect(storeOver(driver))).keys).toEqual([]);
    expect(await allKeys(driver)).toEqual(others.toSorted());
  });

  test("lets the driver sweep", async () => {
    const driver = await memoryDriver();
    await driver.put("c/old", Buffer.from("x"), { expires: Date.now() + 10 });
    const asked: unknown[] = [];
    const store = storeOver(
      wrapped(driver, { sweep: async (options) => (asked.push(options), { removed: 3 }) }),
    );
    expect(await collect(store)).toMatchObject({ removed: 3, keys: [] });
    expect(asked).toEqual([{ olderThanMs: HOUR }]);
  });
});

describe("a collection beside publishes", () => {
  // Every driver call of everybody waits for its turn, which fast-check gives in any order; the publish starts with
  // things of any age and takes less than half the grace time, as it has to.
  for (const casDelete of [true, false])
    test(`never takes what a publish uses, ${casDelete ? "with" : "without"} conditional deletes (A7, H4)`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.scheduler(),
          fc.constantFrom(0.1, 0.4, 0.49, 0.51, 0.9, 1.01, 3),
          fc.array(fc.constantFrom(0, 0.2), { minLength: 2, maxLength: 2 }),
          fc.boolean(),
          async (scheduler, age, waits, referenced) => {
            const memory = memoryStore();
            const inner = await memoryDriver(memory);
            const prepared = storeOver(inner);
            // left by an unpublished version, or by a publish that died
            if (referenced) {
              await publish(prepared, "old", 1);
              await prepared
                .ledger(shelf)
                .change("old", me, () => [{ type: "take", id: "1" }, note("gone")]);
            } else {
              await prepared.blobs.put(content(1, 200), refOf(content(1, 200)));
              await prepared.manifests.put(content("manifest 1", 60));
            }
            later(age * HOUR);

            const turn =
              <A extends unknown[], R>(label: string, act: (...args: A) => Promise<R>) =>
              (...args: A): Promise<R> =>
                scheduler.schedule(Promise.resolve(), label).then(() => act(...args));
            const scheduled = async (who: string): Promise<Driver> => {
              const driver = await memoryDriver(memory);
              return wrapped(driver, {
                caps: { ...driver.caps, casDelete },
                get: turn(`${who} get`, driver.get),
                head: turn(`${who} head`, driver.head),
                put: turn(`${who} put`, driver.put),
                list: turn(`${who} list`, driver.list),
                // without the condition, looking and deleting are one turn: what is between them is stated as the limit
                delete: casDelete ? turn(`${who} delete`, driver.delete) : driver.delete,
              });
            };
            const publishing = publish(storeOver(await scheduled("publisher")), "new", 1);
            const collector = storeOver(await scheduled("collector"));
            const collecting = turn("collector starts", () => collect(collector))();
            const clock = (async () => {
              for (const wait of waits) await turn("clock", async () => later(wait * HOUR))();
            })();
            await scheduler.waitFor(Promise.all([publishing, collecting, clock]));

            expect(await problemsOf(storeOver(inner))).toEqual([]);
            const again = await collect(storeOver(inner), 0);
            expect(again.keys.filter((key) => /^[bm]/.test(key))).toEqual([]);
            for (const key of await keysOf(prepared, 1))
              expect(await inner.head(key)).toBeDefined();
            expect(await entriesIn(inner, "shelf", "new")).toHaveLength(1);
          },
        ),
        { numRuns: 300 },
      );
    });

  test("a deletion that meets a refreshed object lets it be", async () => {
    const inner = await memoryDriver();
    const bytes = content(1, 200);
    await storeOver(inner).blobs.put(bytes, refOf(bytes));
    later(2 * HOUR);
    const codes: unknown[] = [];
    const driver = wrapped(inner, {
      delete: async (key, options) => {
        await storeOver(inner).blobs.put(bytes, refOf(bytes));
        try {
          await inner.delete(key, options);
        } catch (error) {
          codes.push(storeCode(error));
          throw error;
        }
      },
    });
    expect((await collect(storeOver(driver))).keys).toEqual([]);
    expect(codes).toEqual(["CONFLICT"]);
    expect(await inner.head(blobKey(refOf(bytes).integrity))).toBeDefined();
  });
});
