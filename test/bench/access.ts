// What the rule of access costs: node test/bench/access.ts
import {
  anonymous,
  compileRules,
  may,
  type AccessPolicy,
  type Principal,
  type Target,
} from "@citadel/core/access";

const rounds = 2_000_000;
const ann: Principal = { kind: "user", name: "ann", admin: false };
const member: Principal = {
  ...ann,
  orgs: new Map([["acme", "developer"]]),
  teams: new Set(["acme:core", "acme:developers"]),
};
const open: Target = { name: "lodash", owners: ["bob"] };
const restricted: Target = {
  name: "@acme/p",
  owners: ["bob"],
  visibility: "restricted",
  teams: new Map([["acme:developers", "write"]]),
  scope: { kind: "org", name: "acme" },
};
const rules = compileRules([
  { pattern: "*", read: ["$authenticated"] },
  ...Array.from({ length: 200 }, (_, n) => ({ pattern: `@s${n}/*`, write: ["ann"] })),
]);
const usual: AccessPolicy = { open: false };
const closed: AccessPolicy = { open: false, rules };

for (const [what, principal, action, target, policy] of [
  ["anonymous reads a public package", anonymous, "read", open, usual],
  ["a member reads a restricted package", member, "read", restricted, usual],
  ["a stranger writes", ann, "write", open, usual],
  ["somebody reads with 201 rules", ann, "read", open, closed],
  ["anonymous reads with 201 rules", anonymous, "read", open, closed],
] as const) {
  for (let n = 0; n < rounds; n++) may(principal, action, target, policy);
  const began = performance.now();
  for (let n = 0; n < rounds; n++) may(principal, action, target, policy);
  const each = ((performance.now() - began) / rounds) * 1000;
  console.log(`${what.padEnd(40)} ${each.toFixed(3)} µs`);
}
