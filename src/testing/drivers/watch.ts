import assert from "node:assert/strict";
import type { Change, Driver, Key } from "../../driver/driver.ts";
import { bytes, chunked, until, type Case } from "../harness.ts";

const none = (caps: { watch: string }) => caps.watch === "none" && "watch: none";

/** A running watch that remembers everything it was told. */
function watcher(driver: Driver, options: { prefix?: string; since?: string } = {}) {
  const stop = new AbortController();
  const seen: Change[] = [];
  const ended = (async () => {
    for await (const change of driver.watch!({ ...options, signal: stop.signal }))
      seen.push(change);
  })();
  return {
    seen,
    told: (key: Key) => seen.some((change) => change.kind === "reset" || change.key === key),
    async stop() {
      stop.abort();
      await ended;
    },
  };
}

/** Repeats `change` until `heard`: a hint may be late, and a watch may need a moment to begin. */
async function eventually(heard: () => boolean, change?: () => Promise<unknown>): Promise<void> {
  const deadline = Date.now() + 15_000;
  for (let n = 0; !heard(); n++) {
    assert.ok(Date.now() < deadline, "no hint within 15 seconds");
    if (change && n % 10 === 0) await change();
    await until(30);
  }
}

/** Watch: hints, at least once; and a reset where some may be missing. */
export const watch: readonly Case[] = [
  {
    name: "put, write and delete are told, to this instance and to others",
    unless: none,
    async run({ driver, key, second }) {
      const other = await second();
      const watchers = [watcher(driver), watcher(other)];
      const told = (name: string) => () => watchers.every((one) => one.told(key(name)));
      await eventually(told("a"), () => driver.put(key("a"), bytes("x")));
      for (const one of watchers) one.seen.length = 0;
      await driver.write(key("b"), chunked(bytes("x")));
      await eventually(told("b"));
      for (const one of watchers) one.seen.length = 0;
      await driver.delete(key("b"));
      await eventually(told("b"));
      for (const one of watchers) await one.stop();
    },
  },
  {
    name: "only keys with the prefix are told",
    unless: none,
    async run({ driver, key }) {
      const one = watcher(driver, { prefix: key("in/") });
      await eventually(
        () => one.told(key("in/x")),
        async () => {
          await driver.put(key("out/x"), bytes("x"));
          await driver.put(key("in"), bytes("x"));
          await driver.put(key("in/x"), bytes("x"));
        },
      );
      await one.stop();
      for (const change of one.seen)
        if (change.kind === "changed") assert.ok(change.key.startsWith(key("in/")), change.key);
    },
  },
  {
    name: "a remembered cursor gets everything since, or a reset",
    unless: none,
    async run({ driver, key, second }) {
      const first = watcher(driver);
      await eventually(
        () => first.seen.length > 0,
        () => driver.put(key("a"), bytes("x")),
      );
      await first.stop();
      const since = first.seen.at(-1)!.cursor;
      assert.match(since, /^[!-~]{1,1024}$/);
      const missed = Array.from({ length: 10 }, (_, n) => key(`missed${n}`));
      for (const one of missed) await driver.put(one, bytes("x"));
      await driver.delete(missed[0]!);
      for (const reader of [driver, await second()]) {
        const later = watcher(reader, { since });
        await eventually(() => missed.every((one) => later.told(one)));
        await later.stop();
      }
    },
  },
  {
    name: "a cursor that nobody knows gets a reset",
    unless: none,
    async run({ driver, key }) {
      for (const since of ["gone", "0", "999999999", ""]) {
        const one = watcher(driver, { since });
        await eventually(
          () => one.seen.some((change) => change.kind === "reset"),
          () => driver.put(key("a"), bytes("x")),
        );
        await one.stop();
      }
    },
  },
  {
    name: "an aborted watch ends without an error; so does one that never began, and one of a closed driver",
    unless: none,
    async run({ driver, key, second }) {
      const one = watcher(driver);
      await until(50);
      await one.stop();
      for await (const change of driver.watch!({ signal: AbortSignal.abort() }))
        assert.fail(`told ${JSON.stringify(change)} after abort`);
      const other = await second();
      const two = watcher(other);
      await eventually(
        () => two.seen.length > 0,
        () => driver.put(key("a"), bytes("x")),
      );
      await other.close();
      await two.stop();
      await driver.put(key("a"), bytes("y"));
    },
  },
];
