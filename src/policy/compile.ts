import { createHash } from "node:crypto";
import type SemVer from "semver/classes/semver.js";
import { formatDuration } from "../config/units.ts";
import { patternMap, specificity } from "../patterns.ts";
import { families, familyOf, ruleId } from "./rules.ts";
import type {
  AgeRule,
  Candidate,
  Exception,
  Family,
  LicenseRule,
  NameRule,
  Policy,
  PolicyState,
  Refusal,
  Rule,
  ScriptRule,
} from "./types.ts";

/** Names whose rules are remembered, and licences whose verdicts are. */
const remembered = 4096;

/** Tells whether a version is meant; what is no semantic version is meant by no range. */
type InRange = (version: Lazy) => boolean;
/** A version that is parsed when a range asks for it, and once. */
interface Lazy {
  readonly text: string;
  parsed?: SemVer | null;
}

/** What counts for one name. */
interface Plan {
  readonly names: readonly { readonly rule: NameRule; readonly inRange: InRange }[];
  readonly scripts: ScriptRule | undefined;
  readonly license: LicenseRule | undefined;
  readonly age: AgeRule | undefined;
  readonly exceptions: readonly { readonly exception: Exception; readonly inRange: InRange }[];
}

export const allowAll: Policy = {
  revision: "none",
  active: false,
  judge: () => ({ allowed: true }),
};

/** Makes rules and exceptions ready to judge. What they need is loaded only where they need it. */
export async function compilePolicy(
  state: Pick<PolicyState, "mode" | "rules" | "exceptions">,
): Promise<Policy> {
  const { mode, rules, exceptions } = state;
  if (mode === "off" || rules.length === 0) return allowAll;
  const rangeOf = await ranges([...rules, ...exceptions]);
  const licenseOf = await licenses(rules.filter((rule) => rule.kind === "license"));
  const byPattern = patternMap<Rule>(rules.map((rule) => [rule.pattern, rule]));
  const excepted = patternMap(exceptions.map((one) => [one.pattern, one] as const));
  const plans = new Map<string, Plan>();

  const planOf = (name: string): Plan => {
    const known = plans.get(name);
    if (known) return known;
    const found = byPattern.find(name);
    const plan: Plan = {
      names: found
        .filter(isNameRule)
        .toSorted(nameOrder)
        .map((rule) => ({ rule, inRange: rangeOf(rule.range, rule.kind === "block") })),
      scripts: found.find((rule) => rule.kind === "scripts"),
      license: found.find((rule) => rule.kind === "license"),
      age: found.find((rule) => rule.kind === "age"),
      exceptions: excepted
        .find(name)
        .map((exception) => ({ exception, inRange: rangeOf(exception.range, false) })),
    };
    if (plans.size >= remembered) plans.clear();
    plans.set(name, plan);
    return plan;
  };

  const refusals: Readonly<
    Record<
      Family,
      (plan: Plan, candidate: Candidate, version: Lazy, now: number) => Refusal | undefined
    >
  > = {
    names({ names }, _candidate, version) {
      const rule = names.find(({ inRange }) => inRange(version))?.rule;
      return rule?.kind === "block" ? refusal(rule, "it is on the block list") : undefined;
    },
    scripts({ scripts }, { hasInstallScript }) {
      return hasInstallScript && scripts?.allow === false
        ? refusal(scripts, "it runs a script when it is installed")
        : undefined;
    },
    license({ license: rule }, { license }) {
      if (!rule) return undefined;
      const verdict = licenseOf(rule, license);
      if (verdict === "fine" || (verdict === "unknown" && rule.unknown === "allow"))
        return undefined;
      const what = license === undefined ? "none" : JSON.stringify(license.slice(0, 80));
      return refusal(
        rule,
        verdict === "unknown"
          ? `its licence is not known (${what})`
          : `its licence is not permitted here (${what})`,
      );
    },
    age({ age: rule }, { published }, _version, now) {
      if (!rule || rule.age === 0) return undefined;
      if (published === undefined || !Number.isFinite(published))
        return refusal(rule, "its age is not known, upstream gives no date");
      const until = published + rule.age;
      if (until <= now) return undefined;
      const reason = `releases are served ${formatDuration(rule.age)} after they came out, this one from ${new Date(until).toISOString()} on`;
      return { ...refusal(rule, reason), until };
    },
  };

  return {
    revision: createHash("sha256")
      .update(JSON.stringify([mode, rules, exceptions]))
      .digest("base64url")
      .slice(0, 16),
    active: true,
    judge(candidate, now) {
      const plan = planOf(candidate.name);
      const version: Lazy = { text: candidate.version };
      /** when the first exception ends that the version depends on */
      let sure = Infinity;
      let refused: Refusal | undefined;
      for (const family of families) {
        const found = refusals[family](plan, candidate, version, now);
        if (!found) continue;
        const granted = grantedUntil(plan, family, version, now);
        if (granted === undefined) {
          refused = found;
          break;
        }
        sure = Math.min(sure, granted);
      }
      if (refused?.until !== undefined && sure <= refused.until)
        // by then another rule refuses it
        refused = { rule: refused.rule, reason: refused.reason };
      if (mode === "dry-run")
        return refused ? { allowed: true, would: refused } : { allowed: true };
      if (refused) return { allowed: false, ...refused };
      return sure === Infinity ? { allowed: true } : { allowed: true, until: sure };
    },
  };
}

