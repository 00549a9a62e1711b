import assert from "node:assert/strict";
import { storeCode, type Driver, type Key } from "@citadel/core/driver";
import { fileDriver, type Disk } from "@citadel/driver-file";
import fc from "fast-check";
import { expect, test } from "vitest";
import { simulatedDisk, type Clock, type SimulatedDisk } from "./simulated-disk.ts";

const root = "/a/store";
const grace = 60_000;
const newClock = (): Clock => ({ now: 1_800_000_000_000 });
const DAY = 24 * 60 * 60 * 1000;

/** What a key may hold; undefined for nothing. */
type Value = string | undefined;
interface Step {
  readonly key: Key;
  /** what the key holds when it is done */
  readonly to: Value;
  /** being refused tells that the key holds it already */
  readonly once?: true;
  run(driver: Driver, clock: Clock): Promise<unknown>;
}

const put = (key: Key, value: string, options = {}): Step => ({
  key,
  to: value,
  run: (driver) => driver.put(key, Buffer.from(value), options),
});
const write = (key: Key, value: string, options = {}): Step => ({
  key,
  to: value,
  run: (driver) => driver.write(key, inPieces(value), options),
});
const remove = (key: Key): Step => ({
  key,
  to: undefined,
  run: (driver) => driver.delete(key),
});
/** As blobs are stored: whoever is refused builds on what is there. */
const putOnce = (key: Key, value: string): Step => ({
  ...put(key, value, { ifAbsent: true }),
  once: true,
});
/** Frees what was replaced long ago; the key is only there to be looked at. */
const sweep = (key: Key, to: Value): Step => ({
  key,
  to,
  async run(driver, clock) {
    clock.now += 2 * DAY;
    await driver.sweep?.();
  },
});
/** Compare-and-set on what is there, or on nothing. */
const swap = (key: Key, value: string): Step => ({
  key,
  to: value,
  async run(driver) {
    const etag = (await driver.head(key))?.etag;
    await driver.put(key, Buffer.from(value), etag ? { ifMatch: etag } : { ifAbsent: true });
  },
});

async function* inPieces(value: string): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < value.length; at += 4) yield Buffer.from(value.slice(at, at + 4));
}

/** What each key may hold by now: what was acknowledged, or what was under way. */
class Ledger {
  readonly may = new Map<Key, ReadonlySet<Value>>();
  of(key: Key): ReadonlySet<Value> {
    return this.may.get(key) ?? new Set([undefined]);
  }
  /** Runs steps at once, until they are done or the power fails. Returns whether it failed. */
  async run(
    driver: Driver,
    disk: SimulatedDisk,
    clock: Clock,
    steps: readonly Step[],
  ): Promise<boolean> {
    const acknowledged = new Set<Step>();
    const refused = new Set<Step>();
    const work = Promise.all(
      steps.map(async (step) => {
        try {
          await step.run(driver, clock);
          acknowledged.add(step);
        } catch (error) {
          assert.equal(storeCode(error), "CONFLICT", String(error));
          (step.once ? acknowledged : refused).add(step);
        }
      }),
    );
    const failed = (await Promise.race([work, disk.failed])) === "failed";
    for (const key of new Set(steps.map((step) => step.key))) {
      const mine = steps.filter((step) => step.key === key && !refused.has(step));
      const old = mine.some((step) => acknowledged.has(step)) ? [] : this.of(key);
      this.may.set(key, new Set([...old, ...mine.map((step) => step.to)]));
    }
    return failed;
  }
  /** Takes what the keys hold for the truth from now on, if it may be. */
  async settle(driver: Driver): Promise<Map<Key, Value>> {
    const found = await this.held(driver);
    for (const [key, value] of found) {
      const may = [...this.of(key)];
      assert.ok(may.includes(value), `${key} holds ${value}, not ${may.join(" or ")}`);
      this.may.set(key, new Set([value]));
    }
    return found;
  }
  async held(driver: Driver): Promise<Map<Key, Value>> {
    const found = new Map<Key, Value>();
    for (const key of this.may.keys()) {
      const item = await driver.get(key);
      found.set(key, item && Buffer.from(item.body).toString());
    }
    return found;
  }
  copy(): Ledger {
    const other = new Ledger();
    for (const [key, values] of this.may) other.may.set(key, values);
    return other;
  }
}

/** Opens what is left, and looks whether every key holds what it may and a sweep leaves nothing but that. */
async function examine(disk: SimulatedDisk, clock: Clock, ledger: Ledger): Promise<void> {
  const driver = fileDriver(root, { fs: disk.fs, grace, now: () => clock.now });
  await driver.open();
  const found = await ledger.copy().settle(driver);
  const there = [...found].flatMap(([key, value]) => (value === undefined ? [] : [key])).sort();
  const listed = (await driver.list()).entries.map((entry) => entry.key);
  assert.deepEqual(listed, there);

  const { now } = clock;
  // a sweep takes away what nobody can be using: a level of empty folders at a time
  for (let n = 0; n < 4; n++) {
    clock.now += 2 * DAY;
    await driver.sweep?.();
  }
  assert.deepEqual(await ledger.held(driver), found);
  assert.deepEqual(disk.tree(`${root}/temp`), [`${root}/temp`]);
  assert.ok(!disk.tree(`${root}/feed`).some((path) => path.includes("busy-")));
  const files = there.length === 0 ? 1 : there.length; // without any, the folder itself
  assert.equal(disk.tree(`${root}/keys`).length, files, disk.tree(`${root}/keys`).join("\n"));
  await driver.close();
  clock.now = now;
}

