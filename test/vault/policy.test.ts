import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { actions, evaluate, readPolicy } from "@citadel/core/vault";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { codeOf } from "../core/registry-harness.ts";
import { place } from "./place.ts";
import { seat } from "./seat.ts";

type Request = Parameters<typeof evaluate>[1];
const policy = (...statements: object[]) =>
  readPolicy(JSON.stringify({ roles: { dev: statements } }));
const request = (more: Partial<Request> = {}): Request => ({
  ...{ role: "dev", action: "read", scope: "dev", env: "dev", name: "db/password" },
  ...more,
});
const all = { effect: "allow", actions: ["*"] };

describe("D4: rules", () => {
  test.each([
    ["no JSON", "{"],
    ["an array", "[]"],
    ["no roles", "{}"],
    ["a field beside roles", { roles: {}, more: 1 }],
    ["a role with spaces", { roles: { "a b": [] } }],
    ["no list", { roles: { dev: {} } }],
    ["an unknown effect", { roles: { dev: [{ effect: "maybe", actions: ["read"] }] } }],
    ["an unknown action", { roles: { dev: [{ effect: "allow", actions: ["reads"] }] } }],
    ["no actions", { roles: { dev: [{ effect: "allow", actions: [] }] } }],
    ["an unknown condition", { roles: { dev: [{ ...all, when: { vpn: true } }] } }],
    ["a condition of a prototype", { roles: { dev: [{ ...all, when: { constructor: [] } }] } }],
    ["** in the middle", { roles: { dev: [{ ...all, names: ["a/**/b"] }] } }],
    ["** in a word", { roles: { dev: [{ ...all, names: ["a**"] }] } }],
    ["a name that cannot be", { roles: { dev: [{ ...all, names: ["a/../b"] }] } }],
    ["an octal address", { roles: { dev: [{ ...all, when: { cidr: ["010.0.0.1/8"] } }] } }],
    ["a short address", { roles: { dev: [{ ...all, when: { cidr: ["10.1"] } }] } }],
    ["a hexadecimal address", { roles: { dev: [{ ...all, when: { cidr: ["0x0a000001"] } }] } }],
    ["a wide block", { roles: { dev: [{ ...all, when: { cidr: ["10.0.0.0/33"] } }] } }],
    ["a signed block", { roles: { dev: [{ ...all, when: { cidr: ["10.0.0.0/+8"] } }] } }],
    ["an hour that is none", { roles: { dev: [{ ...all, when: { time: ["8:00-18:00"] } }] } }],
    ["a date that is none", { roles: { dev: [{ ...all, when: { before: "soon" } }] } }],
    ["a whole issuer", { roles: { "oidc:github": [all] } }],
    [
      "a whole issuer by what its tokens have in common",
      { roles: { "oidc:github": [{ ...all, when: { "oidc.iss": ["*"], "oidc.aud": ["*"] } }] } },
    ],
    ["a flag that is none", { roles: { dev: [{ ...all, when: { viaBroker: "yes" } }] } }],
  ])("%s is refused as a whole", (_what, document) => {
    const text = typeof document === "string" ? document : JSON.stringify(document);
    expect(() => readPolicy(text)).toThrow(/^the policy /);
    // what was refused, and yet is there, allows nothing
    expect(evaluate(undefined, request({ role: "administrator" })).allowed).toBe(false);
  });

  test.each([
    ["a", "a", true],
    ["a", "A", false],
    ["a", "ab", false],
    ["a*", "ab", true],
    ["a*", "a/b", false],
    ["*", "a/b", false],
    ["*/b", "a/b", true],
    ["**", "a/b/c", true],
    ["a/**", "a/b/c", true],
    ["a/**", "a", false],
    ["a/**", "ab/c", false],
    ["a.c", "abc", false],
    ["(a|b)", "a", false],
    ["*a*a*a*b", `${"a".repeat(190)}c`, false],
    ["a\u0308", "ä", true],
  ])("%s and the name %s: %s", (glob, name, matches) => {
    const document = policy({ ...all, names: [glob] });
    expect(evaluate(document, request({ name })).allowed).toBe(matches);
  });
});

