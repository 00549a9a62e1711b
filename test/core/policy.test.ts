import fc from "fast-check";
import semver from "semver";
import { describe, expect, test } from "vitest";
import { anonymous, type Caller } from "@citadel/core/access";
import { isPattern, matches, patternMap, specificity } from "@citadel/core/patterns";
import {
  compilePolicy,
  createPolicies,
  createRefusals,
  PolicyError,
  type Candidate,
  type Exception,
  type KeptRule,
  type PolicyState,
  type Rule,
} from "@citadel/core/policy";

import { codeOf, drivers, operator, place, user } from "./registry-harness.ts";

const day = 86_400_000;
const now = Date.UTC(2026, 0, 10);
const kept = { by: "local", at: 0 };

const candidate = (more: Partial<Candidate> = {}): Candidate => ({
  name: "lodash",
  version: "4.17.20",
  origin: "npmjs",
  published: 0,
  license: "MIT",
  hasInstallScript: false,
  ...more,
});

const policy = (rules: readonly Rule[], exceptions: readonly Exception[] = []) =>
  compilePolicy({
    mode: "enforce",
    rules: rules.map((rule) => ({ ...rule, ...kept })),
    exceptions,
  });

describe("patterns", () => {
  test.each(["*", "a", "a*", "@s/*", "@s/a", "@s/a-*", "left-pad", "constructor", "__proto__"])(
    "%s is one",
    (text) => expect(isPattern(text)).toBe(true),
  );
  test.each([
    "",
    "a*b",
    "**",
    "@s",
    "@s/",
    "@*",
    "a/b",
    "*a",
    "a b",
    "../a",
    "a\n",
    "x".repeat(215),
  ])("%j is none", (text) => expect(isPattern(text)).toBe(false));

  test("the most specific first, whatever the order of the rows", () => {
    const patterns = ["*", "@s/*", "@s/a*", "@s/ab", "@t/*", "@s/ab*"];
    fc.assert(
      fc.property(
        fc.shuffledSubarray(patterns),
        fc.constantFrom("@s/ab", "@s/abc", "x"),
        (rows, name) => {
          const found = patternMap(rows.map((row) => [row, row] as const)).find(name);
          const expected = rows
            .filter((row) => matches(row, name))
            .toSorted((a, b) => specificity(b) - specificity(a));
          expect(found).toEqual(expected);
        },
      ),
    );
  });
});

