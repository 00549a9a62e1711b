import { setTimeout as pause } from "node:timers/promises";
import fc from "fast-check";
import { memoryStore } from "@citadel/driver-memory";
import { StoreError, storeCode } from "@citadel/core/driver";
import { openStore } from "@citadel/core/store";
import { describe, expect, test } from "vitest";
import {
  content,
  counts,
  entriesIn,
  faulty,
  HOUR,
  me,
  memoryDriver,
  note,
  problemsOf,
  refOf,
  shelf,
  storeOver,
  wrapped,
  type Fault,
} from "./store-harness.ts";

const possible = { in: [1], out: [0], unknown: [0, 1] };

describe("behind a line that loses requests and answers", () => {
  test("every change is in exactly once, or certainly not, or reported as unknown (H4)", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.infiniteStream(
          fc.oneof(
            { weight: 6, arbitrary: fc.constant<Fault>("none") },
            {
              weight: 4,
              arbitrary: fc.constantFrom<Fault>("lost", "late", "never", "unavailable"),
            },
          ),
        ),
        fc.infiniteStream(fc.integer({ min: 0, max: 99 })),
        async (faults, numbers) => {
          const memory = memoryStore();
          const servers = await Promise.all(
            [0, 1].map(async () =>
              faulty(
                await memoryDriver(memory),
                () => faults.next().value,
                () => numbers.next().value < 3,
              ),
            ),
          );
          const outcomes = new Map<string, keyof typeof possible>();
          await Promise.all(
            servers.flatMap(({ driver }, s) => {
              const ledger = storeOver(driver).ledger(counts);
              return Array.from({ length: 12 }, async (_, i) => {
                const of = `${s}-${i}`;
                await pause(numbers.next().value / 5);
                try {
                  await ledger.change("a", me, () => [{ of, by: 1 }]);
                  outcomes.set(of, "in");
                } catch (error) {
                  const code = storeCode(error);
                  if (code === undefined) throw error;
                  outcomes.set(of, code === "UNKNOWN" ? "unknown" : "out");
                }
              });
            }),
          );
          for (const { arrived } of servers) await arrived();

          const store = storeOver(await memoryDriver(memory));
          const doc = await store.ledger(counts).read("a");
          for (const [of, outcome] of outcomes) {
            const times = doc?.state.get(of) ?? 0;
            expect(possible[outcome], `${of}, which is ${outcome}`).toContain(times);
          }
          const entries = await Array.fromAsync(store.ledger(counts).history("a"));
          expect(entries.flatMap((entry) => entry.changes)).toHaveLength(doc?.state.size ?? 0);
          expect(await problemsOf(store)).toEqual([]);
        },
      ),
      { numRuns: 25 },
    );
  });

  test("a put that reports a conflict with itself is found to be its own", async () => {
    const inner = await memoryDriver();
    const plan: Fault[] = ["none", "lost"]; // the entry, then the document
    const { driver } = faulty(inner, () => plan.shift() ?? "none");
    const ledger = storeOver(driver).ledger(counts);
    const doc = await ledger.change("a", me, () => [{ of: "x", by: 1 }]);
    expect(doc).toMatchObject({ rev: 1 });
    expect(doc?.etag).toBe((await inner.head("d/counts/a"))?.etag);
    expect((await ledger.change("a", me, () => [{ of: "x", by: 1 }]))?.state.get("x")).toBe(2);
    expect(await entriesIn(inner, "counts", "a")).toHaveLength(2);
  });

  test("a write that may have happened is never reported as one that did not", async () => {
    const inner = await memoryDriver();
    const fails = (code: "UNKNOWN" | "CLOSED", key: string) => new StoreError(code, "!", { key });
    let puts = 0;
    const driver = wrapped(inner, {
      put: async (key, body, options) => {
        if (key.startsWith("h/")) return inner.put(key, body, options);
        throw fails(puts++ === 0 ? "UNKNOWN" : "CLOSED", key);
      },
    });
    const change = storeOver(driver)
      .ledger(counts)
      .change("a", me, () => [{ of: "x", by: 1 }]);
    await expect(change).rejects.toMatchObject({ code: "UNKNOWN" });
    expect(puts).toBe(2);

    const lost = wrapped(inner, {
      put: async (key, body, options) => {
        await inner.put(key, body, options);
        if (key.startsWith("d/")) throw fails("UNKNOWN", key);
        return inner.put(key, body);
      },
      head: async (key) => {
        throw fails("CLOSED", key);
      },
      get: async (key) => {
        if (puts++ > 2) throw fails("CLOSED", key);
        return undefined;
      },
    });
    const other = storeOver(lost)
      .ledger(counts)
      .change("b", me, () => [{ of: "x", by: 1 }]);
    await expect(other).rejects.toMatchObject({ code: "UNKNOWN" });
  });

  test("a store that stays away is told as such, and the name is usable again later", async () => {
    let away = true;
    const { driver } = faulty(
      await memoryDriver(),
      () => "none",
      () => away,
    );
    const ledger = storeOver(driver).ledger(counts);
    const changes = [1, 2, 3].map(() => ledger.change("a", me, () => [{ of: "x", by: 1 }]));
    for (const one of await Promise.allSettled(changes))
      expect(one).toMatchObject({ status: "rejected", reason: { code: "UNAVAILABLE" } });
    away = false;
    expect((await ledger.change("a", me, () => [{ of: "x", by: 1 }]))?.state.get("x")).toBe(1);
  });

  test("objects are stored through lost answers and refused ones", async () => {
    const inner = await memoryDriver();
    const plan: Fault[] = ["lost", "unavailable", "never", "lost", "unavailable", "lost"];
    const { driver } = faulty(inner, () => plan.shift() ?? "none");
    const store = storeOver(driver);
    const bytes = content(1, 1000);
    await store.blobs.put(bytes, refOf(bytes));
    const name = await store.manifests.put(content(2, 100));
    expect(await store.blobs.bytes(refOf(bytes))).toEqual(bytes);
    expect(await store.manifests.get(name)).toEqual(content(2, 100));
    expect(plan).toEqual([]);
  });
});

