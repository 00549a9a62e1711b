import assert from "node:assert/strict";
import type { Driver } from "../../driver/driver.ts";
import { storeCode } from "../../driver/error.ts";
import {
  bytes,
  chunked,
  collect,
  fails,
  pattern,
  same,
  text,
  until,
  type Case,
} from "../harness.ts";

const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

/** Runs `work` with a signal that is aborted after `turns` of the event loop (or of its microtasks). */
async function cut<T>(
  turns: number,
  micro: boolean,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<{ value: T } | { code: string }> {
  const stop = new AbortController();
  const result = work(stop.signal).then(
    (value) => ({ value }),
    (error: unknown) => {
      const code = storeCode(error);
      assert.ok(
        code,
        `not a driver's error: ${error instanceof Error ? error.stack : String(error)}`,
      );
      return { code };
    },
  );
  for (let n = 0; n < turns; n++) await (micro ? undefined : turn());
  stop.abort(new Error("changed my mind"));
  return result;
}

const cuts = [
  ...Array.from({ length: 16 }, (_, n) => [n, true] as const),
  ...Array.from({ length: 14 }, (_, n) => [n, false] as const),
];

/** Abort, at every await: a clear outcome, a store in one of the two states, and nothing left running. */
export const abort: readonly Case[] = [
  {
    name: "a signal that is aborted already: ABORTED, and nothing happens",
    async run({ driver, key }) {
      await driver.put(key("k"), bytes("old"));
      const signal = AbortSignal.abort(new Error("changed my mind"));
      let asked = false;
      const source = (async function* () {
        asked = true;
        yield bytes("new");
      })();
      await fails("ABORTED", driver.get(key("k"), { signal }), "get");
      await fails("ABORTED", driver.head(key("k"), { signal }), "head");
      await fails("ABORTED", driver.put(key("k"), bytes("new"), { signal }), "put");
      await fails("ABORTED", driver.delete(key("k"), { signal }), "delete");
      await fails("ABORTED", driver.list({ signal }), "list");
      await fails("ABORTED", driver.read(key("k"), { signal }), "read");
      await fails("ABORTED", driver.write(key("k"), source, { signal }), "write");
      assert.equal(asked, false, "the source was asked for bytes");
      assert.equal(text((await driver.get(key("k")))?.body), "old");
    },
  },
  {
    name: "put, write and delete: done, ABORTED and not done, or UNKNOWN",
    async run({ driver, key }) {
      const body = pattern(150_000);
      const works: Record<string, (signal: AbortSignal) => Promise<unknown>> = {
        put: (signal) => driver.put(key("k"), body, { signal }),
        write: (signal) => driver.write(key("k"), chunked(body, 20_000), { signal }),
        delete: (signal) => driver.delete(key("k"), { signal }),
      };
      for (const [name, work] of Object.entries(works))
        for (const [turns, micro] of cuts) {
          const what = `${name} cut after ${turns} ${micro ? "microtasks" : "turns"}`;
          await driver.put(key("k"), bytes("old"));
          const result = await cut(turns, micro, work);
          const now = (await driver.get(key("k")))?.body;
          const old = text(now) === "old";
          if (!old) {
            if (name === "delete") assert.equal(now, undefined, what);
            else same(now, body, what);
          }
          if ("value" in result) assert.ok(!old, `${what}: acknowledged and not there`);
          else if (result.code === "ABORTED") assert.ok(old, `${what}: ABORTED and there`);
          else assert.equal(result.code, "UNKNOWN", what);
        }
    },
  },
  {
    name: "get, head, list and read: the answer or ABORTED",
    async run({ driver, key, prefix }) {
      const body = pattern(150_000);
      await driver.put(key("k"), body);
      const works: Record<string, (signal: AbortSignal) => Promise<unknown>> = {
        get: async (signal) => same((await driver.get(key("k"), { signal }))?.body, body),
        head: async (signal) => assert.ok(await driver.head(key("k"), { signal })),
        list: async (signal) => {
          const { entries } = await driver.list({ prefix, signal });
          if (driver.caps.list === "strong") assert.equal(entries.length, 1);
        },
        read: async (signal) => {
          const opened = await driver.read(key("k"), { signal });
          await opened!.stream.cancel();
        },
      };
      for (const [name, work] of Object.entries(works))
        for (const [turns, micro] of cuts) {
          const result = await cut(turns, micro, work);
          if ("code" in result) assert.equal(result.code, "ABORTED", `${name} after ${turns}`);
        }
      same(await collect((await driver.read(key("k")))!.stream), body);
    },
  },
  {
    name: "a write whose source hangs ends at once when it is aborted, and by its timeout",
    async run({ driver, key }) {
      const hanging = (begun: () => void) =>
        (async function* () {
          yield pattern(100_000);
          begun();
          await new Promise(() => {});
        })();
      const stop = new AbortController();
      const begun = Promise.withResolvers<void>();
      const aborted = driver.write(key("k"), hanging(begun.resolve), { signal: stop.signal });
      const ended = fails(["ABORTED", "UNKNOWN"], aborted, "aborted");
      await begun.promise;
      stop.abort();
      await ended;
      const timed = driver.write(
        key("k"),
        hanging(() => {}),
        { timeoutMs: 100 },
      );
      await fails(["ABORTED", "UNKNOWN"], timed, "timed out");
      assert.equal(await driver.head(key("k")), undefined);
      await driver.write(key("k"), chunked(bytes("later")));
      assert.equal(text((await driver.get(key("k")))?.body), "later");
    },
  },
  {
    name: "a signal that is never aborted keeps no listeners",
    async run({ driver, key }) {
      const { signal } = new AbortController();
      let listeners = 0;
      const add = signal.addEventListener.bind(signal);
      const remove = signal.removeEventListener.bind(signal);
      const live = new Set<unknown>();
      signal.addEventListener = (...args: Parameters<typeof add>) => {
        live.add(args[1]);
        listeners++;
        add(...args);
      };
      signal.removeEventListener = (...args: Parameters<typeof remove>) => {
        live.delete(args[1]);
        remove(...args);
      };
      await use(driver, key("k"), signal);
      await until(0);
      assert.equal(live.size, 0, `${live.size} of ${listeners} listeners are left`);
    },
  },
];

async function use(driver: Driver, key: string, signal: AbortSignal): Promise<void> {
  await driver.put(key, bytes("x"), { signal });
  await driver.get(key, { signal });
  await driver.head(key, { signal });
  await driver.list({ signal });
  await driver.write(key, chunked(pattern(100_000), 10_000), { signal });
  await collect((await driver.read(key, { signal }))!.stream);
  await driver.delete(key, { signal });
}