interface Run {
  /** what was there long before */
  readonly before?: readonly Step[];
  /** what the power failure meets, all at once */
  readonly steps: readonly Step[];
  /** how the disk of the run differs from a good one */
  readonly worse?: (fs: Disk) => Partial<Disk>;
  /** images looked at for each moment, at most */
  readonly most?: number;
}

/** Lets the power fail before each call of the disk, and looks at every image that may be left. */
async function explore({ before = [], steps, worse = () => ({}), most = 4096 }: Run) {
  let images = 0;
  let complete = true;
  for (let calls = 0; ; calls++) {
    assert.ok(calls < 1000, "the power never fails");
    const clock = newClock();
    const disk = simulatedDisk(clock);
    const ledger = new Ledger();
    const fs = { ...disk.fs, ...worse(disk.fs) };
    const driver = fileDriver(root, { fs, grace, now: () => clock.now });
    await driver.open();
    for (const step of before) await ledger.run(driver, disk, clock, [step]);
    disk.flush();
    disk.failAfter(calls);
    const failed = await ledger.run(driver, disk, clock, steps);
    for (const all = disk.images(most); ;) {
      const { done, value } = all.next();
      if (done) {
        complete &&= value;
        break;
      }
      images++;
      await examine(value, clock, ledger);
    }
    if (!failed) return { images, moments: calls, complete };
  }
}

const long = "x".repeat(40);
const runs: Record<string, Run> = {
  "a first put": { steps: [put("d/k", "new")] },
  "a put beside others": { before: [put("d/other", "1")], steps: [put("d/k", "new")] },
  "a put over another": { before: [put("d/k", "old")], steps: [put("d/k", "new")] },
  "a put under a new folder": { before: [put("d/k", "1")], steps: [put("d/deep/er/k", "new")] },
  "compare-and-set": { before: [put("d/k", "old")], steps: [swap("d/k", "new")] },
  "a put of what was removed": {
    before: [put("d/k", "old"), remove("d/k")],
    steps: [put("d/k", "new", { ifAbsent: true })],
  },
  "a removal": { before: [put("d/k", "old")], steps: [remove("d/k")] },
  "a stream": { before: [put("d/k", "old")], steps: [write("d/k", long.slice(0, 10))] },
  "a blob": { steps: [write("b/k", long.slice(0, 10), { ifAbsent: true })] },
  "a small blob beside another": {
    before: [put("b/other", "1")],
    steps: [put("b/k", "blob", { ifAbsent: true })],
  },
  "a blob put again": { before: [put("b/k", "blob")], steps: [put("b/k", "blob")] },
  "two puts at once": { steps: [put("d/a", "1"), put("d/b", "2")] },
  "two puts of one key at once": {
    before: [put("d/k", "old")],
    steps: [put("d/k", "1"), put("d/k", "2")],
  },
  "one blob from two at once": {
    before: [put("b/other", "1")],
    steps: [putOnce("b/k", "blob"), putOnce("b/k", "blob")],
  },
  "a sweep": {
    before: [
      put("d/k", "1"),
      put("d/k", "2"),
      put("d/gone", "1"),
      remove("d/gone"),
      put("d/k", "3"),
    ],
    steps: [sweep("d/k", "3")],
  },
  "the removal of a blob": { before: [put("b/k", "blob")], steps: [remove("b/k")] },
};

test.each(Object.entries(runs))(
  "H4 power loss at every moment of %s, with every subset of what was not synced",
  { timeout: 120_000 },
  async (_, run) => {
    const { images, moments, complete } = await explore(run);
    expect(complete).toBe(true);
    expect(moments).toBeGreaterThan(3);
    expect(images).toBeGreaterThan(moments);
  },
);

test("H4 power loss while a store is opened for the first time leaves one that opens", async () => {
  for (let calls = 0, failed = true; failed; calls++) {
    const clock = newClock();
    const disk = simulatedDisk(clock);
    disk.failAfter(calls);
    const opening = fileDriver(root, { fs: disk.fs, grace, now: () => clock.now }).open();
    failed = (await Promise.race([opening, disk.failed])) === "failed";
    for (const image of disk.images(4096)) await examine(image, clock, new Ledger());
  }
});