describe("vault attack 15: what is not allowed is denied", () => {
  const noon = Date.parse("2026-03-01T12:00:00Z");

  test("a statement that denies wins, wherever it stands, and everybody's too", () => {
    const deny = { effect: "deny", actions: ["read"], names: ["db/**"] };
    for (const statements of [
      [all, deny],
      [deny, all],
    ])
      expect(evaluate(policy(...statements), request()).allowed).toBe(false);
    const both = readPolicy(JSON.stringify({ roles: { dev: [all], "*": [deny] } }));
    expect(evaluate(both, request())).toEqual({ allowed: false, by: "*[0]" });
    expect(evaluate(both, request({ role: "administrator" })).allowed).toBe(false);
  });

  test("names and roles that only look alike match nothing", () => {
    const document = policy({ ...all, scopes: ["production"], names: ["db"] });
    for (const scope of ["production ", "Production", "production2", "prod", "*"])
      expect(evaluate(document, request({ scope, name: "db" })).allowed, scope).toBe(false);
    for (const name of ["db/x", "DB", "db2", "d", "*", "**"])
      expect(evaluate(document, request({ scope: "production", name })).allowed, name).toBe(false);
    for (const role of ["de", "devs", "Dev", "__proto__", "constructor", "toString", ""])
      expect(evaluate(policy(all), request({ role })).allowed, role).toBe(false);
  });

  test.each([
    ["10.1.2.3", true],
    ["::ffff:10.1.2.3", true],
    ["::ffff:a01:203", true],
    ["11.0.0.1", false],
    ["010.1.2.3", false],
    ["10.1", false],
    ["0x0a010203", false],
    ["167838211", false],
    ["10.1.2.3, 11.0.0.1", false],
    ["", false],
    [undefined, false],
  ])("the address %s in 10.0.0.0/8: %s", (address, inside) => {
    const from = request(address === undefined ? {} : { address });
    const when = { cidr: ["10.0.0.0/8"] };
    expect(evaluate(policy({ ...all, when }), from).allowed).toBe(inside);
  });

  test("what cannot be told makes nothing allowed, and everything denied", () => {
    for (const when of [
      { cidr: ["0.0.0.0/0", "::/0"] },
      { time: ["00:00-23:59"] },
      { before: "2999-01-01" },
      { "oidc.sub": ["**"] },
    ]) {
      const what = JSON.stringify(when);
      expect(evaluate(policy({ ...all, when }), request()).allowed, what).toBe(false);
      const denied = policy(all, { effect: "deny", actions: ["read"], when });
      expect(evaluate(denied, request()).allowed, what).toBe(false);
    }
  });

  test("D4: who holds no key has only the roles of their own; of everybody's what denies", () => {
    const one = { actions: ["read"] as const };
    const document = {
      roles: {
        "*": [
          { effect: "allow" as const, ...one },
          { effect: "deny" as const, ...one, names: ["root"] },
        ],
        "user:ann": [{ effect: "allow" as const, ...one, scopes: ["dev"] }],
      },
    };
    const said = (callers: readonly string[] | undefined, scope: string, name: string) =>
      evaluate(document, {
        ...{ role: "administrator", action: "read", scope, name },
        ...(callers && { callers }),
      }).allowed;
    expect(said(undefined, "dev", "a")).toBe(true);
    expect(said(["user:ann"], "dev", "a")).toBe(true);
    expect(said(["user:ann"], "production", "a")).toBe(false);
    expect(said(["user:ann"], "dev", "root")).toBe(false);
    expect(said(["user:bob", "administrator"], "dev", "a")).toBe(false);
    expect(said([], "dev", "a")).toBe(false);
  });

  test("hours, dates, claims and the broker", () => {
    const at = (when: object, more: Partial<Request>) =>
      evaluate(policy({ ...all, when }), request(more)).allowed;
    expect(at({ time: ["08:00-18:00"] }, { now: noon })).toBe(true);
    expect(at({ time: ["22:00-06:00"] }, { now: noon })).toBe(false);
    expect(at({ time: ["22:00-12:01"] }, { now: noon })).toBe(true);
    expect(at({ before: "2026-03-01T12:00:00Z" }, { now: noon })).toBe(false);
    expect(at({ before: "2026-03-02" }, { now: noon })).toBe(true);
    expect(at({ viaBroker: true }, { viaBroker: false })).toBe(false);
    const sub = { "oidc.sub": ["repo:acme/*"] };
    expect(at(sub, { oidc: { sub: "repo:acme/app" } })).toBe(true);
    expect(at(sub, { oidc: { sub: "repo:acme/app/x" } })).toBe(false);
    expect(at(sub, { oidc: { sub: 7 } })).toBe(false);
    expect(at({ "oidc.constructor": ["**"] }, { oidc: {} })).toBe(false);
  });

  test("a clock that was set back tells no time", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: noon });
    const at = await place();
    const vault = at.open();
    await vault.init();
    await vault.set({ name: "a" }, Buffer.from("x"));
    const when = { time: ["00:00-23:59"] };
    await vault.setPolicy(JSON.stringify({ roles: { administrator: [{ ...all, when }] } }));
    expect((await vault.get({ name: "a" })).version).toBe(1);
    vi.setSystemTime(noon - 3_600_000);
    expect(await codeOf(vault.get({ name: "a" }))).toBe("E_SECRET_DENIED");
    vi.useRealTimers();
  });

  test("another evaluator, written apart from it, says the same", () => {
    const scopes = ["dev", "production", "d*", "*"];
    const names = ["a", "a/b", "a/*", "*", "**", "a/**"];
    const statement = fc.record(
      {
        effect: fc.constantFrom("allow", "deny"),
        actions: fc.subarray(["read", "write", "*"], { minLength: 1 }),
        scopes: fc.subarray(scopes, { minLength: 1 }),
        names: fc.subarray(names, { minLength: 1 }),
        when: fc.record(
          {
            env: fc.subarray(["dev", "production"], { minLength: 1 }),
            cidr: fc.constantFrom(["10.0.0.0/8"], ["::1"], ["0.0.0.0/0"]),
            time: fc.constantFrom(["08:00-18:00"], ["22:00-06:00"]),
            viaBroker: fc.boolean(),
          },
          { requiredKeys: [] },
        ),
      },
      { requiredKeys: ["effect", "actions"] },
    );
    const asked = fc.record(
      {
        role: fc.constantFrom("dev", "ops", "administrator"),
        action: fc.constantFrom("read" as const, "write" as const, "delete" as const),
        scope: fc.constantFrom("dev", "production"),
        env: fc.constantFrom("dev" as const, "production" as const),
        name: fc.constantFrom("a", "a/b", "a/b/c", "b"),
        address: fc.constantFrom("10.0.0.1", "::ffff:10.0.0.1", "::1", "1.2.3.4"),
        now: fc.constantFrom(noon, noon + 11 * 3_600_000),
        viaBroker: fc.boolean(),
      },
      { requiredKeys: ["role", "action", "scope", "env", "name"] },
    );
    const role = fc.array(statement, { maxLength: 4 });
    fc.assert(
      fc.property(
        fc.record({ dev: role, "*": role, administrator: role }, { requiredKeys: [] }),
        asked,
        (roles, question) => {
          const document = readPolicy(JSON.stringify({ roles }));
          expect(evaluate(document, question as Request).allowed).toBe(
            second(roles as Roles, question as Request),
          );
        },
      ),
      { numRuns: 3000 },
    );
  });
});

