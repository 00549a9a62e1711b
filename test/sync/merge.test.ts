// E4: what becomes of packages that several machines change, in memory: every merge, every interruption.
import { delegate, type Driver } from "@citadel/core/driver";
import type { PackageEvent, PackageState } from "@citadel/core/registry";
import { download, standings, upload, type Taken } from "@citadel/plugin-sync";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { grace, inventory, machine, type Machine } from "./machine.ts";

const place = (here: Machine, there: Machine) => ({
  here: here.driver,
  there: there.driver,
  grace,
});
const one = async (here: Machine, there: Machine) => (await standings(place(here, there)))[0];
const decided = (side: Taken) => ({ take: () => side });

/** Two machines that have the same package from a bucket. */
async function parted(...first: readonly PackageEvent[]) {
  const [a, b, bucket] = [await machine(), await machine(), await machine()];
  await a.change("pkg", await a.publish("1.0.0", "one"), ...first);
  await upload(place(a, bucket));
  await download(place(b, bucket));
  return { a, b, bucket };
}

const plain = (state: PackageState | undefined) => ({
  versions: Object.fromEntries(Array.from(state?.versions ?? [], ([id, { integrity, deprecated }]) => [id, [integrity, deprecated]])), // prettier-ignore
  removed: [...(state?.removed.keys() ?? [])].sort(),
  tags: Object.fromEntries(state?.tags ?? []),
  owners: state?.owners,
  stars: [...(state?.stars ?? [])].sort(),
  terms: [state?.visibility, state?.tfa, Object.fromEntries(state?.teams ?? [])],
});

