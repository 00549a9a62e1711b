import { commandLine } from "@citadel/core/access";
import { expect, test } from "vitest";

import { age, behind, server, stock } from "./behind.ts";

const day = 86_400_000;

test("H3: an exception shows a version at once and hides it again when it ends; a dry run serves and counts", async () => {
  const there = await server();
  const published = new Date(Date.now() - day).toISOString();
  stock(there, "one", { versions: { "1.0.0": {}, "1.1.0": {} }, time: { "1.1.0": published } });
  const here = await behind(there);
  const policies = await here.citadel.policies();
  const refusals = await here.citadel.refusals();
  const token = await here.signIn("dev");
  const seen = async () => {
    const got = await here.ask("/one");
    const { versions, "dist-tags": tags } = got.json();
    return { versions: Object.keys(versions), latest: tags.latest, etag: got.headers.get("etag") };
  };
  const tarball = async () => (await here.ask("/one/-/one-1.1.0.tgz")).status;
  const rule = { kind: "age", pattern: "*", age: 100 * day } as const;

  await policies.apply(commandLine, { type: "rule", rule });
  const held = await seen();
  expect([held.versions, held.latest, await tarball()]).toEqual([["1.0.0"], "1.0.0", 403]);

  const body = { pattern: "one", range: "1.1.0", reason: "fixes our build" };
  const asked = await here.ask("/-/citadel/v1/policy/requests", { method: "POST", token, body });
  expect(asked.status).toBe(201);
  expect((await seen()).etag).toBe(held.etag);
  const grant = { ...body, until: Date.now() + 30 * day };
  await policies.apply(commandLine, { type: "approve", id: "r1", grant });
  const shown = await seen();
  expect([shown.versions, shown.latest, await tarball()]).toEqual([
    ["1.0.0", "1.1.0"],
    "1.1.0",
    200,
  ]);
  expect(shown.etag).not.toBe(held.etag);
  await policies.apply(commandLine, { type: "remove", id: "e2" });
  expect(await tarball()).toBe(403);
  await policies.apply(commandLine, { type: "mode", mode: "dry-run" });
  expect([(await seen()).versions, await tarball()]).toEqual([["1.0.0", "1.1.0"], 200]);
  expect(await refusals.list()).toMatchObject([
    { name: "one", version: "1.1.0", rule: "age:*", dryRun: true, count: 3 },
  ]);

  await policies.undo(commandLine, { rev: 3 });
  expect(await tarball()).toBe(200);
  await age(31 * day, async () => {
    expect([(await seen()).versions, await tarball()]).toEqual([["1.0.0"], 403]);
  });
});

test("H3: of a package of which nothing is left, who asks for a version is told why that one is refused", async () => {
  const there = await server();
  stock(there, "one", { versions: { "1.0.0": {}, "1.1.0": {} } });
  const here = await behind(there);
  const policies = await here.citadel.policies();
  for (const [range, reason] of [
    ["1.0.0", "old"],
    ["1.1.0", "new"],
  ] as const)
    await policies.apply(commandLine, {
      type: "rule",
      rule: { kind: "block", pattern: "one", range, reason },
    });
  for (const [path, about] of [
    ["/one/1.0.0", /^one@1\.0\.0 is withheld.*: old \(rule block:one@1\.0\.0\)/],
    ["/one/latest", /^one@1\.1\.0 is withheld.*: new /],
    ["/one/2.0.0", /^one@1\.1\.0 is withheld/],
  ] as const) {
    const got = await here.ask(path);
    expect([got.status, got.json().error]).toEqual([403, expect.stringMatching(about)]);
  }
});