type Roles = Record<string, Record<string, any>[] | undefined>;

/** The second evaluator: slow, plain, with regular expressions and arithmetic of its own. */
function second(roles: Roles, asked: Request): boolean {
  const expression = (glob: string) =>
    new RegExp(
      `^${glob.replace(/\/?\*\*$|\*/g, (star) => (star === "*" ? "[^/]*" : star === "**" ? ".+" : "/.+"))}$`,
    );
  const fits = (globs: string[] | undefined, text: string) =>
    globs === undefined || globs.some((glob) => expression(glob).test(text));
  const four = asked.address?.replace("::ffff:", "");
  const inBlock = (block: string) => {
    if (block === "::1") return four === "::1";
    if (!four?.includes(".")) return false;
    return block === "0.0.0.0/0" || four.startsWith("10.");
  };
  const inHours = (hours: string) => {
    const hour = new Date(asked.now ?? 0).getUTCHours();
    return hours === "08:00-18:00" ? hour >= 8 && hour < 18 : hour >= 22 || hour < 6;
  };
  const statements = [...(roles[asked.role] ?? []), ...(roles["*"] ?? [])];
  const said = statements.filter(({ effect, actions: what, scopes, names, when = {} }) => {
    if (!what.includes("*") && !what.includes(asked.action)) return false;
    if (!fits(scopes, asked.scope) || !fits(names, asked.name)) return false;
    const unknown = effect === "deny";
    return [
      when.env === undefined || when.env.includes(asked.env),
      when.cidr === undefined || (four === undefined ? unknown : when.cidr.some(inBlock)),
      when.time === undefined || (asked.now === undefined ? unknown : when.time.some(inHours)),
      when.viaBroker === undefined ||
        (asked.viaBroker === undefined ? unknown : when.viaBroker === asked.viaBroker),
    ].every(Boolean);
  });
  if (said.some(({ effect }) => effect === "deny")) return false;
  if (said.some(({ effect }) => effect === "allow")) return true;
  return asked.role === "administrator" && roles["administrator"] === undefined;
}

