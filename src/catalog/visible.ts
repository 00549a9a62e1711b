import type { DatabaseSync } from "node:sqlite";
import { includes, names } from "../access/rules.ts";
import { local } from "../access/may.ts";
import type { AccessRules, Allowed, Grant, Principal, RuleOf } from "../access/types.ts";
import { nearest } from "../nearest.ts";
import { matches } from "../patterns.ts";
import type { Condition } from "./query.ts";
import type { Catalog, Dependent, Holding, Viewer } from "./types.ts";

export const everything: Condition = { sql: "1", values: [] };
const nothing: Condition = { sql: "0", values: [] };
const unrestricted: Condition = { sql: "n.restricted = 0", values: [] };

/**
 * What `may()` lets somebody read, as a condition over `names n`: so lists, totals and pages hold what the same person could
 * also ask for by name. A test compares the two. Undefined when there is nothing to leave out.
 */
export function visibleTo(db: DatabaseSync, viewer: Viewer | undefined): Condition | undefined {
  if (!viewer) return undefined;
  const { principal, policy } = viewer;
  const reading = policy.rules?.rows.some(([, { read }]) => read && !read.all) === true;
  if (!reading && !db.prepare("SELECT 1 FROM names WHERE restricted = 1 LIMIT 1").get())
    return undefined;
  const forAll = all([unrestricted, byRule(policy.rules, "read", ({ all: yes }) => yes, true)]);
  if (principal.kind === "anonymous") return forAll;
  return any([forAll, all([granted(principal.grant), rightsOf(viewer)])]);
}

/** Whatever lets somebody who is signed in read what not everybody may. */
function rightsOf({ principal, policy }: Viewer): Condition {
  if (principal.kind === "job" || principal.kind === "local" || principal.admin) return everything;
  const { rules, open } = policy;
  return any([
    holders("owner", [principal.name, ...(open ? [local.name] : [])]),
    listed("n.scope", ledBy(principal)),
    holders("team", [...(principal.teams ?? [])]),
    byRule(rules, "write", (list) => names(list, principal), false),
    all([unrestricted, byRule(rules, "read", (list) => includes(list, principal), false)]),
  ]);
}

const ledBy = ({ orgs }: Principal): string[] =>
  Array.from(orgs ?? [])
    .filter(([, role]) => role !== "developer")
    .map(([org]) => org);

const holders = (kind: "owner" | "team" | "star", who: readonly string[], more = ""): Condition =>
  who.length === 0
    ? nothing
    : {
        sql: `n.id IN (SELECT id FROM holders WHERE kind = '${kind}' AND who IN (${marks(who)})${more})`,
        values: who,
      };

const listed = (column: string, values: readonly string[]): Condition =>
  values.length === 0 ? nothing : { sql: `${column} IN (${marks(values)})`, values };

/** @param otherwise for names that no rule with such a list is about */
function byRule(
  rules: AccessRules | undefined,
  list: keyof Pick<RuleOf, "read" | "write">,
  allowed: (list: Allowed) => boolean,
  otherwise: boolean,
): Condition {
  const answers = (rules?.rows ?? []).flatMap(([pattern, { [list]: found }]) =>
    found ? [{ pattern, yes: allowed(found) }] : [],
  );
  const values: string[] = [];
  const cases: string[] = [];
  for (const [n, { pattern, yes }] of answers.entries()) {
    // whatever else is about these names is a beginning of this pattern, and the longest decides
    const next = answers.slice(n + 1).find((other) => matches(other.pattern, pattern));
    if (pattern === "*" || yes === (next?.yes ?? otherwise)) continue;
    const { sql, values: own } = matching(pattern);
    cases.push(`WHEN ${sql} THEN ${Number(yes)}`);
    values.push(...own);
  }
  const rest = answers.find(({ pattern }) => pattern === "*")?.yes ?? otherwise;
  if (cases.length === 0) return rest ? everything : nothing;
  return { sql: `CASE ${cases.join(" ")} ELSE ${Number(rest)} END`, values };
}

function granted(grant: Grant | undefined): Condition {
  if (!grant) return everything;
  if (grant.packages === "none") return nothing;
  return grant.names === undefined ? everything : any(grant.names.map(matching));
}