const sabotage: Record<string, { run: Run; worse: (fs: Disk) => Partial<Disk>; seen: RegExp }> = {
  "files are not synced": {
    run: { before: [put("d/k", "old")], steps: [put("d/k", "new")] },
    worse: () => ({ datasync: async () => {} }),
    seen: /does not begin with its header|shorter than its header says/,
  },
  "streams are not synced": {
    run: { steps: [write("b/k", "content")] },
    worse: () => ({ datasync: async () => {} }),
    seen: /does not begin with its header|shorter than its header says/,
  },
  "folders are not synced": {
    run: { steps: [put("d/k", "new")] },
    worse: () => ({ syncFolder: async () => {} }),
    seen: /d\/k holds undefined, not new/,
  },
  "the folder of versions is not synced": {
    run: { before: [put("d/k", "old")], steps: [put("d/k", "new")] },
    worse: (fs) => ({
      syncFolder: async (path) => void (path.endsWith("+") || (await fs.syncFolder(path))),
    }),
    seen: /d\/k holds old, not new/,
  },
  "the parents of a new folder are not synced": {
    run: { before: [put("d/other", "1")], steps: [put("d/k", "new")] },
    worse: (fs) => ({
      syncFolder: async (path) => void (path.endsWith("+") && (await fs.syncFolder(path))),
    }),
    seen: /d\/k holds undefined, not new/,
  },
  "the folder of a blob is not synced": {
    run: { before: [put("b/other", "1")], steps: [putOnce("b/k", "blob"), putOnce("b/k", "blob")] },
    worse: (fs) => ({
      syncFolder: async (path) => void (path.endsWith("/b") || (await fs.syncFolder(path))),
    }),
    seen: /b\/k holds undefined, not blob/,
  },
  "what a sweep removed first is not synced": {
    run: runs["a sweep"] as Run,
    worse: (fs) => ({
      syncFolder: async (path) => void (path.endsWith("+") || (await fs.syncFolder(path))),
    }),
    seen: /d\/gone holds 1, not/,
  },
  "the tombstone is not synced": {
    run: { before: [put("d/k", "old")], steps: [remove("d/k")] },
    worse: (fs) => ({
      syncFolder: async (path) => void (path.endsWith("+") || (await fs.syncFolder(path))),
    }),
    seen: /d\/k holds old, not/,
  },
};

test.each(Object.entries(sabotage))(
  "the power loss test sees when %s",
  async (_, { run, worse, seen }) => {
    await explore(run); // a good disk passes
    await expect(explore({ ...run, worse })).rejects.toThrow(seen);
  },
);

const keys = ["d/a", "d/b/c", "b/x"] as const;
const anyStep = fc.oneof(
  fc.record({
    key: fc.constantFrom(...keys.slice(0, 2)),
    kind: fc.constantFrom("put", "write", "swap", "remove"),
  }),
  fc.record({ key: fc.constant("b/x"), kind: fc.constantFrom("once", "remove") }),
  fc.record({ key: fc.constantFrom(...keys), kind: fc.constant("sweep") }),
);
const anyLife = fc.record({
  batches: fc.array(fc.array(anyStep, { minLength: 1, maxLength: 4 }), {
    minLength: 1,
    maxLength: 6,
  }),
  calls: fc.nat(120),
  flushed: fc.nat(6),
  picks: fc.array(fc.nat(1000), { minLength: 1, maxLength: 40 }),
});

test(
  "H4 power loss again and again, at any moment of any operations at once",
  { timeout: 120_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyLife, { minLength: 1, maxLength: 4 }), async (lives) => {
        const clock = newClock();
        const ledger = new Ledger();
        let disk = simulatedDisk(clock);
        let value = 0;
        for (const { batches, calls, flushed, picks } of lives) {
          const driver = fileDriver(root, { fs: disk.fs, grace, now: () => clock.now });
          await driver.open();
          await ledger.settle(driver);
          disk.failAfter(calls);
          for (const [n, batch] of batches.entries()) {
            if (n === flushed) disk.flush();
            const steps = batch.map(({ key, kind }) => stepOf(key, kind, String(value++), ledger));
            if (await ledger.run(driver, disk, clock, steps)) break;
            if ((await Promise.race([ledger.settle(driver), disk.failed])) === "failed") break;
          }
          let n = 0;
          const pick = (below: number): number => (picks[n++ % picks.length] ?? 0) % below;
          const [left] = disk.images(1, pick);
          assert.ok(left);
          const [copy] = left.images(1);
          assert.ok(copy);
          await examine(copy, clock, ledger);
          disk = left;
          clock.now += DAY;
        }
      }),
      { numRuns: 300 },
    );
  },
);

function stepOf(key: Key, kind: string, value: string, ledger: Ledger): Step {
  if (kind === "put") return put(key, value);
  if (kind === "write") return write(key, value.repeat(10));
  if (kind === "swap") return swap(key, value);
  if (kind === "once") return putOnce(key, "blob");
  if (kind === "remove") return remove(key);
  const [now] = ledger.of(key);
  return sweep(key, now);
}
