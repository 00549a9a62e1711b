import { describe, expect, test } from "vitest";
import { anonymous, readOnly, type Caller } from "@citadel/core/access";
import { kinds } from "@citadel/core/kinds";
import { revisionOf } from "@citadel/core/registry";

import { pack } from "../support/packages.ts";
import { codeOf, drivers, operator, place, release, user } from "./registry-harness.ts";

const alice = user("alice");
const bob = user("bob");
const nobody: Caller = { principal: anonymous, via: "npm" };

describe.each(drivers)("A1 A2 publish and resolve on %s", (driver) => {
  test("what was published resolves by version, range and tag", async () => {
    await using at = await place(driver);
    const { registry, store } = at;
    for (const version of ["1.0.0", "1.2.0", "2.0.0-beta.1"]) {
      const input = release({ name: "@demo/a", version, bin: "./cli.js", description: "x" });
      const tags = version.includes("-") ? ["next"] : ["latest"];
      const published = await registry.publish({ ...input, tags, readme: "# a" }, operator);
      expect(published).toMatchObject({
        version,
        repeated: false,
        integrity: input.tarball.integrity,
      });
      expect(published.uuid).toMatch(
        /^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/,
      );
    }
    const spoken = {
      "1.0.0": "1.0.0",
      "^1": "1.2.0",
      latest: "1.2.0",
      next: "2.0.0-beta.1",
      "": "1.2.0",
    };
    for (const [spec, version] of Object.entries(spoken))
      expect((await registry.resolve("@demo/a", spec, nobody)).version).toBe(version);
    const { manifest, record, tags } = await registry.resolve("@demo/a", "1.2.0", nobody);
    expect(tags).toEqual(["latest"]);
    expect(manifest).toMatchObject({
      _id: "@demo/a@1.2.0",
      bin: { a: "./cli.js" },
      _npmUser: { name: "local", email: "" },
      maintainers: [{ name: "local", email: "" }],
      dist: { integrity: record.integrity, fileCount: 2 },
    });
    expect(Object.keys(manifest).at(-1)).toBe("dist");
    expect(manifest["dist"]).not.toHaveProperty("tarball");
    expect(await store.blobs.bytes(record)).toEqual(
      new Uint8Array(
        pack({ name: "@demo/a", version: "1.2.0", bin: "./cli.js", description: "x" }),
      ),
    );
    expect(await codeOf(registry.resolve("@demo/a", "^3", nobody))).toBe("E_VERSION_NOT_FOUND");
    await expect(registry.resolve("@demo/a", "1.2.1", nobody)).rejects.toMatchObject({
      hint: expect.arrayContaining([expect.stringContaining("1.2.0")]) as unknown,
    });
    expect(await codeOf(registry.resolve("@demo/b", "1.0.0", nobody))).toBe("E_PACKAGE_NOT_FOUND");
    expect(await Array.fromAsync(store.verify({ kinds: kinds() }))).toEqual([]);
    expect((await store.collect({ kinds: kinds(), grace: 0 })).keys).toEqual([]);
  });

  test("A1 a version that exists is never overwritten, and an identical repeat is no second publish", async () => {
    await using at = await place(driver);
    const { registry } = at;
    const input = release({ name: "a", version: "1.0.0" });
    const first = await registry.publish(input, alice);
    const again = await registry.publish(input, alice);
    expect(again).toMatchObject({ repeated: true, uuid: first.uuid });
    expect(revisionOf(again.document)).toBe(revisionOf(first.document));
    const other = release(
      { name: "a", version: "1.0.0" },
      pack({ name: "a", version: "1.0.0" }, { x: "y" }),
    );
    for (const late of [registry.publish(other, alice), registry.publish(input, operator)])
      await expect(late).rejects.toMatchObject({
        code: "E_VERSION_EXISTS",
        message: expect.stringContaining(
          "You cannot publish over the previously published versions: 1.0.0.",
        ) as unknown,
      });
    // another tag is another wish
    expect(await codeOf(registry.publish({ ...input, tags: ["next"] }, alice))).toBe(
      "E_VERSION_EXISTS",
    );
    expect((await registry.document("a", nobody)).state.versions.size).toBe(1);
  });

  test("build metadata is cut off the number and may stay in the tarball", async () => {
    await using at = await place(driver);
    const manifest = { name: "a", version: "1.0.0+7" };
    const published = await at.registry.publish(release(manifest), alice);
    expect(published.version).toBe("1.0.0");
    expect((await at.registry.resolve("a", "1.0.0", alice)).manifest["version"]).toBe("1.0.0");
  });

  test("latest is set by the first publish whatever its tag, and later only on request", async () => {
    await using at = await place(driver);
    const { registry } = at;
    await registry.publish(
      { ...release({ name: "a", version: "1.0.0-rc.1" }), tags: ["next"] },
      alice,
    );
    const { document } = await registry.publish(
      { ...release({ name: "a", version: "1.0.0" }), tags: ["next"] },
      alice,
    );
    expect(Object.fromEntries(document.state.tags)).toEqual({
      next: "1.0.0",
      latest: "1.0.0-rc.1",
    });
  });

  test("attack 27: of 20 publishes of one version exactly one is stored", async () => {
    await using at = await place(driver);
    const codes = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        codeOf(
          at.registry.publish(
            release(
              { name: "a", version: "1.0.0" },
              pack({ name: "a", version: "1.0.0" }, { i: `${i}` }),
            ),
            alice,
          ),
        ),
      ),
    );
    expect(codes.filter((code) => code === undefined)).toHaveLength(1);
    expect(new Set(codes)).toEqual(new Set([undefined, "E_VERSION_EXISTS"]));
  });

  test("attack 27: 100 parallel publishes of distinct versions are all live", async () => {
    await using at = await place(driver);
    const versions = Array.from({ length: 100 }, (_, i) => `1.0.${i}`);
    await Promise.all(
      versions.map((version) => at.registry.publish(release({ name: "a", version }), alice)),
    );
    const { state } = await at.registry.document("a", alice);
    expect([...state.versions.keys()].toSorted()).toEqual(versions.toSorted());
    expect(await Array.fromAsync(at.store.verify({ kinds: kinds() }))).toEqual([]);
  });

  test("attack 27: a publish beside an unpublish of everything survives or was removed, never both", async () => {
    await using at = await place(driver);
    const { registry } = at;
    await registry.publish(release({ name: "a", version: "1.0.0" }), alice);
    await Promise.all([
      registry.unpublish("a", "all", alice),
      registry.publish(release({ name: "a", version: "1.0.1" }), alice),
    ]);
    const { state } = (await registry.packages.read("a"))!;
    expect(state.versions.has("1.0.0")).toBe(false);
    expect(state.removed.has("1.0.1")).not.toBe(state.versions.has("1.0.1"));
    for (const version of state.tags.values()) expect(state.versions.has(version)).toBe(true);
  });

  test("unpublish re-points latest, ends other tags, and keeps the number taken", async () => {
    await using at = await place(driver);
    const { registry } = at;
    for (const version of ["1.0.0", "1.10.0", "1.9.0", "2.0.0-rc.1", "1.11.0"])
      await registry.publish(release({ name: "a", version }), alice);
    await registry.tag("a", "old", "1.11.0", alice);
    const { state } = await registry.unpublish("a", ["1.11.0"], alice);
    expect(Object.fromEntries(state.tags)).toEqual({ latest: "1.10.0" });
    expect(await codeOf(registry.publish(release({ name: "a", version: "1.11.0" }), alice))).toBe(
      "E_VERSION_EXISTS",
    );
    await registry.unpublish("a", ["1.0.0", "1.10.0", "1.9.0"], alice);
    expect((await registry.document("a", alice)).state.tags.get("latest")).toBe("2.0.0-rc.1");
    await registry.unpublish("a", "all", alice);
    expect(await codeOf(registry.document("a", alice))).toBe("E_PACKAGE_NOT_FOUND");
    expect(await codeOf(registry.publish(release({ name: "a", version: "9.0.0" }), bob))).toBe(
      "E_FORBIDDEN",
    );
    await registry.publish(release({ name: "a", version: "9.0.0" }), alice);
    expect((await registry.resolve("a", "latest", alice)).version).toBe("9.0.0");
  });

  test("a stale revision changes nothing", async () => {
    await using at = await place(driver);
    const { registry, accounts } = at;
    await accounts.login(
      { name: "bob", password: "p" },
      { signup: true, who: { name: "bob", via: "npm" } },
    );
    const { document } = await registry.publish(release({ name: "a", version: "1.0.0" }), alice);
    await registry.publish(release({ name: "a", version: "1.0.1" }), alice);
    const rev = revisionOf(document);
    expect(await codeOf(registry.unpublish("a", ["1.0.0"], alice, { rev }))).toBe("E_CONFLICT");
    expect(await codeOf(registry.setOwners("a", ["bob"], alice, { rev }))).toBe("E_CONFLICT");
    expect(await codeOf(registry.setOwners("a", ["bob"], alice, { rev: "undefined" }))).toBe(
      "E_CONFLICT",
    );
    const newest = revisionOf(await registry.document("a", alice));
    await registry.setOwners("a", ["alice", "bob"], alice, { rev: newest });
    expect((await registry.document("a", alice)).state.owners).toEqual(["alice", "bob"]);
  });

  test("tags, deprecations and stars", async () => {
    await using at = await place(driver);
    const { registry } = at;
    for (const version of ["1.0.0", "1.0.1"])
      await registry.publish(release({ name: "a", version }), alice);
    await registry.tag("a", "constructor", "1.0.0", alice);
    expect((await registry.resolve("a", "constructor", bob)).version).toBe("1.0.0");
    expect(await codeOf(registry.tag("a", "edge", "3.0.0", alice))).toBe("E_VERSION_NOT_FOUND");
    expect(await codeOf(registry.tag("a", "1.x", "1.0.0", alice))).toBe("E_INVALID_TAG");
    expect(await codeOf(registry.untag("a", "latest", alice))).toBe("E_FORBIDDEN");
    expect(await codeOf(registry.untag("a", "toString", alice))).toBe("E_TAG_NOT_FOUND");
    await registry.untag("a", "constructor", alice);

    const messages = new Map([
      ["1.0.1", "use 2"],
      ["1.0.0", ""],
      ["7.0.0", ""],
    ]);
    await registry.deprecate("a", messages, alice);
    expect((await registry.document("a", bob)).state.versions.get("1.0.1")?.deprecated).toBe(
      "use 2",
    );
    await registry.tag("a", "latest", "1.0.1", alice);
    expect((await registry.resolve("a", "^1.0.0", bob)).version).toBe("1.0.1");
    await registry.tag("a", "latest", "1.0.0", alice);
    expect((await registry.resolve("a", ">1.0.0-0", bob)).version).toBe("1.0.0");
    await registry.deprecate("a", new Map([["1.0.1", ""]]), alice);
    expect((await registry.document("a", bob)).state.versions.get("1.0.1")).not.toHaveProperty(
      "deprecated",
    );
    expect(await codeOf(registry.deprecate("a", new Map([["7.0.0", "x"]]), alice))).toBe(
      "E_VERSION_NOT_FOUND",
    );

    await registry.star("a", true, bob);
    await registry.star("a", true, bob);
    expect((await registry.document("a", bob)).state.stars).toEqual(["bob"]);
    expect((await registry.star("a", false, bob)).state.stars).toEqual([]);
    expect(await codeOf(registry.star("a", true, nobody))).toBe("E_AUTH_REQUIRED");
  });

  test("H8 owners are enforced, and a scope belongs to its user or first publisher", async () => {
    await using at = await place(driver);
    const { registry, accounts } = at;
    const who = { name: "x", via: "npm" } as const;
    for (const name of ["alice", "bob"])
      await accounts.login({ name, password: "p" }, { signup: true, who });
    await registry.publish(release({ name: "a", version: "1.0.0" }), alice);
    const before = revisionOf(await registry.document("a", bob));
    const attempts = [
      () => registry.publish(release({ name: "a", version: "1.0.1" }), bob),
      () => registry.tag("a", "edge", "1.0.0", bob),
      () => registry.untag("a", "edge", bob),
      () => registry.deprecate("a", new Map([["1.0.0", "mine"]]), bob),
      () => registry.unpublish("a", "all", bob),
      () => registry.setOwners("a", ["bob"], bob),
      () => registry.publish(release({ name: "@alice/x", version: "1.0.0" }), bob),
      () =>
        registry.tag("a", "edge", "1.0.0", {
          ...alice,
          principal: { ...alice.principal, grant: readOnly },
        }),
    ];
    for (const attempt of attempts) expect(await codeOf(attempt())).toBe("E_FORBIDDEN");
    expect(await codeOf(registry.tag("a", "edge", "1.0.0", nobody))).toBe("E_AUTH_REQUIRED");
    expect(revisionOf(await registry.document("a", bob))).toBe(before);

    await registry.publish(release({ name: "@team/x", version: "1.0.0" }), bob);
    expect(
      await codeOf(registry.publish(release({ name: "@team/y", version: "1.0.0" }), alice)),
    ).toBe("E_FORBIDDEN");
    // an account made later does not take the scope over
    await accounts.login({ name: "team", password: "p" }, { signup: true, who });
    expect(
      await codeOf(registry.publish(release({ name: "@team/y", version: "1.0.0" }), user("team"))),
    ).toBe("E_FORBIDDEN");
    await registry.publish(release({ name: "@alice/x", version: "1.0.0" }), alice);

    expect(await codeOf(registry.setOwners("a", [], alice))).toBe("E_INVALID_DOCUMENT");
    expect(await codeOf(registry.setOwners("a", ["alice", "carol"], alice))).toBe(
      "E_USER_NOT_FOUND",
    );
    await registry.setOwners("a", ["alice", "bob"], alice);
    await registry.publish(release({ name: "a", version: "1.0.1" }), bob);
    const { manifest } = await registry.resolve("a", "1.0.1", bob);
    expect(manifest).toMatchObject({
      _npmUser: { name: "bob" },
      maintainers: [{ name: "alice" }, { name: "bob" }],
    });
  });

  test("what `local` made is open to everybody who is signed in under the open policy only", async () => {
    await using open = await place(driver, { open: true });
    await using closed = await place(driver);
    for (const { registry } of [open, closed])
      await registry.publish(release({ name: "@demo/a", version: "1.0.0" }), operator);
    await open.registry.publish(release({ name: "@demo/a", version: "1.0.1" }), alice);
    await open.registry.publish(release({ name: "@demo/b", version: "1.0.1" }), alice);
    expect(
      await codeOf(open.registry.publish(release({ name: "@demo/b", version: "2.0.0" }), bob)),
    ).toBe("E_FORBIDDEN");
    expect(
      await codeOf(closed.registry.publish(release({ name: "@demo/a", version: "1.0.1" }), alice)),
    ).toBe("E_FORBIDDEN");
    expect(
      await codeOf(closed.registry.publish(release({ name: "@demo/b", version: "1.0.1" }), alice)),
    ).toBe("E_FORBIDDEN");
  });

  test("attacks 4 and 28: odd names, versions, tags and shapes are refused and leave nothing", async () => {
    await using at = await place(driver);
    const { registry, store } = at;
    const good = { name: "a", version: "1.0.0" };
    const named = (name: string, version = "1.0.0") =>
      registry.publish(release({ name, version }), alice);
    const shaped = (extra: object) => registry.publish(release({ ...good, ...extra }), alice);
    const cases: [string, () => Promise<unknown>][] = [
      ["E_INVALID_NAME", () => named("__proto__")],
      ["E_INVALID_NAME", () => named("@x/__proto__")],
      ["E_INVALID_NAME", () => named("../a")],
      ["E_INVALID_NAME", () => named("@../a")],
      ["E_INVALID_NAME", () => named("Upper")],
      ["E_INVALID_NAME", () => named("a".repeat(215))],
      [
        "E_INVALID_NAME",
        () => registry.publish({ ...release(good), name: null as unknown as string }, alice),
      ],
      ["E_INVALID_VERSION", () => named("a", "1.0")],
      ["E_INVALID_VERSION", () => named("a", "v1.0.0")],
      ["E_INVALID_VERSION", () => named("a", "1.0.0/../../x")],
      ["E_INVALID_TAG", () => registry.publish({ ...release(good), tags: ["__proto__"] }, alice)],
      ["E_INVALID_TAG", () => registry.publish({ ...release(good), tags: ["^1"] }, alice)],
      ["E_INVALID_DOCUMENT", () => shaped({ dependencies: { b: 1 } })],
      ["E_INVALID_DOCUMENT", () => shaped({ dependencies: [] })],
      ["E_INVALID_DOCUMENT", () => shaped({ scripts: "rm" })],
      ["E_INVALID_DOCUMENT", () => shaped({ bin: { a: null } })],
      ["E_INVALID_DOCUMENT", () => shaped({ dist: null })],
      ["E_INVALID_DOCUMENT", () => shaped({ x: JSON.parse("[".repeat(100) + "]".repeat(100)) })],
      ["E_MANIFEST_MISMATCH", () => registry.publish({ ...release(good), name: "b" }, alice)],
      [
        "E_MANIFEST_MISMATCH",
        () => registry.publish({ ...release(good), version: "1.0.1" }, alice),
      ],
      ["E_INVALID_TARBALL", () => shaped({ dist: { integrity: `sha512-${"A".repeat(86)}==` } })],
      ["E_INVALID_TARBALL", () => shaped({ dist: { shasum: "0".repeat(40) } })],
      ["E_TOO_LARGE", () => shaped({ x: "y".repeat(5 * 2 ** 20) })],
    ];
    for (const [code, attempt] of cases)
      expect([code, await codeOf(attempt())]).toEqual([code, code]);
    expect((await store.driver.list({})).entries).toEqual([]);
    await named("constructor");
    expect((await registry.resolve("constructor", "latest", bob)).version).toBe("1.0.0");
  });

  test("H7 attack 21: a manifest that says something else than the tarball is refused", async () => {
    await using at = await place(driver);
    const inside = { name: "a", version: "1.0.0", scripts: { postinstall: "evil" } };
    const input = release({ name: "a", version: "1.0.0" }, pack(inside));
    await expect(at.registry.publish(input, alice)).rejects.toMatchObject({
      code: "E_MANIFEST_MISMATCH",
      message: expect.stringContaining("scripts.postinstall") as unknown,
    });
    expect((await at.store.driver.list({})).entries).toEqual([]);
  });
});
