// H8, attack 36: lists and searches hold what the same person could ask for by name, and their totals say so.
import { join } from "node:path";
import {
  allows,
  anonymous,
  judge,
  local,
  may,
  type AccessRule,
  type Grant,
  type OrgRole,
  type Principal,
} from "@citadel/core/access";
import { openCatalog } from "@citadel/core/catalog";
import { groupsOf, readersOf } from "@citadel/core/edge";
import { targetOf } from "@citadel/core/registry";
import { describe, expect, test } from "vitest";

import { tempFolder } from "../support/temp.ts";
import { operator, place, release } from "./registry-harness.ts";

/** Numbers that look random and are the same each time. */
function numbers(seed: number) {
  let state = seed;
  return (below: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
}

const scopes = ["acme", "beta", "ann"];
const people = ["ann", "bob", "eve"];
const teams = ["acme:core", "acme:core#2", "beta:core"];
const who = ["$authenticated", ...people, "acme", "beta", "acme:core", "beta:core"];
const patterns = ["*", "@acme/*", "@acme/p1*", "@acme/p1", "@beta/p2", "@ann/*", "u*", "u1"];

test.each([1, 2, 3, 4, 5, 6])(
  "H8 attack 36: the list is what may() lets one read (%i)",
  async (seed) => {
    const random = numbers(seed * 7919);
    const some = <T>(from: readonly T[], most: number): T[] =>
      Array.from({ length: random(most + 1) }, () => from[random(from.length)] as T);
    await using here = await place("memory", { open: seed % 2 === 0 });
    const { registry, access, store } = here;
    const names = scopes.flatMap((scope) => ["p1", "p11", "p2"].map((name) => `@${scope}/${name}`));
    names.push("u1", "u2", "v");
    for (const name of names) {
      await registry.publish(release({ name, version: "1.0.0" }), operator);
      const event = (body: object) =>
        registry.packages.change(name, { name: "local", via: "cli" }, () => [body as never]);
      await event({ type: "owners", owners: [["ann", "bob", "local"][random(3)]] });
      if (name.startsWith("@") && random(2) === 0)
        await event({ type: "visibility", visibility: "restricted" });
      for (const team of new Set(some(teams, 2)))
        await event({ type: "team", team, right: random(2) === 0 ? "read" : "write" });
    }
    const folder = await tempFolder("visible");
    const catalog = await openCatalog({ path: join(folder.path, "c.db"), registry, store });
    await catalog.sync();

    for (let round = 0; round < 12; round++) {
      const policyOf = async () => {
        for (const { pattern } of (await access.read()).rules)
          await access.remove(pattern, operator);
        // the first round is without rules
        for (const pattern of round === 0 ? [] : new Set(some(patterns, 4))) {
          const rule: { -readonly [K in keyof AccessRule]: AccessRule[K] } = {
            pattern,
            claimed: true,
          };
          if (random(2) === 0) rule.read = random(4) === 0 ? ["$all"] : some(who, 3);
          if (random(2) === 0) rule.write = some(who, 3);
          await access.set(rule, operator);
        }
        return access.policy();
      };
      const policy = await policyOf();
      for (let n = 0; n < 12; n++) {
        const principal = somebody(random, some);
        const viewer = { principal, policy };
        const expected: string[] = [];
        for (const name of names.toSorted()) {
          const state = (await registry.packages.read(name))?.state;
          const target = targetOf(principal, name, state);
          const allowed = may(principal, "read", target, policy);
          if (allowed) expected.push(name);
          if (principal.kind === "job" || principal.kind === "local") continue;
          const groups =
            principal.kind === "user" && allows(principal.grant, "read", name)
              ? groupsOf(principal)
              : [];
          // E6: what a CDN is told comes to the same
          expect(
            readersOf(target, policy).some((one) => one === "$all" || groups.includes(one)),
            `${name} ${JSON.stringify(groups)} ${JSON.stringify(readersOf(target, policy))}`,
          ).toBe(allowed);
        }
        const about = JSON.stringify(
          [principal.name, principal.kind, policy.rules?.rows],
          (_, value) => (value instanceof Map || value instanceof Set ? [...value] : value),
        );
        expect(
          catalog.list({ viewer }).items.map(({ name }) => name),
          about,
        ).toEqual(expected);
        const all = catalog.search({ text: "", size: 250 }, viewer);
        expect([all.total, all.items.length], about).toEqual([expected.length, expected.length]);
        const found = catalog.search({ text: "p1", size: 1 }, viewer);
        expect(found.total, about).toBe(expected.filter((name) => name.includes("/p1")).length);
        for (const user of people) {
          const held = [...catalog.held({ owner: user, scopes: ["acme"], teams }, viewer).keys()];
          expect(held.filter((name) => !expected.includes(name))).toEqual([]);
        }
      }
    }
    expect(catalog.list().items.length).toBe(names.length);
    catalog.close();
    await folder.remove();
  },
);

function somebody(
  random: (below: number) => number,
  some: <T>(from: readonly T[], most: number) => T[],
): Principal {
  const kind = random(10);
  if (kind === 0) return anonymous;
  if (kind === 1) return local;
  const grants: readonly (Grant | undefined)[] = [
    undefined,
    undefined,
    { packages: "read", orgs: "none", manage: false },
    { packages: "none", orgs: "none", manage: false },
    { packages: "write", names: ["@acme/*", "u1"], orgs: "none", manage: true },
    { packages: "read", names: [], orgs: "none", manage: false },
  ];
  const grant = grants[random(grants.length)];
  const name = people[random(people.length)] as string;
  const roles: readonly OrgRole[] = ["owner", "admin", "developer"];
  return {
    kind: kind === 2 ? "job" : "user",
    name,
    admin: kind === 3,
    ...(grant && { grant }),
    ...(random(2) === 0 && {
      orgs: new Map(some(["acme", "beta"], 2).map((org) => [org, roles[random(3)] as OrgRole])),
      teams: new Set(some(teams, 2)),
    }),
  };
}

describe("H8 rules", () => {
  test("the most specific pattern that has a list decides, list by list; the reason is told", async () => {
    await using here = await place("memory");
    const { access } = here;
    await access.set({ pattern: "**", read: ["$authenticated"], write: ["ann"] }, operator);
    await access.set({ pattern: "@acme/*", write: ["acme:core"] }, operator);
    await access.set({ pattern: "@acme/open", read: ["$all"] }, operator);
    const policy = await access.policy();
    const ask = (principal: Principal, action: "read" | "write", name: string) =>
      judge(principal, action, targetOf(principal, name, undefined), policy);
    const ann: Principal = { kind: "user", name: "ann", admin: false };
    const core: Principal = { ...ann, name: "bob", teams: new Set(["acme:core#3"]) };
    expect(ask(anonymous, "read", "x").allowed).toBe(false);
    expect(ask(ann, "read", "@acme/x").allowed).toBe(true);
    expect(ask(anonymous, "read", "@acme/open").allowed).toBe(true);
    expect(ask(ann, "write", "x").allowed).toBe(true);
    expect(ask(ann, "write", "@acme/x")).toEqual({
      allowed: false,
      because: "not in the write list of a rule for new names",
    });
    expect(ask(core, "write", "@acme/x").allowed).toBe(true);
    expect(ask(core, "write", "x").allowed).toBe(false);
  });
});
