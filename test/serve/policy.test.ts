import { commandLine } from "@citadel/core/access";
import { kinds } from "@citadel/core/kinds";
import { describe, expect, test } from "vitest";

import { place, type Place } from "./place.ts";

const path = "/-/citadel/v1/policy";

/** A token of an administrator. */
async function administrator(here: Place): Promise<string> {
  const token = await here.signIn("root");
  const users = kinds().find(({ name }) => name === "user");
  if (!users) throw new Error("there is no kind of users");
  await here.citadel.store
    .ledger(users)
    .change("root", { name: "local", via: "cli" }, () => [{ type: "admin", admin: true }]);
  return token;
}

describe("H3: the policy over HTTP", () => {
  test("an administrator changes it, with a dry run before, and takes it back", async () => {
    await using here = await place();
    const token = await administrator(here);
    const rule = { kind: "block", pattern: "lodash", range: "<4.17.21", reason: "CVE-2020-8203" };
    const body = { type: "rule", rule };
    const plan = await here.ask(path, { method: "POST", token, body: { ...body, dryRun: true } });
    expect(plan.json()).toMatchObject({ dryRun: true, added: { rules: [rule] }, removed: [] });
    expect((await here.ask(path, { token })).json().rules).toEqual([]);
    expect((await here.ask(path, { method: "POST", token, body })).status).toBe(200);
    expect((await here.ask(path, { token })).json()).toMatchObject({
      mode: "enforce",
      rules: [{ id: "block:lodash@<4.17.21", ...rule, by: "root" }],
      refused: { items: [] },
    });
    const undone = await here.ask(path, { method: "POST", token, body: { type: "undo" } });
    expect(undone.json()).toMatchObject({ removed: ["block:lodash@<4.17.21"] });
    expect((await (await here.citadel.policies()).current()).active).toBe(false);
  });

  test("whoever is signed in asks for an exception, sees their own, and cannot grant it", async () => {
    await using here = await place();
    const [root, dev, other] = [
      await administrator(here),
      await here.signIn("dev"),
      await here.signIn("other"),
    ];
    await (
      await here.citadel.policies()
    ).apply(commandLine, {
      type: "rule",
      rule: { kind: "age", pattern: "*", age: 86_400_000 },
    });
    const body = { pattern: "left-pad", range: "1.3.0", reason: "fixes our build" };
    const asked = await here.ask(`${path}/requests`, { method: "POST", token: dev, body });
    expect([asked.status, asked.json().added.requests]).toEqual([
      201,
      [expect.objectContaining({ id: "r1", by: "dev", state: "open" })],
    ]);
    const seen = async (token: string) => (await here.ask(path, { token })).json();
    expect(await seen(dev)).toMatchObject({ requests: [{ id: "r1" }], rules: [{ id: "age:*" }] });
    expect(await seen(other)).toMatchObject({ requests: [] });
    expect(await seen(other)).not.toHaveProperty("refused");
    const grant = {
      pattern: "left-pad",
      range: "1.3.0",
      reason: "ok",
      until: "2100-01-01T00:00:00Z",
    };
    const approve = { type: "approve", id: "r1", grant };
    expect((await here.ask(path, { method: "POST", token: dev, body: approve })).status).toBe(403);
    expect((await here.ask(path, { method: "POST", token: root, body: approve })).status).toBe(200);
    const { judge } = await (await here.citadel.policies()).current();
    const version = { name: "left-pad", version: "1.3.0", origin: "up", published: Date.now() };
    expect(judge({ ...version, license: "MIT", hasInstallScript: false }, Date.now())).toEqual({
      allowed: true,
      until: Date.UTC(2100, 0, 1),
    });
  });

  test("attack 46: nobody reads or changes it without an account", async () => {
    await using here = await place();
    expect((await here.ask(path)).status).toBe(401);
    const body = { type: "mode", mode: "off" };
    expect((await here.ask(path, { method: "POST", body })).status).toBe(401);
    const request = { pattern: "a", reason: "please" };
    const asked = await here.ask(`${path}/requests`, { method: "POST", body: request });
    expect(asked.status).toBe(401);
  });

  test.each<[string, unknown]>([
    ["nothing", null],
    ["a list", []],
    ["an unknown change", { type: "restore", state: {} }],
    ["a field too many", { type: "mode", mode: "off", rules: [] }],
    ["an age in words", { type: "rule", rule: { kind: "age", pattern: "*", age: "3d" } }],
    ["a pattern that is none", { type: "rule", rule: { kind: "block", pattern: "../*" } }],
    [
      "a range that is an object",
      { type: "rule", rule: { kind: "block", pattern: "a", range: {} } },
    ],
    [
      "an end that has passed",
      { type: "except", grant: { pattern: "a", reason: "b", until: "2001-01-01T00:00:00Z" } },
    ],
    [
      "an end that is no date",
      { type: "except", grant: { pattern: "a", reason: "b", until: "soon" } },
    ],
  ])("attack 28: %s changes nothing", async (_, body) => {
    await using here = await place();
    const token = await administrator(here);
    const got = await here.ask(path, { method: "POST", token, body });
    expect([got.status, typeof got.json().error]).toEqual([400, "string"]);
    expect((await (await here.citadel.policies()).read()).rules).toEqual([]);
  });
});