describe("H3: verdicts", () => {
  test("a release is served when it is old enough, and the refusal says from when on", async () => {
    const { judge } = await policy([{ kind: "age", pattern: "*", age: 3 * day }]);
    const young = candidate({ published: now - day });
    const verdict = judge(young, now);
    expect(verdict).toEqual({
      allowed: false,
      rule: "age:*",
      reason: expect.stringContaining("2026-01-12T00:00:00.000Z"),
      until: now + 2 * day,
    });
    expect(judge(young, now + 2 * day - 1).allowed).toBe(false);
    expect(judge(young, now + 2 * day)).toEqual({ allowed: true });
  });

  test.each([undefined, Number.NaN, Infinity])("fails closed on the date %s", async (published) => {
    const { judge } = await policy([
      { kind: "age", pattern: "*", age: day },
      { kind: "age", pattern: "@acme/*", age: 0 },
    ]);
    expect(judge(candidate({ published }), now)).toMatchObject({ allowed: false, rule: "age:*" });
    expect(judge(candidate({ name: "@acme/a", published }), now)).toEqual({ allowed: true });
  });

  test.each<[string, string, boolean]>([
    ["lodash", "4.17.20", false],
    ["lodash", "4.17.21", true],
    ["lodash", "4.17.21-beta.1", false],
    ["lodash", "4.17.19", true],
    ["lodash", "not a version", false],
    ["@evil/a", "1.0.0", false],
    ["@evil/good", "1.0.0", true],
    ["@evil/good", "2.0.0", false],
    ["both", "1.5.0", false],
    ["both", "1.9.0", true],
  ])("block and allow lists: %s@%s", async (name, version, allowed) => {
    const { judge } = await policy([
      { kind: "block", pattern: "lodash", range: "<4.17.21", reason: "CVE-2020-8203" },
      { kind: "allow", pattern: "lodash", range: "4.17.19" },
      { kind: "block", pattern: "@evil/*" },
      { kind: "allow", pattern: "@evil/good", range: "1.x" },
      { kind: "allow", pattern: "both", range: ">=1.5.0" },
      { kind: "block", pattern: "both", range: "<1.6.0" },
    ]);
    expect(judge(candidate({ name, version }), now).allowed).toBe(allowed);
  });

  test("an allow list alone: all else is blocked", async () => {
    const { judge } = await policy([
      { kind: "block", pattern: "*", reason: "ask first" },
      { kind: "allow", pattern: "@acme/*" },
    ]);
    expect(judge(candidate(), now)).toEqual({
      allowed: false,
      rule: "block:*",
      reason: "it is on the block list: ask first",
    });
    expect(judge(candidate({ name: "@acme/a" }), now).allowed).toBe(true);
  });

  test.each<[string | undefined, only: boolean, except: boolean]>([
    ["MIT", true, true],
    ["ISC", false, true],
    ["MIT OR GPL-3.0-only", true, true],
    ["MIT AND GPL-3.0-only", false, false],
    ["(MIT OR GPL-3.0-only) AND (Apache-2.0 OR ISC)", true, true],
    ["GPL-3.0-or-later", false, false],
    ["GPL-2.0-only WITH Classpath-exception-2.0", false, true],
    ["Apache-2.0", true, true],
    ["LicenseRef-ours", false, true],
    ["UNLICENSED", false, false],
    ["SEE LICENSE IN LICENSE.md", false, false],
    ["mit", false, false],
    ["", false, false],
    [undefined, false, false],
    ["constructor", false, false],
    [`${"(".repeat(5000)}MIT${")".repeat(5000)}`, false, false],
    [Array.from({ length: 40 }, () => "(MIT OR ISC)").join(" AND "), false, false],
    [Array.from({ length: 30 }, () => "(MIT OR ISC)").join(" AND "), true, true],
  ])("licence %s", async (license, only, except) => {
    const list = await policy([
      { kind: "license", pattern: "*", list: "only", ids: ["MIT", "Apache-2.0"], unknown: "deny" },
    ]);
    const but = await policy([
      { kind: "license", pattern: "*", list: "except", ids: ["GPL-3.0-or-later"], unknown: "deny" },
    ]);
    expect(list.judge(candidate({ license }), now).allowed).toBe(only);
    expect(but.judge(candidate({ license }), now).allowed).toBe(except);
  });

  test("an unknown licence may be let through", async () => {
    const { judge } = await policy([
      { kind: "license", pattern: "*", list: "only", ids: ["MIT"], unknown: "allow" },
    ]);
    expect(judge(candidate({ license: undefined }), now).allowed).toBe(true);
    expect(judge(candidate({ license: "ISC" }), now).allowed).toBe(false);
  });

  test("install scripts: none but those listed", async () => {
    const { judge } = await policy([
      { kind: "scripts", pattern: "*", allow: false },
      { kind: "scripts", pattern: "esbuild", allow: true },
    ]);
    const hasInstallScript = true;
    expect(judge(candidate({ hasInstallScript }), now)).toMatchObject({ rule: "scripts:*" });
    expect(judge(candidate({ hasInstallScript, name: "esbuild" }), now).allowed).toBe(true);
    expect(judge(candidate(), now).allowed).toBe(true);
  });

  test("dry run: everything is served, and what would refuse it is told", async () => {
    const { judge, active } = await compilePolicy({
      mode: "dry-run",
      rules: [{ kind: "block", pattern: "lodash", ...kept }],
      exceptions: [],
    });
    expect(active).toBe(true);
    expect(judge(candidate(), now)).toEqual({
      allowed: true,
      would: { rule: "block:lodash", reason: "it is on the block list" },
    });
  });

  test("off, or without rules: nobody need ask", async () => {
    const off = await compilePolicy({
      mode: "off",
      rules: [{ kind: "block", pattern: "*", ...kept }],
      exceptions: [],
    });
    expect(off.active).toBe(false);
    expect(off.judge(candidate(), now)).toEqual({ allowed: true });
    expect((await policy([])).active).toBe(false);
  });

  test("attack 4: names of the language's own are names", async () => {
    const { judge } = await policy([{ kind: "block", pattern: "constructor" }]);
    expect(judge(candidate({ name: "constructor" }), now).allowed).toBe(false);
    for (const name of ["toString", "hasOwnProperty", "__proto__"])
      expect(judge(candidate({ name }), now).allowed).toBe(true);
  });

  test("attack 49: names and versions made to hurt cost no more than others", async () => {
    const { judge } = await policy([
      { kind: "block", pattern: `${"a".repeat(200)}*`, range: ">=1.0.0 <2.0.0 || ^3.0.0" },
      { kind: "age", pattern: "a*", age: day },
    ]);
    const long = "a".repeat(200_000);
    for (let n = 0; n < 20_000; n++)
      judge(candidate({ name: `${"a".repeat(200)}${n}`, version: long.slice(0, 1000) }), now);
    expect(judge(candidate({ name: long, version: long }), now).allowed).toBe(false);
  });
});

