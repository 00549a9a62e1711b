import { pathToFileURL } from "node:url";
import file from "@citadel/driver-file";
import sqlite from "@citadel/driver-sqlite";
import { split, type Driver } from "@citadel/core/driver";
import { blobKey } from "@citadel/core/store";
import { afterEach, describe, expect, test } from "vitest";
import { tempFolder, type Temp } from "../support/temp.ts";
import {
  content,
  counts,
  entriesIn,
  HOUR,
  me,
  problemsOf,
  refOf,
  shelf,
  storeOver,
} from "./store-harness.ts";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).toReversed()) await clean();
});

const url = (scheme: string, folder: Temp, name: string): URL =>
  new URL(pathToFileURL(`${folder.path}/${name}`).href.replace(/^file:/, `${scheme}:`));

const drivers: Record<string, (folder: Temp) => Driver> = {
  sqlite: (folder) => sqlite(url("sqlite", folder, "registry.db")),
  file: (folder) => file(url("file", folder, "store")),
  "sqlite and file": (folder) =>
    split({
      docs: sqlite(url("sqlite", folder, "registry.db")),
      blobs: file(url("file", folder, "blobs")),
    }),
};

describe.each(Object.entries(drivers))("the store on %s", (_, make) => {
  const setUp = async () => {
    const folder = await tempFolder("store");
    cleanups.push(() => folder.remove());
    return async () => {
      const driver = make(folder);
      await driver.open();
      const store = storeOver(driver);
      cleanups.push(() => store.close());
      return store;
    };
  };

  test("keeps what it took through a restart, in one chain for two writers at once (A3, H4)", async () => {
    const open = await setUp();
    const stores = [await open(), await open()];
    const sizes = [10, 65_536, 200_000];
    await Promise.all(
      stores.flatMap((store, s) =>
        sizes.map(async (size, i) => {
          const id = `${s}-${i}`;
          const blob = refOf(content(id, size));
          await store.blobs.put(content(id, size), blob);
          const manifest = await store.manifests.put(content(`m${i}`, 100));
          const put = { type: "put", id, thing: { blob, manifest } } as const;
          await store.ledger(shelf).change("@s/p", me, () => [put]);
          await store.ledger(counts).change("puts", me, () => [{ of: "p", by: 1 }]);
        }),
      ),
    );
    for (const store of stores) await store.close();

    const store = await open();
    const doc = await store.ledger(shelf).read("@s/p");
    expect(Object.keys(doc?.state.things ?? {})).toHaveLength(6);
    expect((await store.ledger(counts).read("puts"))?.state.get("p")).toBe(6);
    for (const [id, { blob }] of Object.entries(doc?.state.things ?? {})) {
      const bytes = content(id, blob?.size ?? 0);
      const stream = await store.blobs.open(refOf(bytes));
      expect(new Uint8Array(await new Response(stream).arrayBuffer())).toEqual(bytes);
    }
    const entries = await Array.fromAsync(store.ledger(shelf).history("@s/p"));
    expect(entries).toHaveLength(doc?.rev ?? 0);
    expect(entries.flatMap((entry) => entry.changes)).toHaveLength(6);
    expect(await problemsOf(store)).toEqual([]);
  });

  test("collects garbage, refreshes what is used again, and notices damage (A7)", async () => {
    const open = await setUp();
    const store = await open();
    const ledger = store.ledger(shelf);
    const refs = [1000, 200_000].map((size) => refOf(content(size, size)));
    for (const blob of refs) await store.blobs.put(content(blob.size, blob.size), blob);
    const [kept, left] = refs as [(typeof refs)[0], (typeof refs)[0]];
    await ledger.change("a", me, () => [{ type: "put", id: "1", thing: { blob: kept } }]);
    const garbage = await store.manifests.put(content("garbage", 10));
    // everything was written a moment ago: a clock that is ahead makes it old
    const { keys } = await store.collect({ kinds: [shelf, counts], grace: -HOUR });
    expect(keys).toHaveLength(2);
    expect(keys).toContain(blobKey(left.integrity));
    expect(await store.manifests.get(garbage)).toBeUndefined();
    expect(await store.blobs.open(left)).toBeUndefined();
    await store.blobs.put(content(left.size, left.size), left);
    expect(await store.blobs.bytes(left)).toEqual(content(left.size, left.size));
    expect(await problemsOf(store)).toEqual([]);

    const [entry = ""] = await entriesIn(store.driver, "shelf", "a");
    await store.driver.delete(entry);
    await store.driver.delete(blobKey(kept.integrity));
    const found = (await problemsOf(store)).map((one) => [one.key, one.problem]);
    expect(found).toEqual([
      [entry, "missing"],
      [blobKey(kept.integrity), "missing"],
    ]);
  });
});
