import { setTimeout as pause } from "node:timers/promises";
import fc from "fast-check";
import { memoryStore } from "@citadel/driver-memory";
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  counted,
  counts,
  documentKeys,
  entriesIn,
  me,
  memoryDriver,
  note,
  problemsOf,
  shelf,
  storeOver,
  wrapped,
  type CountEvent,
  type ShelfEvent,
} from "./store-harness.ts";

afterEach(() => {
  vi.useRealTimers();
});

/** Refuses the second note of one text. */
const noteOnce =
  (text: string) =>
  (state: { notes: readonly string[] } | undefined): ShelfEvent[] => {
    if (state?.notes.includes(text)) throw new Error(`${text} is there already`);
    return [note(text)];
  };

describe("a ledger", () => {
  test("reads its own writes, knows what is absent, and parses a document once (head and a look-up)", async () => {
    const { driver, calls } = counted(await memoryDriver());
    const ledger = storeOver(driver).ledger(shelf);
    expect(await ledger.read("a")).toBeUndefined();
    const written = await ledger.change("a", me, () => [note("one")]);
    calls.clear();
    const read = await ledger.read("a");
    expect(read).toBe(written);
    expect(read).toMatchObject({ name: "a", rev: 1, state: { notes: ["one"] } });
    expect([...calls]).toEqual([["head d", 1]]);

    const other = storeOver(driver).ledger(shelf);
    calls.clear();
    const [first, second] = [await other.read("a"), await other.read("a")];
    expect(second).toBe(first);
    expect(first).toEqual(read);
    expect([...calls]).toEqual([
      ["get d", 1],
      ["head d", 1],
    ]);
  });

  test("an empty list of events changes nothing and resolves with what is there", async () => {
    const { driver, calls } = counted(await memoryDriver());
    const ledger = storeOver(driver).ledger(shelf);
    expect(await ledger.change("a", me, () => [])).toBeUndefined();
    const written = await ledger.change("a", me, () => [note("one")]);
    calls.clear();
    expect(await ledger.change("a", me, () => [])).toBe(written);
    expect(calls.has("put d") || calls.has("put h")).toBe(false);
  });

  test("100 parallel changes of one name are all in, in one document put (B1)", async () => {
    const { driver, calls } = counted(await memoryDriver());
    const store = storeOver(driver);
    const ledger = store.ledger(shelf);
    const texts = Array.from({ length: 100 }, (_, i) => `n${i}`);
    const done = await Promise.all(texts.map((text) => ledger.change("a", me, noteOnce(text))));
    expect(done.at(-1)?.state.notes).toEqual(texts);
    expect(calls.get("put d")).toBe(1);
    expect(calls.get("put h")).toBe(1);
    const [entry] = await Array.fromAsync(ledger.history("a"));
    expect(entry?.changes.map((change) => change.events)).toEqual(texts.map((t) => [note(t)]));
    expect(await problemsOf(store)).toEqual([]);
  });

  test("what arrives during a move goes into the next one", async () => {
    const inner = await memoryDriver();
    const { driver, calls } = counted(inner);
    const gate = Promise.withResolvers<void>();
    const slow = wrapped(driver, {
      put: async (key, body, options) => {
        if (key.startsWith("h/")) await gate.promise;
        return driver.put(key, body, options);
      },
    });
    const ledger = storeOver(slow).ledger(shelf);
    const first = ledger.change("a", me, noteOnce("first"));
    await pause(1);
    const rest = Array.from({ length: 300 }, (_, i) => ledger.change("a", me, noteOnce(`n${i}`)));
    gate.resolve();
    await first;
    await Promise.all(rest);
    expect((await ledger.read("a"))?.state.notes).toHaveLength(301);
    // at most 256 of them share a move
    expect(calls.get("put d")).toBe(3);
  });

  test("of 100 parallel changes that exclude each other exactly one is done; refusals reach only their callers (B27)", async () => {
    const store = storeOver(await memoryDriver());
    const ledger = store.ledger(shelf);
    const all = await Promise.allSettled([
      ...Array.from({ length: 100 }, () => ledger.change("a", me, noteOnce("same"))),
      ledger.change("a", me, noteOnce("other")),
    ]);
    const refused = all.filter((one) => one.status === "rejected");
    expect(refused).toHaveLength(99);
    for (const { reason } of refused) expect(reason).toEqual(new Error("same is there already"));
    expect((await ledger.read("a"))?.state.notes).toEqual(["same", "other"]);
    const [entry] = await Array.fromAsync(ledger.history("a"));
    expect(entry?.changes).toHaveLength(2);
  });

  test("a refusal that rests on a fellow's change is none when that change was not stored", async () => {
    const inner = await memoryDriver();
    let full = true;
    const driver = wrapped(inner, {
      put: async (key, body, options) => {
        if (full && key.startsWith("d/"))
          throw Object.assign(new Error("full"), { name: "StoreError", code: "FULL" });
        return inner.put(key, body, options);
      },
    });
    const ledger = storeOver(driver).ledger(shelf);
    const twice = [1, 2].map(() => ledger.change("a", me, noteOnce("same")));
    for (const one of await Promise.allSettled(twice))
      expect(one).toMatchObject({ status: "rejected", reason: { code: "FULL" } });
    expect(await ledger.read("a")).toBeUndefined();
    full = false;
    expect((await ledger.change("a", me, noteOnce("same")))?.rev).toBe(1);
  });

  test("two stores over one driver race: nothing lost, nothing twice, one chain (H4)", async () => {
    const memory = memoryStore();
    const stores = await Promise.all(
      [0, 1, 2].map(async () => storeOver(await memoryDriver(memory))),
    );
    let answered = 0;
    await Promise.all(
      stores.flatMap((store, s) =>
        Array.from({ length: 40 }, async (_, i) => {
          await pause(Math.random() * 20);
          await store.ledger(shelf).change("a", me, noteOnce(`${s}-${i}`));
          answered++;
        }),
      ),
    );
    expect(answered).toBe(120);
    for (const store of stores) {
      const doc = await store.ledger(shelf).read("a");
      expect(new Set(doc?.state.notes).size).toBe(120);
      expect(doc?.state.notes).toHaveLength(120);
      const entries = await Array.fromAsync(store.ledger(shelf).history("a"));
      expect(entries).toHaveLength(doc?.rev ?? 0);
      expect(entries.flatMap((entry) => entry.changes)).toHaveLength(120);
      expect(await problemsOf(store)).toEqual([]);
    }
  });

  test("after a lost race every fellow is decided on anew, on the fresh state", async () => {
    const memory = memoryStore();
    const [mine, theirs] = [await memoryDriver(memory), await memoryDriver(memory)];
    let interfere = true;
    const driver = wrapped(mine, {
      put: async (key, body, options) => {
        if (interfere && key.startsWith("d/")) {
          interfere = false;
          await storeOver(theirs).ledger(shelf).change("a", me, noteOnce("b"));
        }
        return mine.put(key, body, options);
      },
    });
    const ledger = storeOver(driver).ledger(shelf);
    const results = await Promise.allSettled(
      ["a", "b", "c"].map((text) => ledger.change("a", me, noteOnce(text))),
    );
    expect(results.map((one) => one.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect((await ledger.read("a"))?.state.notes).toEqual(["b", "a", "c"]);
    // the entry of the lost race is still there, and counts for nothing
    expect(await entriesIn(mine, "shelf", "a")).toHaveLength(3);
    expect(await Array.fromAsync(ledger.history("a"))).toHaveLength(2);
  });

  test("lists names in key order, by prefix, in pages; odd names keep apart", async () => {
    const store = storeOver(await memoryDriver());
    const ledger = store.ledger(shelf);
    const names = [
      "@s/p",
      "@s/q",
      "a",
      "a-b",
      "A",
      ".x",
      "..y",
      "é",
      "a/b",
      "__proto__",
      "x%2Fy",
      ".",
      "..",
    ];
    for (const name of names) await ledger.change(name, me, () => [note(name)]);
    const seen: string[] = [];
    for (let after: string | undefined; ;) {
      const page = await ledger.list({ limit: 5, ...(after === undefined ? {} : { after }) });
      seen.push(...page.items.map((item) => item.name));
      if (page.next === undefined) break;
      after = page.next;
    }
    expect(seen.toSorted()).toEqual(names.toSorted());
    for (const name of names) {
      expect((await ledger.read(name))?.state.notes).toEqual([name]);
      // these two are spelled in a way of their own, for they would be folders
      if (name === "." || name === "..") continue;
      const found = await ledger.list({ prefix: name });
      expect(found.items.map((item) => item.name)).toContain(name);
      for (const item of found.items) expect(item.name.startsWith(name)).toBe(true);
    }
    expect((await ledger.list({ prefix: "@s/" })).items.map((item) => item.name)).toEqual([
      "@s/p",
      "@s/q",
    ]);
    expect((await documentKeys(store.driver)).length).toBe(names.length);
    expect(await problemsOf(store)).toEqual([]);
  });

  test("a name that no key can hold is refused and harms nobody", async () => {
    const ledger = storeOver(await memoryDriver()).ledger(shelf);
    await expect(ledger.change("", me, () => [note("x")])).rejects.toMatchObject({
      code: "INVALID",
    });
    await expect(ledger.change("x".repeat(600), me, () => [note("x")])).rejects.toMatchObject({
      code: "INVALID",
    });
    expect(await ledger.change("a", me, () => [note("x")])).toMatchObject({ rev: 1 });
  });

  test("close waits for the moves under way", async () => {
    const inner = await memoryDriver();
    const driver = wrapped(inner, {
      put: async (key, body, options) => {
        await pause(10);
        return inner.put(key, body, options);
      },
    });
    const store = storeOver(driver);
    const change = store.ledger(shelf).change("a", me, () => [note("x")]);
    await store.close();
    expect(await change).toMatchObject({ rev: 1 });
  });
});

const shelfEvents: fc.Arbitrary<ShelfEvent> = fc.oneof(
  fc.record({ type: fc.constant("note" as const), text: fc.string({ unit: "grapheme" }) }),
  fc.record({
    type: fc.constant("put" as const),
    id: fc.constantFrom("x", "y", "__proto__", "constructor", "1"),
    thing: fc.constant({}),
  }),
  fc.record({ type: fc.constant("take" as const), id: fc.constantFrom("x", "y", "1") }),
);
const countEvents: fc.Arbitrary<CountEvent> = fc.record({
  of: fc.constantFrom("x", "y", "__proto__", "1"),
  by: fc.integer({ min: -9, max: 9 }),
});

describe("any history", () => {
  for (const { kind, events } of [
    { kind: shelf, events: shelfEvents },
    { kind: counts, events: countEvents },
  ] as { kind: typeof shelf; events: typeof shelfEvents }[])
    test(`of the kind ${kind.name} verifies, and as-of equals folding so far (H4)`, async () => {
      vi.useFakeTimers({ toFake: ["Date"], now: 1_000_000 });
      await fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.record({
              name: fc.constantFrom("a", "@s/p"),
              // clocks go back, too
              wait: fc.integer({ min: -50, max: 100 }),
              together: fc.array(fc.array(events, { maxLength: 3 }), {
                minLength: 1,
                maxLength: 4,
              }),
              fresh: fc.boolean(),
            }),
            { maxLength: 12 },
          ),
          async (steps) => {
            const driver = await memoryDriver();
            let store = storeOver(driver);
            const states: { name: string; at: number; state: unknown }[] = [];
            const acknowledged = new Map<string, number>();
            for (const { name, wait, together, fresh } of steps) {
              vi.setSystemTime(Date.now() + wait);
              // what was parsed must go on as what was kept
              if (fresh) store = storeOver(driver);
              const done = await Promise.all(
                together.map((list) => store.ledger(kind).change(name, me, () => list)),
              );
              const doc = done.at(-1);
              const changes = together.filter((list) => list.length > 0).length;
              acknowledged.set(name, (acknowledged.get(name) ?? 0) + changes);
              if (doc) states.push({ name, at: doc.modified, state: doc.state });
            }
            for (const name of ["a", "@s/p"]) {
              const mine = states.filter((one) => one.name === name);
              for (const { at } of mine)
                expect(await store.ledger(kind).asOf(name, at)).toEqual(
                  mine.findLast((one) => one.at === at)?.state,
                );
              expect(await store.ledger(kind).asOf(name, 0)).toBeUndefined();
              const entries = await Array.fromAsync(store.ledger(kind).history(name));
              expect(entries.flatMap((entry) => entry.changes)).toHaveLength(
                acknowledged.get(name) ?? 0,
              );
              expect(entries.map((entry) => entry.rev)).toEqual(
                entries.map((_, i) => entries.length - i),
              );
            }
            expect(await problemsOf(store)).toEqual([]);
          },
        ),
        { numRuns: 60 },
      );
    });
});