/** The same question, answered the long way round. */
function model(
  { rules, exceptions }: Pick<PolicyState, "rules" | "exceptions">,
  { name, version, license, hasInstallScript, published }: Candidate,
  at: number,
): boolean {
  const of = (pattern: string): boolean =>
    pattern.endsWith("*") ? name.indexOf(pattern.replace("*", "")) === 0 : pattern === name;
  const inRange = (range: string | undefined): boolean =>
    range === undefined || semver.satisfies(version, range, { includePrerelease: true });
  const weight = (rule: KeptRule): number => {
    const { pattern } = rule;
    const range = "range" in rule ? rule.range : undefined;
    const about = pattern.endsWith("*") ? pattern.length : 1000;
    const exactness = range === undefined ? 0 : semver.valid(range) ? 2 : 1;
    return about * 100 + exactness * 10 + (rule.kind === "block" ? 1 : 0);
  };
  const best = (...kinds: KeptRule["kind"][]): KeptRule | undefined => {
    let winner: KeptRule | undefined;
    for (const rule of rules) {
      if (!kinds.includes(rule.kind) || !of(rule.pattern)) continue;
      if ("range" in rule && !inRange(rule.range)) continue;
      if (!winner || weight(rule) > weight(winner)) winner = rule;
    }
    return winner;
  };
  const refusedBy: string[] = [];
  if (best("block", "allow")?.kind === "block") refusedBy.push("names");
  const scripts = best("scripts");
  if (scripts?.kind === "scripts" && !scripts.allow && hasInstallScript) refusedBy.push("scripts");
  const rule = best("license");
  if (rule?.kind === "license" && rule.ids.includes(license ?? "") !== (rule.list === "only"))
    refusedBy.push("license");
  const age = best("age");
  if (age?.kind === "age" && age.age > 0)
    if (published === undefined || at - published < age.age) refusedBy.push("age");
  return refusedBy.every((family) =>
    exceptions.some(
      (one) =>
        of(one.pattern) &&
        inRange(one.range) &&
        (one.families ?? [family]).includes(family as never) &&
        (one.until ?? Infinity) > at,
    ),
  );
}

