import type { Caller } from "@citadel/core/access";
import { describe, expect, test } from "vitest";

import { codeOf, drivers, operator, place, release, user, type Place } from "./registry-harness.ts";

const who = { name: "local", via: "cli" } as const;
const signUp = async ({ accounts }: Place, ...names: readonly string[]) => {
  for (const name of names)
    await accounts.login({ name, password: "correct horse 1" }, { signup: true, who });
};
/** The same person after a new log-in: with the memberships of now. */
async function now(here: Place, name: string): Promise<Caller> {
  return {
    principal: await here.accounts.byPassword(name, "correct horse 1"),
    via: "npm",
  };
}
const memberships = async (here: Place, name: string): Promise<object> => {
  const { orgs, teams } = (await now(here, name)).principal;
  return { orgs, teams };
};
const ann = user("ann");
const bob = user("bob");

describe.each(drivers)("H8 organisations on %s", (driver) => {
  test("the first member makes it; its owners say who is in it, its admins make teams", async () => {
    await using here = await place(driver);
    const { orgs } = here;
    await signUp(here, "ann", "bob", "eve");
    const made = await orgs.setMember("acme", "ann", undefined, ann);
    expect([...made.members]).toEqual([["ann", "owner"]]);
    await orgs.setMember("acme", "bob", undefined, ann);
    expect(await memberships(here, "bob")).toEqual({
      orgs: new Map([["acme", "developer"]]),
      teams: new Set(["acme:developers"]),
    });
    expect(await codeOf(orgs.setMember("acme", "eve", undefined, bob))).toBe("E_FORBIDDEN");
    expect(await codeOf(orgs.createTeam("acme", "core", "", bob))).toBe("E_FORBIDDEN");
    await orgs.setMember("acme", "bob", "admin", ann);
    await orgs.createTeam("acme", "core", "the core", bob);
    expect(await codeOf(orgs.createTeam("acme", "core", "", bob))).toBe("E_CONFLICT");
    await orgs.addToTeam("acme", "core", "ann", bob);
    expect(await codeOf(orgs.addToTeam("acme", "core", "eve", bob))).toBe("E_USER_NOT_FOUND");
    expect(await memberships(here, "ann")).toMatchObject({
      teams: new Set(["acme:developers", "acme:core"]),
    });
    // a stranger does not learn who is in it
    expect(await codeOf(orgs.visit("acme", user("eve")))).toBe("E_ORG_NOT_FOUND");
    expect(await codeOf(orgs.createTeam("acme", "x", "", user("eve")))).toBe("E_ORG_NOT_FOUND");
    expect((await orgs.visit("acme", operator)).members.size).toBe(2);
  });

  test("the last owner stays; who leaves has nothing left", async () => {
    await using here = await place(driver);
    const { orgs, registry } = here;
    await signUp(here, "ann", "bob");
    await orgs.setMember("acme", "ann", undefined, ann);
    expect(await codeOf(orgs.setMember("acme", "ann", "developer", ann))).toBe(
      "E_INVALID_DOCUMENT",
    );
    expect(await codeOf(orgs.removeMember("acme", "ann", ann))).toBe("E_INVALID_DOCUMENT");
    await orgs.setMember("acme", "bob", "developer", ann);
    await registry.publish(release({ name: "@acme/p", version: "1.0.0" }), await now(here, "bob"));
    const { state } = await registry.document("@acme/p", operator);
    expect([state.owners, state.teams]).toEqual([["bob"], new Map([["acme:developers", "write"]])]);
    await orgs.removeMember("acme", "bob", ann);
    expect(await memberships(here, "bob")).toEqual({});
    expect((await registry.document("@acme/p", operator)).state.owners).toEqual(["ann"]);
    const late = registry.publish(
      release({ name: "@acme/p", version: "1.0.1" }),
      await now(here, "bob"),
    );
    expect(await codeOf(late)).toBe("E_FORBIDDEN");
    await orgs.setMember("acme", "bob", undefined, ann);
    expect(await memberships(here, "bob")).toMatchObject({
      orgs: new Map([["acme", "developer"]]),
    });
  });

  test("names and scopes of others are not for an organisation; a scope of one's own is", async () => {
    await using here = await place(driver);
    const { orgs, registry, access } = here;
    await signUp(here, "ann", "bob");
    expect(await codeOf(orgs.setMember("bob", "ann", undefined, ann))).toBe("E_FORBIDDEN");
    await registry.publish(release({ name: "@tools/p", version: "1.0.0" }), bob);
    expect(await codeOf(orgs.setMember("tools", "ann", undefined, ann))).toBe("E_FORBIDDEN");
    await orgs.setMember("tools", "bob", undefined, bob);
    expect(
      await codeOf(registry.publish(release({ name: "@tools/q", version: "1.0.0" }), ann)),
    ).toBe("E_FORBIDDEN");
    const tools = { name: "tools", password: "correct horse 1" };
    expect(await codeOf(here.accounts.login(tools, { signup: true, who }))).toBe("E_USER_EXISTS");
    expect(await codeOf(here.accounts.create(tools, who))).toBe("E_USER_EXISTS");
    for (const name of ["@tools/x", "@bob/x"]) expect(await access.isClaimed(name)).toBe(true);
    for (const name of ["@free/x", "x"]) expect(await access.isClaimed(name)).toBe(false);
    await access.set({ pattern: "in-*", claimed: true }, operator);
    expect(await access.isClaimed("in-x")).toBe(true);
  });

  test("of founders at the same time one wins; so does one of a founder and a first publisher", async () => {
    await using here = await place(driver);
    const { orgs, registry } = here;
    await signUp(here, "ann", "bob");
    for (let n = 0; n < 5; n++) {
      const codes = await Promise.all([
        codeOf(orgs.setMember(`org${n}`, "ann", undefined, ann)),
        codeOf(orgs.setMember(`org${n}`, "bob", undefined, bob)),
      ]);
      expect(codes.toSorted()).toEqual(["E_FORBIDDEN", undefined]);
      const winner = codes[0] === undefined ? "ann" : "bob";
      expect([...((await orgs.read(`org${n}`))?.members ?? [])]).toEqual([[winner, "owner"]]);
    }
    for (let n = 0; n < 5; n++) {
      const scope = `scope${n}`;
      const codes = await Promise.all([
        codeOf(orgs.setMember(scope, "ann", undefined, ann)),
        codeOf(registry.publish(release({ name: `@${scope}/p`, version: "1.0.0" }), bob)),
      ]);
      expect(codes.toSorted()).toEqual(["E_FORBIDDEN", undefined]);
    }
  });

  test("what was granted to a team that is gone does not come back with its name", async () => {
    await using here = await place(driver);
    const { orgs, registry } = here;
    await signUp(here, "ann", "bob");
    await orgs.setMember("acme", "ann", undefined, ann);
    await orgs.setMember("acme", "bob", undefined, ann);
    const input = {
      ...release({ name: "@acme/p", version: "1.0.0" }),
      access: "restricted" as const,
    };
    await registry.publish(input, await now(here, "ann"));
    const owner = await now(here, "ann");
    await registry.setTeam("@acme/p", "acme:developers", "none", owner);
    await orgs.createTeam("acme", "core", "", ann);
    await orgs.addToTeam("acme", "core", "bob", ann);
    await registry.setTeam("@acme/p", "acme:core", "read", owner);
    const reads = async () => codeOf(registry.document("@acme/p", await now(here, "bob")));
    expect(await reads()).toBe(undefined);
    await orgs.removeTeam("acme", "core", ann);
    expect(await reads()).toBe("E_PACKAGE_NOT_FOUND");
    await orgs.createTeam("acme", "core", "", ann);
    await orgs.addToTeam("acme", "core", "bob", ann);
    expect(await reads()).toBe("E_PACKAGE_NOT_FOUND");
    expect(await codeOf(orgs.removeTeam("acme", "developers", ann))).toBe("E_FORBIDDEN");
  });

  test("attack 4: odd names of organisations, teams and users", async () => {
    await using here = await place(driver);
    const { orgs } = here;
    await signUp(here, "ann", "constructor");
    for (const name of ["__proto__", "Acme", "a b", "local", "a*", "", ".x", "a/b"])
      expect(await codeOf(orgs.setMember(name, "ann", undefined, ann))).toBe("E_INVALID_NAME");
    for (const name of ["tostring", "valueof", "hasownproperty"])
      await orgs.setMember(name, "ann", undefined, ann);
    await orgs.setMember("tostring", "constructor", undefined, ann);
    for (const team of ["__proto__", "a:b", "a#2", "", "a/b", "x".repeat(101)])
      expect(await codeOf(orgs.createTeam("tostring", team, "", ann))).toBe("E_INVALID_NAME");
    await orgs.createTeam("tostring", "constructor", "", ann);
    expect(await codeOf(orgs.setMember("tostring", "__proto__", undefined, ann))).toBe(
      "E_USER_NOT_FOUND",
    );
  });

  test("verify recomputes organisations, memberships, rules and packages with teams", async () => {
    await using here = await place(driver);
    const { kinds } = await import("@citadel/core/kinds");
    await signUp(here, "ann");
    await here.orgs.setMember("acme", "ann", undefined, ann);
    await here.orgs.createTeam("acme", "core", "x", ann);
    await here.access.set({ pattern: "*", read: ["$authenticated"] }, operator);
    await here.registry.publish(
      { ...release({ name: "@acme/p", version: "1.0.0" }), access: "restricted" },
      await now(here, "ann"),
    );
    await here.registry.setTfa("@acme/p", "automation", operator);
    const problems: unknown[] = [];
    for await (const problem of here.store.verify({ kinds: kinds() })) problems.push(problem);
    expect(problems).toEqual([]);
  });
});