const matching = (pattern: string): Condition => {
  if (!pattern.endsWith("*")) return { sql: "n.name = ?", values: [pattern] };
  const beginning = pattern.slice(0, -1);
  return { sql: "n.name >= ? AND n.name < ?", values: [beginning, `${beginning}\u{10ffff}`] };
};

const marks = (list: readonly unknown[]): string => list.map(() => "?").join();

const all = (conditions: readonly Condition[]): Condition =>
  conditions.includes(nothing)
    ? nothing
    : joined(
        conditions.filter((each) => each !== everything),
        " AND ",
        everything,
      );

const any = (conditions: readonly Condition[]): Condition =>
  conditions.includes(everything)
    ? everything
    : joined(
        conditions.filter((each) => each !== nothing),
        " OR ",
        nothing,
      );

function joined(conditions: readonly Condition[], by: string, none: Condition): Condition {
  const [first = none, ...others] = conditions;
  if (others.length === 0) return first;
  return {
    sql: `(${conditions.map(({ sql }) => `(${sql})`).join(by)})`,
    values: conditions.flatMap(({ values }) => values),
  };
}

/** See {@link Catalog.held}. */
export function held(
  db: DatabaseSync,
  { owner, scopes = [], teams = [] }: Holding,
  visible: Condition = everything,
): Map<string, "read" | "write"> {
  const writing = any([
    owner === undefined ? nothing : holders("owner", [owner]),
    listed("n.scope", scopes),
    holders("team", teams, " AND write = 1"),
  ]);
  const either = any([writing, holders("team", teams)]);
  const rows = db
    .prepare(
      `SELECT n.name, (${writing.sql}) AS write FROM names n
       WHERE n.versions > 0 AND (${either.sql}) AND (${visible.sql}) ORDER BY n.name`,
    )
    .all(...writing.values, ...either.values, ...visible.values);
  return new Map(rows.map(({ name, write }) => [String(name), write ? "write" : "read"] as const));
}

/** See {@link Catalog.alike}. */
export function alike(
  db: DatabaseSync,
  name: string,
  visible: Condition = everything,
): ReturnType<Catalog["alike"]> {
  const bare = name.slice(name.indexOf("/") + 1);
  const programs = db
    .prepare(
      `SELECT n.name FROM names n WHERE n.versions > 0 AND n.id IN (SELECT id FROM programs WHERE program = ?)
       AND n.name <> ? AND (${visible.sql}) ORDER BY n.name LIMIT 5`,
    )
    .all(name, name, ...visible.values);
  const close = Math.floor(bare.length / 3);
  const candidates = db
    .prepare(
      `SELECT n.name, n.bare FROM names n WHERE n.versions > 0 AND length(n.bare) BETWEEN ? AND ?
       AND n.name <> ? AND (${visible.sql})`,
    )
    .all(bare.length - close, bare.length + close, name, ...visible.values);
  const named = new Map<string, string[]>();
  for (const row of candidates)
    named.set(String(row["bare"]), [
      ...(named.get(String(row["bare"])) ?? []),
      String(row["name"]),
    ]);
  return {
    programs: programs.map((row) => String(row["name"])),
    names: nearest(bare, named.keys())
      .flatMap((one) => named.get(one) ?? [])
      .slice(0, 3),
  };
}

/** See {@link Catalog.dependents}. */
export function dependents(
  db: DatabaseSync,
  name: string,
  limit = 100,
  visible: Condition = everything,
): ReturnType<Catalog["dependents"]> {
  const from = `FROM needs d JOIN names n ON n.id = d.id
    WHERE d.name = ? AND n.versions > 0 AND n.name <> ? AND (${visible.sql})`;
  const values = [name, name, ...visible.values];
  const count = db.prepare(`SELECT count(DISTINCT n.id) AS total ${from}`).get(...values);
  const items = db
    .prepare(`SELECT n.name, n.version, d.kind, d.range ${from} ORDER BY n.name, d.kind LIMIT ?`)
    .all(...values, limit);
  return { total: Number(count?.["total"]), items: items as unknown as Dependent[] };
}

/** See {@link Catalog.starred}. */
export function starred(db: DatabaseSync, user: string, visible: Condition = everything): string[] {
  const { sql, values } = holders("star", [user]);
  return db
    .prepare(
      `SELECT n.name FROM names n WHERE n.versions > 0 AND ${sql} AND (${visible.sql}) ORDER BY n.name`,
    )
    .all(...values, ...visible.values)
    .map(({ name }) => String(name));
}
