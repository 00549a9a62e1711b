import { countDays, dayOf } from "@citadel/core/counts";
import { split, type Driver } from "@citadel/core/driver";
import { copyStore, planCopy } from "@citadel/core/store";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { allKeys, HOUR, memoryDriver, problemsOf, shelf, storeOver } from "./store-harness.ts";

const start = Date.parse("2026-11-28T12:00:00Z");
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: start });
});
afterEach(() => {
  vi.useRealTimers();
});

const counter = (driver: Driver, days = 30) =>
  countDays<{ n: number }>(driver, {
    name: "test",
    days,
    empty: () => ({ n: 0 }),
    encode: ({ n }) => n,
    decode: (json) => {
      if (typeof json !== "number") throw new Error("no number");
      return { n: json };
    },
  });
const read = async (days: ReturnType<typeof counter>) => {
  const found: Record<string, number> = {};
  for await (const { day, counts } of days.read()) found[day] = (found[day] ?? 0) + counts.n;
  return found;
};

test("F4: processes count each for itself, what is read is the sum, day by day", async () => {
  const driver = await memoryDriver();
  const [one, other] = [counter(driver), counter(driver)];
  one.today().n += 2;
  other.today().n += 3;
  await other.close();
  expect(await read(one)).toEqual({ "2026-11-28": 5 });
  other.today().n += 1;
  await other.close();
  expect(await read(one)).toEqual({ "2026-11-28": 6 });

  vi.setSystemTime(start + 24 * HOUR);
  one.today().n += 1;
  const more = one.further(2);
  if (more) more.n += 10;
  expect(one.further(2)).toBeUndefined();
  expect(await read(one)).toEqual({ "2026-11-28": 6, "2026-11-29": 11 });
  expect(await allKeys(driver)).toHaveLength(4);
});

test("what is older than the days it is kept is forgotten, and damage stops nobody", async () => {
  const driver = await memoryDriver();
  const days = counter(driver, 7);
  days.today().n += 1;
  await days.close();
  await driver.put("n/test/2026-11-28/broken-000", Buffer.from("{"));
  await driver.put("n/test/2026-11-28/strange-000", Buffer.from('"text"'));
  expect(await read(days)).toEqual({ "2026-11-28": 1 });
  vi.setSystemTime(start + 8 * 24 * HOUR);
  expect(await read(days)).toEqual({});
  days.today().n += 1;
  await days.close();
  expect((await allKeys(driver)).map((key) => key.split("/")[2])).toEqual([dayOf(Date.now())]);
});

test("counts lie with the documents; collector and check leave them alone, a copy of the store takes them along", async () => {
  const docs = await memoryDriver();
  const blobs = await memoryDriver();
  const driver = split({ docs, blobs });
  await driver.open();
  const days = counter(driver);
  days.today().n += 4;
  await days.close();
  const [key = ""] = await allKeys(docs);
  expect(key).toMatch(/^n\/test\/2026-11-28\//);
  expect(await allKeys(blobs)).toEqual([]);

  vi.setSystemTime(start + 100 * HOUR);
  const store = storeOver(driver);
  expect((await store.collect({ kinds: [shelf], grace: HOUR })).keys).toEqual([]);
  expect(await problemsOf(store)).toEqual([]);
  const to = await memoryDriver();
  await copyStore(driver, to, await planCopy(driver, to));
  expect(await read(counter(to))).toEqual({ "2026-11-28": 4 });
});