describe("H3: the judge and an obvious model agree", () => {
  const pattern = fc.constantFrom("*", "a*", "ab", "ab*", "@s/*", "@s/a", "@s/a*", "b");
  const range = fc.option(
    fc.constantFrom("1.x", "<2.0.0", "1.2.3", ">=1.2.3", "2.0.0-beta.1", "*"),
    {
      nil: undefined,
    },
  );
  const times = fc.integer({ min: 0, max: 12 });
  const ids = fc.uniqueArray(fc.constantFrom("MIT", "ISC", "Zlib"), { minLength: 1 });
  const withRange = fc.record({ kind: fc.constantFrom("block", "allow"), pattern, range });
  const rule = fc.oneof(
    { arbitrary: withRange, weight: 5 },
    fc.record({ kind: fc.constant("age"), pattern, age: times }),
    fc.record({ kind: fc.constant("scripts"), pattern, allow: fc.boolean() }),
    fc.record({
      kind: fc.constant("license"),
      pattern,
      list: fc.constantFrom("only", "except"),
      ids,
      unknown: fc.constant("deny"),
    }),
  );
  // one rule under each id, as the document keeps them
  const slot = (one: { kind: string; pattern: string; range?: string | undefined }): string =>
    `${one.kind === "allow" ? "block" : one.kind} ${one.pattern} ${one.range ?? ""}`;
  const rules = fc.uniqueArray(rule as fc.Arbitrary<Rule>, { selector: slot, maxLength: 12 });
  const exceptions = fc.array(
    fc.record({
      id: fc.constant("e1"),
      pattern,
      range,
      families: fc.option(
        fc.subarray(["names", "scripts", "license", "age"] as const, { minLength: 1 }),
        { nil: undefined },
      ),
      reason: fc.constant("because"),
      until: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
      by: fc.constant("local"),
      at: fc.constant(0),
    }) as fc.Arbitrary<Exception>,
    { maxLength: 4 },
  );
  const asked = fc.record({
    name: fc.constantFrom("a", "ab", "abc", "b", "@s/a", "@s/ab", "@t/a"),
    version: fc.constantFrom("1.0.0", "1.2.3", "1.2.4-rc.1", "2.0.0-beta.1", "2.0.0", "3.1.0"),
    origin: fc.constant("up"),
    published: fc.option(times, { nil: undefined }),
    license: fc.constantFrom("MIT", "ISC", "Zlib"),
    hasInstallScript: fc.boolean(),
  });

  test("on what is served, now and for as long as a verdict says that it stands", async () => {
    await fc.assert(
      fc.asyncProperty(rules, exceptions, asked, times, async (list, excepted, one, at) => {
        const state = {
          mode: "enforce" as const,
          rules: list.map((r) => ({ ...r, ...kept })),
          exceptions: excepted,
        };
        const { judge } = await compilePolicy(state);
        const verdict = judge(one, at);
        const { until = 40 } = verdict;
        expect(verdict.allowed).toBe(model(state, one, at));
        expect(until).toBeGreaterThan(at);
        for (let later = at; later < until; later++)
          expect(judge(one, later).allowed).toBe(verdict.allowed);
        if (!verdict.allowed && verdict.until !== undefined)
          expect(judge(one, verdict.until).allowed).toBe(true);
        expect(judge(one, at)).toEqual(verdict);
      }),
      { numRuns: 1500 },
    );
  });
});