describe("E4 merges", () => {
  test("E4: distinct versions on both sides become one history; latest is the higher version", async () => {
    const { a, b, bucket } = await parted();
    await a.change("pkg", await a.publish("1.2.0", "from a"));
    await b.change("pkg", await b.publish("1.1.0", "from b"));
    await b.change("pkg", { type: "tag", tag: "stable", version: "1.1.0" });
    await upload(place(a, bucket));
    expect(await one(b, bucket)).toMatchObject({ standing: "diverged", ahead: 2, behind: 1, conflicts: [] }); // prettier-ignore

    const [done] = await upload(place(b, bucket));
    expect(done).toMatchObject({ done: "merged" });
    await download(place(a, bucket));
    for (const each of [a, b, bucket]) {
      const { state } = (await each.read("pkg"))!;
      expect([...state.versions.keys()]).toEqual(["1.0.0", "1.2.0", "1.1.0"]);
      expect(Object.fromEntries(state.tags)).toEqual({ latest: "1.2.0", stable: "1.1.0" });
      expect(await each.problems()).toEqual([]);
    }
    expect(await inventory(a, "d/")).toEqual(await inventory(bucket, "d/"));
    expect(await inventory(b, "d/")).toEqual(await inventory(bucket, "d/"));
    expect(await one(a, bucket)).toMatchObject({ standing: "same", ahead: 0, behind: 0 });
  });

  test("E4: the same version with other content is a conflict until somebody decides", async () => {
    for (const side of ["ours", "theirs"] as const) {
      const { a, b, bucket } = await parted();
      await a.change("pkg", await a.publish("2.0.0", "from a"));
      await b.change("pkg", await b.publish("2.0.0", "from b"), { type: "star", user: "bea", on: true }); // prettier-ignore
      await upload(place(a, bucket));
      const before = [await inventory(b, ""), await inventory(bucket, "")];
      for (const way of [upload, download]) {
        const [row] = await way(place(b, bucket));
        expect(row).toMatchObject({ standing: "conflict", done: "nothing" });
        expect(row?.conflicts).toMatchObject([{ what: "version 2.0.0" }]);
      }
      expect([await inventory(b, ""), await inventory(bucket, "")]).toEqual(before);

      await upload(place(b, bucket), decided(side));
      const wanted = side === "ours" ? await b.publish("2.0.0", "from b") : await a.publish("2.0.0", "from a"); // prettier-ignore
      await download(place(a, bucket));
      for (const each of [a, b, bucket]) {
        const { state } = (await each.read("pkg"))!;
        expect(state.versions.get("2.0.0")?.integrity).toBe((wanted as { record: { integrity: string } }).record.integrity); // prettier-ignore
        expect(state.stars).toEqual(["bea"]);
        expect(await each.problems()).toEqual([]);
      }
      // what lost stays in the history
      const history = await Array.fromAsync(
        bucket.store.ledger({ name: "package", reduce: () => ({}) }).history("pkg"),
      );
      const newest = history[0]?.changes[0];
      expect(newest?.first?.id).toMatch(/^[\w-]{36}$/);
      const lost = newest?.dropped as readonly PackageEvent[] | undefined;
      expect(lost?.some(({ type }) => type === "publish")).toBe(side === "theirs");
    }
  });

  test("E4: a tag that was set to two versions, a deprecation in two words, two owners", async () => {
    const { a, b, bucket } = await parted();
    await a.change("pkg", await a.publish("1.1.0", "more"));
    await upload(place(a, bucket));
    await download(place(b, bucket));
    await a.change("pkg", { type: "tag", tag: "stable", version: "1.0.0" }, { type: "deprecate", versions: ["1.0.0"], message: "old" }, { type: "owners", owners: ["local", "amy"] }); // prettier-ignore
    await b.change("pkg", { type: "tag", tag: "stable", version: "1.1.0" }, { type: "deprecate", versions: ["1.0.0"], message: "very old" }, { type: "owners", owners: ["local", "bea"] }); // prettier-ignore
    await upload(place(a, bucket));
    const conflicts = (await one(b, bucket))?.conflicts ?? [];
    expect(conflicts.toSorted((x, y) => (x.what < y.what ? -1 : 1))).toEqual([
      { what: "deprecation 1.0.0", ours: "very old", theirs: "old" },
      { what: "owners", ours: "local, bea", theirs: "local, amy" },
      { what: "tag stable", ours: "1.1.0", theirs: "1.0.0" },
    ]);
  });

  test("E4: a tag on a version that the other side has unpublished", async () => {
    const { a, b, bucket } = await parted();
    await a.change("pkg", await a.publish("1.1.0", "more", ["next"]));
    await upload(place(a, bucket));
    await download(place(b, bucket));
    await a.change("pkg", { type: "unpublish", versions: ["1.1.0"] });
    await b.change("pkg", { type: "tag", tag: "stable", version: "1.1.0" });
    await upload(place(a, bucket));
    expect((await one(b, bucket))?.conflicts.map(({ what }) => what)).toEqual(["tag stable", "version 1.1.0"]); // prettier-ignore
    await upload(place(b, bucket), decided("ours"));
    const { state } = (await bucket.read("pkg"))!;
    expect(Object.fromEntries(state.tags)).toEqual({ latest: "1.0.0", stable: "1.1.0" }); // prettier-ignore
    expect([...state.versions.keys()].sort()).toEqual(["1.0.0", "1.1.0"]);
    expect(state.removed.size).toBe(0);
    expect(await bucket.problems()).toEqual([]);
  });

  test("E4: one package made twice by different people is not mixed without a word", async () => {
    const [a, b, bucket] = [await machine("amy"), await machine("bea"), await machine()];
    await a.change("pkg", await a.publish("1.0.0", "a"));
    await b.change("pkg", await b.publish("1.0.1", "b"));
    await upload(place(a, bucket));
    expect(await one(b, bucket)).toMatchObject({
      standing: "conflict",
      conflicts: [{ what: "owners", ours: "bea", theirs: "amy" }],
    });
    await upload(place(b, bucket), decided("ours"));
    expect((await bucket.read("pkg"))?.state.owners).toEqual(["bea"]);
  });

  test("E4: a batch that has not ended waits", async () => {
    const { a, bucket } = await parted();
    const event = await a.publish("3.0.0", "held back");
    await a.change("pkg", { type: "reserve", batch: "x", events: [event as never] });
    expect(await one(a, bucket)).toMatchObject({ standing: "busy" });
    expect(await upload(place(a, bucket))).toMatchObject([{ standing: "busy", done: "nothing" }]);
    await a.change("pkg", { type: "settle", batch: "x", commit: true });
    await upload(place(a, bucket));
    expect((await bucket.read("pkg"))?.state.versions.has("3.0.0")).toBe(true);
  });

  test("E4: whatever both sides did, the merged state is what each facet's winner says", async () => {
    const version = fc.constantFrom("1.0.0", "1.1.0", "1.2.0", "2.0.0");
    const step = fc.oneof(
      fc.record({ do: fc.constant("publish" as const), version, content: fc.constantFrom("x", "y"), tag: fc.constantFrom("latest", "next") }), // prettier-ignore
      fc.record({ do: fc.constant("tag" as const), version, tag: fc.constantFrom("latest", "next", "lts") }), // prettier-ignore
      fc.record({ do: fc.constant("untag" as const), tag: fc.constantFrom("next", "lts") }),
      fc.record({ do: fc.constant("unpublish" as const), version }),
      fc.record({ do: fc.constant("deprecate" as const), version, message: fc.constantFrom("", "a", "b") }), // prettier-ignore
      fc.record({ do: fc.constant("owners" as const), owner: fc.constantFrom("amy", "bea") }),
      fc.record({ do: fc.constant("star" as const), user: fc.constantFrom("amy", "bea"), on: fc.boolean() }), // prettier-ignore
      fc.record({ do: fc.constant("team" as const), right: fc.constantFrom("read" as const, "write" as const, "none" as const) }), // prettier-ignore
    );
    type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
    /** What a registry would let through. */
    const apply = async (at: Machine, todo: Step): Promise<void> => {
      const state = (await at.read("pkg"))?.state;
      if (todo.do === "publish") {
        if (state?.versions.has(todo.version) || state?.removed.has(todo.version)) return;
        return at.change("pkg", await at.publish(todo.version, todo.content, [todo.tag]));
      }
      if (!state) return;
      if ("version" in todo && !state.versions.has(todo.version)) return;
      if (todo.do === "tag") return at.change("pkg", { type: "tag", ...todo });
      if (todo.do === "untag") return state.tags.has(todo.tag) ? at.change("pkg", { type: "untag", tag: todo.tag }) : undefined; // prettier-ignore
      if (todo.do === "unpublish") return at.change("pkg", { type: "unpublish", versions: [todo.version] }); // prettier-ignore
      if (todo.do === "deprecate") return at.change("pkg", { type: "deprecate", versions: [todo.version], message: todo.message }); // prettier-ignore
      if (todo.do === "owners") return at.change("pkg", { type: "owners", owners: [todo.owner] });
      if (todo.do === "star") return at.change("pkg", { type: "star", ...todo });
      return at.change("pkg", { type: "team", team: "acme:devs", right: todo.right });
    };
    const steps = fc.array(step, { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(
        steps,
        steps,
        steps,
        fc.constantFrom("ours" as const, "theirs" as const),
        async (first, left, right, side) => {
          // prettier-ignore
          const [a, b, bucket] = [await machine(), await machine(), await machine()];
          for (const todo of first) await apply(a, todo);
          await upload(place(a, bucket));
          await download(place(b, bucket));
          for (const todo of left) await apply(a, todo);
          for (const todo of right) await apply(b, todo);
          await upload(place(a, bucket));
          const ours = plain((await b.read("pkg"))?.state);
          const theirs = plain((await bucket.read("pkg"))?.state);
          const [row] = await upload(place(b, bucket), decided(side));
          const merged = plain((await bucket.read("pkg"))?.state);
          const conflicts = new Set(row?.conflicts.map(({ what }) => what));
          // nothing appears that neither side had
          for (const [id, content] of Object.entries(merged.versions)) expect([ours.versions[id]?.[0], theirs.versions[id]?.[0]]).toContain(content[0]); // prettier-ignore
          for (const [tag, id] of Object.entries(merged.tags)) {
            expect([ours.tags[tag], theirs.tags[tag]]).toContain(id);
            expect(merged.versions, `tag ${tag}`).toHaveProperty([id]);
          }
          // nothing disappears without an unpublish or a decision
          for (const id of Object.keys({ ...ours.versions, ...theirs.versions }))
            expect([...Object.keys(merged.versions), ...merged.removed].includes(id) || conflicts.has(`version ${id}`), id).toBe(true); // prettier-ignore
          // what was decided is as it was decided
          const won = side === "ours" ? ours : theirs;
          for (const what of conflicts)
            if (what.startsWith("tag "))
              expect(merged.tags[what.slice(4)]).toBe(won.tags[what.slice(4)]); // prettier-ignore
            else if (what.startsWith("version "))
              expect(merged.versions[what.slice(8)]?.[0]).toBe(won.versions[what.slice(8)]?.[0]); // prettier-ignore
            else if (what === "owners") expect(merged.owners).toEqual(won.owners);
          for (const each of [a, b]) await download(place(each, bucket));
          for (const each of [a, b, bucket]) {
            expect(await each.problems()).toEqual([]);
            expect(plain((await each.read("pkg"))?.state)).toEqual(merged);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe("E4 interruptions", () => {
  /** The driver until `left` writes are done; then it is as if the process had died. */
  function mortal(driver: Driver, life: { left: number }): Driver {
    const counted = <A extends unknown[], T>(call: (...args: A) => Promise<T>) =>
      (...args: A): Promise<T> => (life.left-- > 0 ? call(...args) : Promise.reject(new Error("died"))); // prettier-ignore
    return delegate(driver, {
      put: counted(driver.put),
      write: counted(driver.write),
      delete: counted(driver.delete),
    });
  }

  test("E4: died after any write, both stores are sound, and the next run ends the same", async () => {
    let died = 0;
    for (let writes = 0; ; writes++) {
      const { a, b, bucket } = await parted();
      for (const n of [1, 2, 3]) await a.change("pkg", await a.publish(`1.${n}.0`, `a ${n}`));
      await a.change("other", await a.publish("1.0.0", "other"));
      for (const n of [5, 6]) await b.change("pkg", await b.publish(`1.${n}.0`, `b ${n}`));
      await upload(place(a, bucket));
      const life = { left: writes };
      const dying = { here: mortal(b.driver, life), there: mortal(bucket.driver, life), grace };
      const ended = await upload(dying).then(() => download(dying)).then(() => true, () => false); // prettier-ignore
      expect(await b.problems(), `here, after ${writes} writes`).toEqual([]);
      expect(await bucket.problems(), `there, after ${writes} writes`).toEqual([]);
      await upload(place(b, bucket));
      await download(place(b, bucket));
      const { state } = (await bucket.read("pkg"))!;
      expect([...state.versions.keys()]).toEqual(["1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.5.0", "1.6.0"]); // prettier-ignore
      expect(await inventory(b, "d/")).toEqual(await inventory(bucket, "d/"));
      expect([...(await b.problems()), ...(await bucket.problems())]).toEqual([]);
      if (ended) break;
      died++;
    }
    expect(died).toBeGreaterThan(15);
  });

  test("E4: machines that upload at once lose nothing", async () => {
    const bucket = await machine();
    const machines = await Promise.all(Array.from({ length: 5 }, () => machine()));
    for (const [n, each] of machines.entries())
      for (const m of [0, 1]) await each.change("pkg", await each.publish(`1.${n}.${m}`, `${n} ${m}`)); // prettier-ignore
    await Promise.all(machines.map((each) => upload(place(each, bucket))));
    await Promise.all(machines.map((each) => download(place(each, bucket))));
    expect((await bucket.read("pkg"))?.state.versions.size).toBe(10);
    expect((await bucket.read("pkg"))?.state.tags.get("latest")).toBe("1.4.1");
    for (const each of [...machines, bucket]) {
      expect(await inventory(each, "d/")).toEqual(await inventory(bucket, "d/"));
      expect(await each.problems()).toEqual([]);
    }
  });
});

test("E4: a remote store with a key that is no name is damage, and nothing is changed", async () => {
  const { a, bucket } = await parted();
  await bucket.driver.put("d/package/%zz", Buffer.from("{}"));
  const before = await inventory(a, "");
  await expect(download(place(a, bucket))).rejects.toMatchObject({ code: "E_INTEGRITY" });
  expect(await inventory(a, "")).toEqual(before);
});
