// G5: how far behind a reader may be, what ends it early, and what is never taken on trust.
import { setTimeout as pause } from "node:timers/promises";
import { memoryStore } from "@citadel/driver-memory";
import type { Change, Driver } from "@citadel/core/driver";
import { follow, openStore, type Store } from "@citadel/core/store";
import { afterEach, describe, expect, test, vi } from "vitest";

import { until } from "../support/until.ts";
import { counted, HOUR, me, memoryDriver, note, shelf, wrapped } from "./store-harness.ts";

const bound = 1000;
const over = (driver: Driver, trust = bound): Store =>
  openStore({ driver, grace: HOUR, memory: 1_000_000, trust });
const notes = async (store: Store, name = "a") =>
  (await store.ledger(shelf).glance(name))?.state.notes.length;

afterEach(() => vi.useRealTimers());

describe("a glance with a bound", () => {
  /** Two servers over one store; only time that is told passes. */
  async function pair() {
    vi.useFakeTimers({ toFake: ["performance"] });
    const shared = memoryStore();
    const { driver, calls } = counted(await memoryDriver(shared));
    const here = over(driver);
    const there = over(await memoryDriver(shared));
    await there.ledger(shelf).change("a", me, () => [note("first")]);
    expect(await notes(here)).toBe(1);
    return { here, there, calls };
  }
  const changeBy = (store: Store) => store.ledger(shelf).change("a", me, () => [note("more")]);

  test("trusts what it knows for the bound and no longer, without asking the store", async () => {
    const { here, there, calls } = await pair();
    await changeBy(there);
    calls.clear();
    vi.advanceTimersByTime(bound - 1);
    expect(await notes(here)).toBe(1);
    expect([...calls]).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(await notes(here)).toBe(2);
  });

  test("a look that found nothing new begins the bound again", async () => {
    const { here, there } = await pair();
    vi.advanceTimersByTime(bound);
    expect(await notes(here)).toBe(1);
    await changeBy(there);
    vi.advanceTimersByTime(bound - 1);
    expect(await notes(here)).toBe(1);
  });

  test("what this process wrote is seen at once, and a read is never behind", async () => {
    const { here, there } = await pair();
    await changeBy(here);
    expect(await notes(here)).toBe(2);
    await changeBy(there);
    expect((await here.ledger(shelf).read("a"))?.state.notes).toHaveLength(3);
    expect(await notes(here)).toBe(3);
  });

  test("a document in doubt is looked at, and so are all", async () => {
    const { here, there } = await pair();
    for (const doubted of ["d/shelf/a", undefined]) {
      await changeBy(there);
      const before = await notes(here);
      here.doubt("d/shelf/another");
      expect(await notes(here)).toBe(before);
      here.doubt(doubted);
      expect(await notes(here)).toBe((before ?? 0) + 1);
    }
  });

  test("that something is missing is never taken on trust", async () => {
    const { here, there } = await pair();
    expect(await notes(here, "b")).toBeUndefined();
    await there.ledger(shelf).change("b", me, () => [note("now")]);
    expect(await notes(here, "b")).toBe(1);
  });

  test("those who come while a look is under way share it; when it finds nothing they look again", async () => {
    const shared = memoryStore();
    const { driver, calls } = counted(await memoryDriver(shared));
    const slow = wrapped(driver, { get: (key) => pause(20).then(() => driver.get(key)) });
    const here = over(slow);
    const there = over(await memoryDriver(shared));
    await there.ledger(shelf).change("a", me, () => [note("first")]);
    const first = notes(here);
    await pause(5);
    expect(await Promise.all([first, ...Array.from({ length: 50 }, () => notes(here))])).toEqual(
      Array(51).fill(1),
    );
    expect(Object.fromEntries(calls)).toEqual({ "get d": 1 });

    const none = notes(here, "b");
    await pause(5);
    const created = there.ledger(shelf).change("b", me, () => [note("now")]);
    await created;
    expect(await notes(here, "b")).toBe(1);
    await none;
  });

  test("an old look that ends late does not bring back what this process has replaced", async () => {
    const shared = memoryStore();
    const driver = await memoryDriver(shared);
    const there = over(await memoryDriver(shared));
    await there.ledger(shelf).change("a", me, () => [note("first")]);
    const held = Promise.withResolvers<void>();
    let holding = true;
    const here = over(
      wrapped(driver, {
        async get(key, options) {
          const item = await driver.get(key, options);
          if (holding && key === "d/shelf/a") {
            holding = false;
            await held.promise;
          }
          return item;
        },
      }),
    );
    const late = notes(here);
    await changeBy(here);
    held.resolve();
    await late;
    expect(await notes(here)).toBe(2);
  });
});

describe("following a store", () => {
  function listener() {
    const told: string[] = [];
    return {
      told,
      changed: (key: string) => void told.push(key),
      reset: () => void told.push("reset"),
    };
  }

  test("tells what others change below the prefix, until it is stopped", async () => {
    const shared = memoryStore();
    const driver = await memoryDriver(shared);
    const other = await memoryDriver(shared);
    const heard = listener();
    const following = follow({ driver, prefix: "d/package/", ...heard });
    await other.put("d/other/x", new Uint8Array());
    await other.put("d/package/x", new Uint8Array());
    await until(async () => heard.told.length > 0);
    expect(heard.told).toEqual(["d/package/x"]);
    expect(following.alive).toBe(true);
    await following.stop();
    await other.put("d/package/y", new Uint8Array());
    expect(heard.told).toEqual(["d/package/x"]);
  });

  test("a feed that breaks puts all in doubt and goes on where it was", async () => {
    const asked: (string | undefined)[] = [];
    const driver: Pick<Driver, "watch"> = {
      async *watch({ since, signal }): AsyncGenerator<Change> {
        asked.push(since);
        yield { kind: "changed", key: `d/package/${asked.length}`, cursor: `c${asked.length}` };
        if (asked.length < 3) throw new Error("the line is dead");
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
    };
    const heard = listener();
    const following = follow({ driver, prefix: "d/package/", ...heard });
    await until(async () => heard.told.includes("d/package/3"));
    expect(asked).toEqual([undefined, "c1", "c2"]);
    expect(heard.told).toEqual(["d/package/1", "reset", "d/package/2", "reset", "d/package/3"]);
    await following.stop();
  });

  test("a store that cannot tell is never alive, and stopping it is nothing", async () => {
    const heard = listener();
    const following = follow({ driver: {}, prefix: "", ...heard });
    expect(following.alive).toBe(false);
    await following.stop();
    expect(heard.told).toEqual([]);
  });
});