describe.each(drivers)("H3: the policy in a store (%s)", (driver) => {
  const admin: Caller = {
    ...user("root"),
    principal: { ...user("root").principal, admin: true },
  };
  const block: Rule = { kind: "block", pattern: "lodash", range: "<4.17.21" };

  test("a change counts at once, for every server of the store, and changes the revision", async () => {
    await using here = await place(driver);
    const [one, other] = [createPolicies(here), createPolicies(here)];
    expect(await other.current()).toMatchObject({ active: false });
    await one.apply(operator, { type: "rule", rule: block });
    const first = await other.current();
    expect(first.judge(candidate(), now)).toMatchObject({ rule: "block:lodash@<4.17.21" });
    await one.apply(operator, {
      type: "request",
      request: { pattern: "lodash", reason: "please" },
    });
    expect((await other.current()).revision).toBe(first.revision);
    await one.apply(operator, { type: "rule", rule: { ...block, kind: "allow" } });
    const second = await other.current();
    expect(second.revision).not.toBe(first.revision);
    expect(second.judge(candidate(), now)).toEqual({ allowed: true });
    expect((await one.read()).rules).toHaveLength(1);
  });

  test("only administrators change it; whoever is signed in may ask for an exception", async () => {
    await using here = await place(driver);
    const policies = createPolicies(here);
    const request = { type: "request", request: { pattern: "lodash", reason: "legacy" } } as const;
    const rule = { type: "rule", rule: block } as const;
    const nobody: Caller = { principal: anonymous, via: "npm" };
    expect(await codeOf(policies.apply(user("dev"), rule))).toBe("E_FORBIDDEN");
    expect(await codeOf(policies.apply(nobody, rule))).toBe("E_AUTH_REQUIRED");
    expect(await codeOf(policies.apply(nobody, request))).toBe("E_AUTH_REQUIRED");
    expect(await codeOf(policies.undo(user("dev")))).toBe("E_FORBIDDEN");
    await policies.apply(admin, rule);
    await policies.apply(user("dev"), request);
    // asking twice is asking once
    const { state } = await policies.apply(user("dev"), request);
    expect(state.requests).toMatchObject([{ id: "r1", by: "dev", state: "open" }]);
    const grant = { pattern: "lodash", reason: "until the rewrite", until: Date.now() + day };
    expect(await codeOf(policies.apply(user("dev"), { type: "approve", id: "r1", grant }))).toBe(
      "E_FORBIDDEN",
    );
    const done = await policies.apply(admin, { type: "approve", id: "r1", grant });
    expect(done.state.requests).toMatchObject([{ state: "approved", decided: { by: "root" } }]);
    expect(done.state.exceptions).toMatchObject([{ id: "e2", by: "root", for: "dev" }]);
    const { judge } = await policies.current();
    expect(judge(candidate(), Date.now())).toEqual({ allowed: true, until: grant.until });
    expect(judge(candidate(), grant.until).allowed).toBe(false);
    expect(await codeOf(policies.apply(admin, { type: "deny", id: "r1" }))).toBe("E_CONFLICT");
    expect(await codeOf(policies.apply(admin, { type: "deny", id: "r9" }))).toBe("E_NOT_FOUND");
  });

  test("history and undo; a dry run writes nothing", async () => {
    await using here = await place(driver);
    const policies = createPolicies(here);
    expect(await codeOf(policies.undo(operator))).toBe("E_NOT_FOUND");
    await policies.apply(operator, { type: "rule", rule: block });
    await policies.apply(operator, { type: "mode", mode: "dry-run" });
    const plan = await policies.apply(
      operator,
      { type: "remove", id: "block:lodash@<4.17.21" },
      { dryRun: true },
    );
    expect(plan.state.rules).toEqual([]);
    expect((await policies.read()).rules).toHaveLength(1);
    await policies.apply(operator, { type: "remove", id: "block:lodash@<4.17.21" });
    await policies.undo(operator);
    expect(await policies.read()).toMatchObject({ mode: "dry-run", rules: [block] });
    await policies.undo(operator, { rev: 1 });
    expect(await policies.read()).toMatchObject({ mode: "enforce", rules: [block] });
    expect(await codeOf(policies.undo(operator, { rev: 99 }))).toBe("E_NOT_FOUND");
    const revs: number[] = [];
    for await (const { rev } of policies.history()) revs.push(rev);
    expect(revs).toEqual([5, 4, 3, 2, 1]);
  });

  test("the queue is bounded, for everybody and for each", async () => {
    await using here = await place(driver);
    const policies = createPolicies(here);
    const ask = (who: string, n: number) =>
      policies.apply(user(who), {
        type: "request",
        request: { pattern: `p${n}`, reason: "please" },
      });
    for (let n = 0; n < 20; n++) await ask("dev", n);
    expect(await codeOf(ask("dev", 20))).toBe("E_FORBIDDEN");
    expect(await codeOf(ask("other", 20))).toBeUndefined();
  });

  test.each<[string, Rule]>([
    ["a pattern", { kind: "block", pattern: "a*b" }],
    ["a range", { kind: "block", pattern: "a", range: "not one" }],
    ["a licence", { kind: "license", pattern: "*", list: "only", ids: ["MITT"], unknown: "deny" }],
    ["licences", { kind: "license", pattern: "*", list: "only", ids: [], unknown: "deny" }],
    [
      "one licence",
      { kind: "license", pattern: "*", list: "only", ids: ["MIT OR ISC"], unknown: "deny" },
    ],
    ["an age", { kind: "age", pattern: "*", age: -1 }],
    ["a reason", { kind: "block", pattern: "a", reason: "two\nlines" }],
  ])("what is not %s is refused", async (_, rule) => {
    await using here = await place(driver);
    const policies = createPolicies(here);
    expect(await codeOf(policies.apply(operator, { type: "rule", rule }))).toBe("E_USAGE");
    expect((await policies.read()).rules).toEqual([]);
  });

  test("who asked for what was refused is counted, by every server, and survives it", async () => {
    await using here = await place(driver);
    const [one, other] = [createRefusals(here.store.driver), createRefusals(here.store.driver)];
    const refusal = { rule: "block:lodash", reason: "it is on the block list" };
    const somebody: Caller = { principal: anonymous, via: "npm", address: "10.0.0.7" };
    one.note(candidate(), refusal, { caller: user("dev") });
    one.note(candidate(), refusal, { caller: somebody });
    await one.close();
    other.note(candidate(), refusal, { caller: user("dev") });
    other.note(candidate({ version: "4.0.0" }), refusal, { caller: somebody, dryRun: true });
    const rows = await other.list();
    expect(rows).toHaveLength(2);
    expect(rows.find(({ version }) => version === "4.17.20")).toMatchObject({
      name: "lodash",
      count: 3,
      rule: "block:lodash",
      dryRun: false,
      askers: expect.arrayContaining(["dev", "10.0.0.7"]),
    });
    await other.close();
  });

  test("attack 53: the counter stays small whatever is asked for", async () => {
    await using here = await place(driver);
    const refusals = createRefusals(here.store.driver);
    const refusal = { rule: "block:*", reason: "it is on the block list" };
    for (let n = 0; n < 3000; n++)
      refusals.note(candidate({ version: `1.0.${n}` }), refusal, { caller: user(`u${n}`) });
    const rows = await refusals.list();
    expect(rows).toHaveLength(1000);
    expect(rows.some(({ version }) => version === "1.0.2999")).toBe(true);
    for (let n = 0; n < 100; n++) refusals.note(candidate(), refusal, { caller: user(`u${n}`) });
    const row = (await refusals.list()).find(({ version }) => version === "4.17.20");
    expect(row).toMatchObject({ count: 100, askers: ["u95", "u96", "u97", "u98", "u99"] });
    await refusals.close();
  });
});

test("H3: whoever asks for a version that is withheld is told which rule, why and until when", () => {
  const error = new PolicyError(candidate(), {
    rule: "age:*",
    reason: "it is too young",
    until: now,
  });
  expect(error).toMatchObject({
    code: "E_POLICY",
    message:
      "lodash@4.17.20 is withheld by the policy of this registry: it is too young (rule age:*)",
    hint: [
      "wait until 2026-01-10T00:00:00.000Z",
      "ask for an exception: citadel registry:policy:request lodash@4.17.20 --reason <why>",
    ],
  });
});
