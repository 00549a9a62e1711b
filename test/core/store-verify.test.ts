import { StoreError, type Driver } from "@citadel/core/driver";
import { blobKey, manifestKey, type Problem, type Store } from "@citadel/core/store";
import { beforeAll, describe, expect, test } from "vitest";
import {
  allKeys,
  content,
  counts,
  entriesIn,
  me,
  memoryDriver,
  note,
  problemsOf,
  refOf,
  shelf,
  storeOver,
  wrapped,
} from "./store-harness.ts";

/** Two kinds, several names, revisions and folded changes, small and large blobs, a manifest used twice. */
async function filled(): Promise<{ driver: Driver; store: Store }> {
  const driver = await memoryDriver();
  const store = storeOver(driver, 0);
  const ledger = store.ledger(shelf);
  for (const [name, id, size] of [
    ["a", "1", 300],
    ["a", "2", 70_000],
    ["@s/p", "1", 40],
  ] as const) {
    const bytes = content(`${name} ${id}`, size);
    await store.blobs.put(bytes, refOf(bytes));
    const manifest = await store.manifests.put(content(name, 50));
    const thing = { blob: refOf(bytes), manifest };
    await Promise.all([
      ledger.change(name, me, () => [{ type: "put", id, thing }]),
      ledger.change(name, { ...me, address: "192.0.2.1" }, () => [note(`put ${id} \u001f é`)]),
    ]);
  }
  await ledger.change("@s/p", me, () => [note("one"), note("two")]);
  for (const by of [1, 2])
    await store.ledger(counts).change("downloads", me, () => [{ of: "a", by }]);
  return { driver, store };
}

/** Stores other bytes while `check` runs. */
async function during(
  driver: Driver,
  key: string,
  change: (bytes: Uint8Array) => Uint8Array | undefined,
  check: () => Promise<void>,
): Promise<void> {
  const item = await driver.get(key);
  const bytes = item?.body ?? new Uint8Array();
  const damaged = change(Uint8Array.from(bytes));
  await (damaged ? driver.put(key, damaged) : driver.delete(key));
  await check();
  await driver.put(key, bytes);
}

const flipped = (at: number, bit: number) => (bytes: Uint8Array) => {
  bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
  return bytes;
};