test("D4: every verb asks the rules, every denial is on record, and an invalid document denies all but policy:set", async () => {
  const { open } = await place();
  const vault = open();
  await vault.init();
  const a = { name: "a" };
  const value = Buffer.from("x");
  await vault.set(a, value);
  const [me] = await vault.members();
  const verbs: Record<string, () => Promise<unknown>> = {
    read: () => vault.get(a),
    run: () => vault.get(a, { use: "run" }),
    export: () => vault.get(a, { use: "export" }),
    write: () => vault.set(a, Buffer.from("y")),
    rotate: () => vault.rotate(a, Buffer.from("z")),
    delete: () => vault.change("delete", a),
    destroy: () => vault.destroy(a, [1]),
    rekey: () => vault.rekey(),
    grant: () => vault.changeMember(me?.id ?? "", { name: "me" }),
    list: () => vault.versions(a),
  };
  expect(new Set([...Object.keys(verbs), "audit"])).toEqual(new Set(actions));
  for (const [action, verb] of Object.entries(verbs)) {
    const statements = [all, { effect: "deny", actions: [action] }];
    await vault.setPolicy(JSON.stringify({ roles: { administrator: statements } }));
    expect(await codeOf(verb()), action).toBe("E_SECRET_DENIED");
  }
  expect(await vault.list()).toEqual([]);
  await vault.setPolicy(
    JSON.stringify({ roles: { "*": [{ effect: "deny", actions: ["audit"], names: ["a"] }] } }),
  );
  const about = (await vault.audit()).items.filter(({ name }) => name === "a");
  expect(about).toEqual([]);
  await vault.setPolicy(JSON.stringify({ roles: {} }));
  const { items } = await vault.audit();
  const denied = items.flatMap((item) =>
    item.kind === "access" && item.entry.op === "deny" ? [item.entry.action] : [],
  );
  expect(denied).toEqual(Object.keys(verbs));
  expect(await codeOf(vault.setPolicy("{}"))).toBe("E_INVALID_RULES");
});

test("D4: rules from the command line: set, get, explain, test, and a denial that exits with 8", async () => {
  const { run, json, path, fill } = await seat();
  await fill({ "production/db": "value" });
  const file = join(path, "policy.json");
  const document = {
    roles: {
      administrator: [
        { effect: "allow", actions: ["*"], scopes: ["dev"] },
        { effect: "allow", actions: ["audit"] },
      ],
    },
  };
  await writeFile(file, JSON.stringify(document));
  expect((await run(["secrets:policy:get"])).code).toBe(4);
  const tried = ["secrets:policy:test", file, "read", "db", "-s"];
  expect((await run([...tried, "production"])).code).toBe(8);
  expect((await run([...tried, "dev"])).code).toBe(0);
  const stranger = [...tried, "dev", "--role", "oidc:github", "--claim", "sub=a"];
  expect((await run(stranger)).stdout).toContain("no statement allows it");
  expect((await run([...tried, "dev", "--claim", "sub"])).code).toBe(2);
  expect((await run(["secrets:policy:set", file])).code).toBe(0);
  expect(await json(["secrets:policy:get"])).toEqual(document);
  const why = await json(["secrets:policy:explain", "read", "db", "-s", "production"]);
  expect(why).toMatchObject({ allowed: false, by: null });
  const denied = await run(["secrets:get", "db"]);
  expect([denied.code, denied.stdout]).toEqual([8, ""]);
  expect(denied.stderr).toContain("no statement allows it");
  const { items } = await json(["secrets:audit"]);
  expect(items.at(-1)).toMatchObject({ kind: "access", op: "deny read", name: "db" });
  await writeFile(file, JSON.stringify({ roles: { dev: [{ effect: "allow", actions: ["x"] }] } }));
  const invalid = await run(["secrets:policy:set", file]);
  expect([invalid.code, invalid.stderr.includes("dev[0]")]).toEqual([2, true]);
}, 60_000);