/** Until when exceptions from a family hold; undefined: there is none. */
function grantedUntil(
  { exceptions }: Plan,
  family: Family,
  version: Lazy,
  now: number,
): number | undefined {
  let longest: number | undefined;
  for (const { exception, inRange } of exceptions) {
    const { until = Infinity, families: from } = exception;
    if (until <= now || (from && !from.includes(family)) || !inRange(version)) continue;
    longest = Math.max(longest ?? 0, until);
  }
  return longest;
}

function refusal(rule: AgeRule | LicenseRule | NameRule | ScriptRule, why: string): Refusal {
  return { rule: ruleId(rule), reason: rule.reason === undefined ? why : `${why}: ${rule.reason}` };
}

const isNameRule = (rule: Rule): rule is NameRule => familyOf(rule) === "names";

/** The rule that says most about a version first; of equal ones the one that blocks. */
function nameOrder(a: NameRule, b: NameRule): number {
  return (
    specificity(b.pattern) - specificity(a.pattern) ||
    precision(b.range) - precision(a.range) ||
    Number(a.kind === "allow") - Number(b.kind === "allow")
  );
}

const precision = (range: string | undefined): number =>
  range === undefined ? 0 : /^\d+\.\d+\.\d+(?:[-+]|$)/.test(range) && !/\s/.test(range) ? 2 : 1;

/** What makes the test of a range; an unreadable version is in a range where `unreadable` says so. */
async function ranges(
  rows: readonly object[],
): Promise<(range: string | undefined, unreadable: boolean) => InRange> {
  const all: InRange = () => true;
  if (rows.every((row) => !("range" in row))) return () => all;
  const [{ default: Range }, { default: parse }] = await Promise.all([
    import("semver/classes/range.js"),
    import("semver/functions/parse.js"),
  ]);
  return (range, unreadable) => {
    if (range === undefined) return all;
    const tested = new Range(range, { includePrerelease: true });
    return (version) => {
      if (version.parsed === undefined) version.parsed = parse(version.text);
      return version.parsed ? tested.test(version.parsed) : unreadable;
    };
  };
}

/** Judges licences, each text once. */
async function licenses(
  rules: readonly LicenseRule[],
): Promise<(rule: LicenseRule, license: string | undefined) => "fine" | "refused" | "unknown"> {
  if (rules.length === 0) return () => "fine";
  const { licenseJudge } = await import("./license.ts");
  const judges = new Map(rules.map((rule) => [rule, licenseJudge(rule)] as const));
  const known = new Map<LicenseRule, Map<string | undefined, "fine" | "refused" | "unknown">>();
  return (rule, license) => {
    let verdicts = known.get(rule);
    if (!verdicts) known.set(rule, (verdicts = new Map()));
    let verdict = verdicts.get(license);
    if (verdict === undefined) {
      verdict = judges.get(rule)?.(license) ?? "unknown";
      if (verdicts.size >= remembered) verdicts.clear();
      verdicts.set(license, verdict);
    }
    return verdict;
  };
}
