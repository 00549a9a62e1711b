import { CitadelError } from "../errors.ts";
import { isPattern } from "../patterns.ts";
import type { Family, Grant, Rule } from "./types.ts";

/** characters of a reason, and of a range */
const longest = 500;
const mostIds = 500;

/** Names a rule, and only it: `age:*`, `block:lodash@<4.17.21`. */
export function ruleId(rule: Rule): string {
  const range = "range" in rule && rule.range !== undefined ? `@${rule.range}` : "";
  return `${rule.kind}:${rule.pattern}${range}`;
}

export const families = ["names", "scripts", "license", "age"] as const satisfies Family[];

/** The family of a rule. */
export const familyOf = ({ kind }: Rule): Family =>
  kind === "block" || kind === "allow" ? "names" : kind;

/**
 * Takes `<name or pattern>` or `<name or pattern>@<range>` apart.
 * @throws E_USAGE
 */
export function parseSubject(text: string): { readonly pattern: string; readonly range?: string } {
  const at = text.indexOf("@", 1);
  const pattern = at < 0 ? text : text.slice(0, at);
  const range = at < 0 ? "" : text.slice(at + 1).trim();
  return { pattern: checkPattern(pattern), ...(range === "" ? {} : { range }) };
}

/** @throws E_USAGE */
export function checkPattern(pattern: string): string {
  if (isPattern(pattern)) return pattern;
  throw bad(
    `${shown(pattern)} is no pattern of package names: write lodash, @acme/*, eslint-* or *`,
  );
}

/** A rule as it may be kept. @throws E_USAGE */
export async function checkRule(rule: Rule): Promise<Rule> {
  checkPattern(rule.pattern);
  if (rule.reason !== undefined) checkText(rule.reason);
  if ("range" in rule && rule.range !== undefined) await checkRange(rule.range);
  if (rule.kind === "age" && !(Number.isSafeInteger(rule.age) && rule.age >= 0))
    throw bad("an age is a number of milliseconds");
  if (rule.kind === "license") await checkLicenses(rule.ids);
  return rule;
}

/** An exception as it may be kept. @throws E_USAGE */
export async function checkGrant(grant: Grant, now: number): Promise<Grant> {
  checkPattern(grant.pattern);
  checkText(grant.reason);
  if (grant.range !== undefined) await checkRange(grant.range);
  if (grant.until !== undefined && !(Number.isSafeInteger(grant.until) && grant.until > now))
    throw bad("an exception ends in the future");
  if (grant.families?.length === 0 || grant.families?.some((one) => !families.includes(one)))
    throw bad(`an exception is from ${families.join(", ")}, or from all of them`);
  return grant;
}

/** @throws E_USAGE */
export function checkText(text: string): string {
  if (text.trim() === "" || text.length > longest || /\p{Cc}/u.test(text) || !text.isWellFormed())
    throw bad(`a reason is one line of at most ${longest} characters`);
  return text;
}

/** @throws E_USAGE */
export async function checkRange(range: string): Promise<void> {
  const { default: validRange } = await import("semver/ranges/valid.js");
  if (range.length > longest || validRange(range) === null)
    throw bad(`${shown(range)} is no range of versions`);
}

async function checkLicenses(ids: readonly string[]): Promise<void> {
  const { parseLicense } = await import("./license.ts");
  if (ids.length === 0 || ids.length > mostIds) throw bad(`name 1 to ${mostIds} licences`);
  for (const id of ids)
    if (!("license" in (parseLicense(id) ?? {})))
      throw new CitadelError("E_USAGE", `${shown(id)} is no SPDX licence`, {
        hint: ["write identifiers as SPDX lists them: MIT, Apache-2.0, GPL-3.0-only"],
      });
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 80));
const bad = (message: string): CitadelError => new CitadelError("E_USAGE", message);
