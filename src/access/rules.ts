import { isPattern, patternMap, specificity } from "../patterns.ts";
import type { AccessRule, AccessRules, Allowed, Principal, RuleOf } from "./types.ts";

/** Names whose rules are remembered. */
const remembered = 4096;

/** Makes rules ready: a name costs one look-up, the first time a few. */
export function compileRules(rules: readonly AccessRule[]): AccessRules {
  const rows = rules
    .toSorted((a, b) => specificity(b.pattern) - specificity(a.pattern))
    .map((rule) => [rule.pattern, partsOf(rule)] as const);
  const map = patternMap(rows);
  const known = new Map<string, RuleOf>();
  return {
    rows,
    find(name) {
      let rule = known.get(name);
      if (!rule) {
        if (known.size >= remembered) known.clear();
        known.set(name, (rule = join(map.find(name))));
      }
      return rule;
    },
  };
}

function partsOf(rule: AccessRule): RuleOf {
  const { pattern, read, write, stage, claimed } = rule;
  return {
    read: read && allowed(pattern, read),
    write: write && allowed(pattern, write),
    stage: stage && allowed(pattern, stage),
    claimed: claimed === true,
  };
}

/** Each list of the most specific rule that has it. */
function join(found: readonly RuleOf[]): RuleOf {
  return {
    read: found.find(({ read }) => read)?.read,
    write: found.find(({ write }) => write)?.write,
    stage: found.find(({ stage }) => stage)?.stage,
    claimed: found.some(({ claimed }) => claimed),
  };
}

export const everybody = "$all";
export const signedIn = "$authenticated";

function allowed(pattern: string, list: readonly string[]): Allowed {
  const all = list.includes(everybody);
  return {
    pattern,
    all,
    signedIn: all || list.includes(signedIn),
    named: new Set(list.filter((who) => !who.startsWith("$"))),
  };
}

/** Whether the list has the principal, by name or as one of a group. */
export const includes = (list: Allowed, principal: Principal): boolean =>
  list.all || (list.signedIn && principal.kind !== "anonymous") || names(list, principal);

/** Whether the list has the principal by name, as a user, a member of an organisation or one of a team. */
export function names({ named }: Allowed, { kind, name, orgs, teams }: Principal): boolean {
  if (named.size === 0 || kind !== "user") return false;
  if (named.has(name)) return true;
  for (const org of orgs?.keys() ?? []) if (named.has(org)) return true;
  for (const team of teams ?? []) if (named.has(teamName(team))) return true;
  return false;
}

/** `<org>:<team>` of a team's key. */
export function teamName(key: string): string {
  const mark = key.indexOf("#");
  return mark < 0 ? key : key.slice(0, mark);
}

/** The pattern as it is kept: `**` is `*`, as other registries write it. Undefined when it is none. */
export function patternOf(text: string): string | undefined {
  const pattern = text.replace(/\*{2}$/, "*");
  return isPattern(pattern) ? pattern : undefined;
}
