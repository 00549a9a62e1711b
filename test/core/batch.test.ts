import { kinds } from "@citadel/core/kinds";
import { revisionOf } from "@citadel/core/registry";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { codeOf, drivers, operator, place, release, user, type Place } from "./registry-harness.ts";

const ann = user("ann");
const ben = user("ben");
const batch = (version: string, ...names: string[]) =>
  names.map((name) => release({ name, version }));

describe.each(drivers)("H10 batches on %s", (driver) => {
  let here: Place;
  beforeEach(async () => (here = await place(driver)));
  afterEach(async () => {
    const problems = await Array.fromAsync(here.store.verify({ kinds: kinds() }));
    await here[Symbol.asyncDispose]();
    expect(problems).toEqual([]);
  });

  const versionsOf = async (name: string): Promise<string[]> => [
    ...((await here.registry.packages.read(name))?.state.versions.keys() ?? []),
  ];
  const batchDocuments = () => here.store.driver.list({ prefix: "d/batch/" });

  test("all are published, each as by itself", async () => {
    const { items, id, repeated } = await here.registry.publishBatch(
      batch("1.0.0", "one", "@ann/two", "three"),
      ann,
    );
    expect(repeated).toBe(false);
    expect(id).toMatch(/^[\w-]{36}$/);
    expect(items.map(({ name }) => name)).toEqual(["@ann/two", "one", "three"]);
    for (const { name, document } of items) {
      const { state } = await here.registry.document(name, ann);
      expect(state.owners).toEqual(["ann"]);
      expect(state.tags).toEqual(new Map([["latest", "1.0.0"]]));
      expect(state.pending).toBeUndefined();
      expect(state.versions.get("1.0.0")?.signature).toBeDefined();
      expect(revisionOf(document)).toBe(revisionOf(await here.registry.document(name, ann)));
      expect((await here.registry.resolve(name, "latest", ann)).version).toBe("1.0.0");
    }
  });

  test("one that is taken, forbidden or wrong refuses the whole batch, and leaves the names free", async () => {
    await here.registry.publish(release({ name: "taken", version: "1.0.0" }), ann);
    await here.registry.publish(release({ name: "bens", version: "1.0.0" }), ben);
    const lying = { ...release({ name: "lying", version: "1.0.0" }), version: "1.0.1" };
    for (const [bad, code] of [
      [batch("1.0.0", "taken"), undefined],
      [batch("2.0.0", "bens"), "E_FORBIDDEN"],
      [[lying], "E_MANIFEST_MISMATCH"],
      [[...batch("1.0.0", "fresh"), ...batch("1.1.0", "fresh")], "E_INVALID_DOCUMENT"],
      [[], "E_INVALID_DOCUMENT"],
    ] as const) {
      const all =
        code === "E_INVALID_DOCUMENT" ? bad : [...batch("1.0.0", "fresh", "zebra"), ...bad];
      expect(await codeOf(here.registry.publishBatch(all, ann))).toBe(code ?? "E_VERSION_EXISTS");
      for (const name of ["fresh", "zebra"]) expect(await versionsOf(name)).toEqual([]);
    }
    // as free as ever: somebody else may take them
    await here.registry.publish(release({ name: "fresh", version: "1.0.0" }), ben);
    expect((await here.registry.document("fresh", ben)).state.owners).toEqual(["ben"]);
  });

  test("the same batch again is a repeat; one that differs is not", async () => {
    const all = batch("1.0.0", "one", "two");
    const first = await here.registry.publishBatch(all, ann);
    const again = await here.registry.publishBatch(all, ann);
    expect(again.repeated).toBe(true);
    expect(again.items.map(({ uuid }) => uuid)).toEqual(first.items.map(({ uuid }) => uuid));
    const more = [...all, ...batch("1.0.0", "three")];
    expect(await codeOf(here.registry.publishBatch(more, ann))).toBe("E_VERSION_EXISTS");
    expect(await versionsOf("three")).toEqual([]);
    expect(await codeOf(here.registry.publishBatch(all, ben))).toBe("E_FORBIDDEN");
  });

  test("27: single publishes of the same versions at once: each version has one winner, a batch is whole or not there", async () => {
    const names = ["a", "b", "c", "d"];
    for (let round = 0; round < 8; round++) {
      const version = `1.${round}.0`;
      const single = names[round % 4] ?? "";
      const other = release({ name: single, version, description: "single" });
      const [whole, alone] = await Promise.allSettled([
        here.registry.publishBatch(batch(version, ...names), ann),
        (async () => {
          for (let n = 0; n < round * 3; n++) await new Promise((r) => setImmediate(r));
          return here.registry.publish(other, ann);
        })(),
      ]);
      expect([whole.status, alone.status].toSorted()).toEqual(["fulfilled", "rejected"]);
      const present = await Promise.all(
        names.map(async (name) => (await versionsOf(name)).includes(version)),
      );
      const expected = names.map((name) => whole.status === "fulfilled" || name === single);
      expect(present).toEqual(expected);
      const integrity = (await here.registry.document(single, ann)).state.versions.get(version);
      const mine = alone.status === "fulfilled" ? other : release({ name: single, version });
      expect(integrity?.integrity).toBe(mine.tarball.integrity);
    }
  });

  test("two batches with a package in common: never two, and never half of one", async () => {
    for (let round = 0; round < 6; round++) {
      const version = `1.${round}.0`;
      const sets = [
        ["a", "b", "c"],
        ["c", "d", "e"],
      ];
      const ended = await Promise.allSettled(
        sets.map((names) => here.registry.publishBatch(batch(version, ...names), ann)),
      );
      expect(ended.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      for (const [n, names] of sets.entries())
        for (const name of names) {
          if (name === "c") continue;
          const there = (await versionsOf(name)).includes(version);
          expect(there, `${name}@${version}`).toBe(ended[n]?.status === "fulfilled");
        }
    }
  });

  test("a batch that is held back is seen by nobody, and is there for all at its commit", async () => {
    const { registry } = here;
    await registry.publish(release({ name: "old", version: "1.0.0" }), ann);
    const seen: string[] = [];
    let done = false;
    const reader = (async () => {
      while (!done) {
        const there = await Promise.all(
          // the first one may be asked before the commit; what is asked after a yes must be yes
          ["old", "new-a", "new-b"].map(async (name) => (await versionsOf(name)).includes("2.0.0")),
        );
        seen.push(there.join());
        const first = (await versionsOf("old")).includes("2.0.0");
        if (first)
          for (const name of ["new-a", "new-b"]) expect(await versionsOf(name)).toContain("2.0.0");
        await new Promise((r) => setImmediate(r));
      }
    })();
    await registry.publishBatch(batch("2.0.0", "old", "new-a", "new-b"), ann);
    done = true;
    await reader;
    expect((await registry.document("old", ann)).state.tags.get("latest")).toBe("2.0.0");
  });

  test("what is held back stays out of the way of every other change", async () => {
    const { registry } = here;
    await registry.publish(release({ name: "p", version: "1.0.0" }), ann);
    await held({ p: "2.0.0", q: "2.0.0" });
    await registry.tag("p", "next", "1.0.0", ann);
    await registry.publish(release({ name: "p", version: "1.1.0" }), ann);
    expect(await versionsOf("p")).toEqual(["1.0.0", "1.1.0"]);
    expect(await codeOf(registry.tag("p", "beta", "2.0.0", ann))).toBe("E_VERSION_NOT_FOUND");
    expect(await codeOf(registry.document("q", ann))).toBe("E_PACKAGE_NOT_FOUND");
    expect(await codeOf(registry.tag("q", "beta", "2.0.0", ann))).toBe("E_PACKAGE_NOT_FOUND");
    // the name is free for anybody, and the abandoned batch gives way
    await registry.publish(release({ name: "q", version: "2.0.0" }), ben);
    expect((await registry.document("q", ben)).state.owners).toEqual(["ben"]);
    await registry.publishBatch(batch("2.0.0", "p", "r"), ann);
    expect(await versionsOf("p")).toEqual(["1.0.0", "1.1.0", "2.0.0"]);
  });

  test("the collector ends what a crash left, before and after the commit", async () => {
    const { registry } = here;
    await held({ lost: "1.0.0" });
    await held({ kept: "1.0.0", kept2: "1.0.0" }, true);
    expect(await registry.tidyBatches(3_600_000)).toBe(0);
    expect(await registry.tidyBatches(-1000)).toBe(2);
    expect(await registry.tidyBatches(-1000)).toBe(0);
    expect((await batchDocuments()).entries).toHaveLength(2);
    for (const [name, there] of [
      ["lost", false],
      ["kept", true],
      ["kept2", true],
    ] as const) {
      const item = await here.store.driver.get(`d/package/${name}`);
      expect(Buffer.from(item?.body ?? []).toString()).not.toContain("pending");
      expect((await versionsOf(name)).length > 0, name).toBe(there);
    }
    const { removed } = await here.store.collect({ kinds: kinds(), grace: -1000 });
    expect(removed).toBeGreaterThan(0);
    await registry.resolve("kept", "1.0.0", operator);
  });

  test("references of what is held back are kept by the collector", async () => {
    await held({ lost: "1.0.0" });
    await here.store.collect({ kinds: kinds(), grace: -1000 });
    const [document] = (await batchDocuments()).entries;
    await commit(document?.key.slice("d/batch/".length) ?? "");
    expect((await here.registry.resolve("lost", "1.0.0", ann)).version).toBe("1.0.0");
  });

  /** What a process leaves that dies before, or right after, the commit. */
  async function held(versions: Record<string, string>, committed = false): Promise<void> {
    const { store } = here;
    const id = `${Object.keys(versions).join("-")}-batch`;
    const by = (name: string) => kinds().find((kind) => kind.name === name) as never;
    await store
      .ledger<unknown, unknown>(by("batch"))
      .change(id, { name: "ann", via: "npm" }, () => [{ type: "open", versions }]);
    for (const [name, version] of Object.entries(versions)) {
      // a real record, of a real publish elsewhere in the same store
      const source = `source-of-${name}`;
      await here.registry.publish(release({ name: source, version }), ann);
      const record = (await here.registry.packages.read(source))?.state.versions.get(version);
      await here.registry.unpublish(source, "all", ann);
      await store
        .ledger<unknown, unknown>(by("package"))
        .change(name, { name: "ann", via: "npm" }, () => [
          {
            type: "reserve",
            batch: id,
            events: [{ type: "publish", version, record, tags: ["latest"] }],
          },
        ]);
    }
    if (committed) await commit(id);
  }

  function commit(id: string): Promise<unknown> {
    return here.store
      .ledger<unknown, unknown>(kinds().find((kind) => kind.name === "batch") as never)
      .change(id, { name: "ann", via: "npm" }, () => [{ type: "commit" }]);
  }
});