describe("verify", () => {
  let driver: Driver;
  let store: Store;
  let keys: readonly string[];
  beforeAll(async () => {
    ({ driver, store } = await filled());
    keys = await allKeys(driver);
  });

  test("finds nothing in a sound store, and counts what it looked at (A5)", async () => {
    const checked: Record<string, number> = {};
    const found = store.verify({
      kinds: [shelf, counts],
      counted: (what) => (checked[what] = (checked[what] ?? 0) + 1),
    });
    expect(await Array.fromAsync(found)).toEqual([]);
    expect(checked).toEqual({ documents: 3, entries: 6, blobs: 3, manifests: 2 });
    expect(keys).toHaveLength(3 + 6 + 3 + 2);
  });

  test("finds a flipped bit in any object (H4)", async () => {
    for (const key of keys) {
      const size = (await driver.head(key))?.size ?? 0;
      // every byte of what is small, both ends and the middle of what is large
      const places =
        size < 2000 ? Array.from({ length: size }, (_, i) => i) : [0, size >> 1, size - 1];
      for (const at of places)
        await during(driver, key, flipped(at, at % 8), async () => {
          const problems = await problemsOf(store);
          expect(problems, `byte ${at} of ${key}`).not.toEqual([]);
          for (const problem of problems) sound(problem);
          // damage of a document may show as an entry that is not where its tip points
          const told = problems.map((one) => one.key);
          expect(key.startsWith("d/") || told.includes(key), `${key} in ${told.join(" ")}`).toBe(
            true,
          );
        });
    }
    expect(await problemsOf(store)).toEqual([]);
  });

  test("finds every object that is missing, cut short, empty or exchanged for another (H4)", async () => {
    for (const key of keys) {
      const other = keys.find((one) => one !== key && one[0] === key[0]) ?? "";
      const exchanged = (await driver.get(other))?.body;
      for (const change of [
        () => undefined,
        (bytes: Uint8Array) => bytes.subarray(0, -1),
        () => new Uint8Array(),
        () => exchanged,
      ])
        await during(driver, key, change, async () => {
          const problems = await problemsOf(store);
          expect(problems, key).not.toEqual([]);
          for (const problem of problems) sound(problem);
        });
    }
    expect(await problemsOf(store)).toEqual([]);
  });

  test("names the kind of damage and the key (H4)", async () => {
    const { driver, store } = await filled();
    const [first = "", second = ""] = await entriesIn(driver, "shelf", "a");
    const blob = blobKey(refOf(content("a 1", 300)).integrity);
    const manifest = manifestKey(await store.manifests.put(content("a", 50)));
    const cases: [string, (bytes: Uint8Array) => Uint8Array | undefined, Problem["problem"]][] = [
      [blob, () => undefined, "missing"],
      [blob, flipped(3, 1), "damaged"],
      [manifest, () => undefined, "missing"],
      [manifest, flipped(0, 0), "damaged"],
      [first, () => undefined, "missing"],
      [second, flipped(9, 2), "damaged"],
      ["d/shelf/a", () => undefined, "missing"],
      ["d/shelf/a", (bytes) => bytes.subarray(0, 9), "unreadable"],
      ["d/shelf/a", (bytes) => edited(bytes, "put 1", "put 3"), "state"],
    ];
    for (const [key, change, problem] of cases)
      await during(driver, key, change, async () => {
        const found = await problemsOf(store);
        expect(found.filter((one) => one.key === key)).not.toEqual([]);
        expect(found.map((one) => [one.key, one.problem])).toContainEqual([key, problem]);
      });
  });

  test("finds a forged entry whose writer corrected the tip, and a document put back to an older state (H4)", async () => {
    const { driver, store } = await filled();
    const document = (await driver.get("d/shelf/a"))?.body ?? new Uint8Array();
    for (const text of ["x", "y"]) await store.ledger(shelf).change("a", me, () => [note(text)]);
    await during(
      driver,
      "d/shelf/a",
      () => document,
      async () => {
        expect(await problemsOf(store)).toMatchObject([{ key: "d/shelf/a", problem: "state" }]);
      },
    );
    // one edit, printed the same in history and state: the chain above it does not fit any more
    const [first = ""] = await entriesIn(driver, "shelf", "a");
    const forge = (bytes: Uint8Array) => edited(bytes, "put 1", "put 9");
    await during(driver, first, forge, () =>
      during(driver, "d/shelf/a", forge, async () => {
        expect((await problemsOf(store)).map((one) => one.key)).toContain(first);
      }),
    );
    expect(await problemsOf(store)).toEqual([]);
  });

  test("goes on after damage and finds all of it; what the driver calls corrupt is damage, too", async () => {
    const { driver, store } = await filled();
    const broken = (await allKeys(driver)).filter((key) => !key.includes("@s"));
    for (const key of broken) await driver.put(key, Buffer.from("garbage"));
    const found = new Set((await problemsOf(store)).map((one) => one.key));
    for (const key of broken.filter((one) => !one.startsWith("h/"))) expect(found).toContain(key);

    const corrupt = async (key: string) => {
      throw new StoreError("CORRUPT", "checksum of the page", { key });
    };
    const bad = storeOver(wrapped(driver, { get: corrupt, read: corrupt }));
    const keys = new Set((await problemsOf(bad)).map((one) => one.key));
    const lying = (await allKeys(driver)).filter((key) => !key.startsWith("h/"));
    for (const key of lying) expect(keys).toContain(key);

    const sound = await filled();
    const unseen = (await allKeys(sound.driver)).filter((key) => /^[bm]/.test(key));
    const blind = storeOver(wrapped(sound.driver, { head: corrupt }));
    const told = (await problemsOf(blind)).map((one) => one.key);
    expect([...new Set(told)].toSorted()).toEqual(unseen);
  });

  test("an unreachable store is no damage", async () => {
    const { driver } = await filled();
    const away = async (key: string) => {
      throw new StoreError("UNAVAILABLE", "not now", { key });
    };
    await expect(problemsOf(storeOver(wrapped(driver, { read: away })))).rejects.toMatchObject({
      code: "UNAVAILABLE",
    });
  });

  test("tells objects and entries with names of no meaning", async () => {
    const { driver, store } = await filled();
    const odd = ["b/readme", "b/sha512/00/ff", "m/sha256/00/00zz", "h/shelf/a/odd", "d/shelf/%zz"];
    for (const key of odd) await driver.put(key, Buffer.from("x"));
    expect((await problemsOf(store)).map((one) => one.key).toSorted()).toEqual(odd.toSorted());
  });

  test("is no trouble beside changes", async () => {
    const { store } = await filled();
    let over = false;
    const busy = (async () => {
      for (let n = 0; !over; n++) {
        const thing = { manifest: await store.manifests.put(content(n, 30)) };
        await store.ledger(shelf).change(`n${n % 7}`, me, () => [{ type: "put", id: "x", thing }]);
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    for (let n = 0; n < 10; n++) expect(await problemsOf(store)).toEqual([]);
    over = true;
    await busy;
  });
});

function sound({ key, message, problem }: Problem): void {
  expect(key).toMatch(/^[bdhm]\//);
  expect(problem).toMatch(/^(missing|damaged|history|state|unreadable)$/);
  expect(message).toMatch(/^\S.*\.$/);
}

function edited(bytes: Uint8Array, from: string, to: string): Uint8Array {
  const text = Buffer.from(bytes).toString();
  expect(text).toContain(from);
  return Buffer.from(text.replace(from, to));
}