describe("a writer that dies", () => {
  const dying = async (point: string) => {
    const driver = await memoryDriver();
    const died = new Error("gone");
    const store = openStore({
      driver,
      grace: HOUR,
      memory: 100_000,
      crash(at) {
        if (at === point) throw died;
      },
    });
    const bytes = content(point, 500);
    const publish = async () => {
      await store.blobs.put(bytes, refOf(bytes));
      const manifest = await store.manifests.put(content("m", 50));
      const thing = { blob: refOf(bytes), manifest };
      return store.ledger(shelf).change("a", me, () => [{ type: "put", id: "1", thing }]);
    };
    await expect(publish()).rejects.toBe(died);
    return { driver, again: storeOver(driver), bytes };
  };

  for (const { point, left } of [
    { point: "blob", left: 1 },
    { point: "manifest", left: 2 },
    { point: "entry", left: 3 },
  ])
    test(`after the ${point} has done nothing, and leaves what a collection takes away (H4)`, async () => {
      const { again } = await dying(point);
      expect(await again.ledger(shelf).read("a")).toBeUndefined();
      expect(await Array.fromAsync(again.ledger(shelf).history("a"))).toEqual([]);
      expect(await problemsOf(again)).toEqual([]);
      // what was written this very millisecond is not older than it
      await pause(2);
      const { keys } = await again.collect({ kinds: [shelf], grace: 0 });
      expect(keys).toHaveLength(left);
      expect((await again.driver.list()).entries).toEqual([]);
      // the name is as free as before
      expect(await again.ledger(shelf).change("a", me, () => [note("x")])).toMatchObject({
        rev: 1,
      });
      expect(await problemsOf(again)).toEqual([]);
    });

  test("after the document has done everything (H4)", async () => {
    const { again, bytes } = await dying("document");
    const doc = await again.ledger(shelf).read("a");
    expect(doc?.state.things["1"]?.blob).toEqual(refOf(bytes));
    expect(await again.blobs.bytes(refOf(bytes))).toEqual(bytes);
    await pause(2);
    expect(await again.collect({ kinds: [shelf], grace: 0 })).toMatchObject({ removed: 0 });
    expect(await problemsOf(again)).toEqual([]);
  });
});

describe("a broken chain", () => {
  test("history and as-of reads say E_HISTORY at the place where it breaks (H4)", async () => {
    const driver = await memoryDriver();
    const ledger = storeOver(driver).ledger(shelf);
    for (const text of ["one", "two", "three"]) await ledger.change("a", me, () => [note(text)]);
    const second = (await entriesIn(driver, "shelf", "a"))[1] ?? "";
    const bytes = (await driver.get(second))?.body ?? new Uint8Array();
    const forged = Buffer.from(Buffer.from(bytes).toString().replace("two", "owt"));

    const read: number[] = [];
    const walk = async () => {
      for await (const entry of ledger.history("a")) read.push(entry.rev);
    };
    await driver.put(second, forged);
    await expect(walk()).rejects.toMatchObject({ code: "E_HISTORY", key: second });
    expect(read).toEqual([3]);
    await expect(ledger.asOf("a", Date.now())).rejects.toMatchObject({ code: "E_HISTORY" });
    await driver.delete(second);
    await expect(walk()).rejects.toMatchObject({ code: "E_HISTORY", key: second });
    await driver.put(second, bytes);
    await walk();
    expect(read.slice(-3)).toEqual([3, 2, 1]);
  });

  test("a document that cannot be read is E_INTEGRITY for readers and writers, and stays as it is", async () => {
    const driver = await memoryDriver();
    await storeOver(driver)
      .ledger(shelf)
      .change("a", me, () => [note("one")]);
    for (const damaged of ["", "{}", "null", '{"v":2}', "\u00ff", '{"v":1,"rev":1']) {
      const bytes = Buffer.from(damaged, "latin1");
      await driver.put("d/shelf/a", bytes);
      const ledger = storeOver(driver).ledger(shelf);
      await expect(ledger.read("a")).rejects.toMatchObject({ code: "E_INTEGRITY" });
      const change = ledger.change("a", me, () => [note("two")]);
      await expect(change).rejects.toMatchObject({ code: "E_INTEGRITY", key: "d/shelf/a" });
      expect(Buffer.from((await driver.get("d/shelf/a"))?.body ?? [])).toEqual(bytes);
    }
  });

  test("a driver that answers with an old entry under the newest etag is not believed", async () => {
    const inner = await memoryDriver();
    const ledger = storeOver(inner).ledger(shelf);
    for (const text of ["one", "two"]) await ledger.change("a", me, () => [note(text)]);
    const [first = "", second = ""] = await entriesIn(inner, "shelf", "a");
    const driver = wrapped(inner, { get: (key) => inner.get(key === second ? first : key) });
    const history = storeOver(driver).ledger(shelf).history("a");
    await expect(Array.fromAsync(history)).rejects.toMatchObject({ code: "E_HISTORY" });
  });
});
