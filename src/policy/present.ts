import { formatDuration } from "../config/units.ts";
import { ruleId } from "./rules.ts";
import type { Changed } from "./policies.ts";
import type { Refused } from "./refusals.ts";
import type { Exception, ExceptionRequest, KeptRule, PolicyState, Rule } from "./types.ts";

/** A rule in words: `releases are served 72 h after they came out`. */
export function describeRule(rule: Rule): string {
  switch (rule.kind) {
    case "block":
      return "refused";
    case "allow":
      return "served";
    case "age":
      return rule.age === 0 ? "of any age" : `at least ${formatDuration(rule.age)} old`;
    case "scripts":
      return rule.allow ? "may run install scripts" : "without install scripts";
    case "license": {
      const list = `${rule.list === "only" ? "only" : "all but"} ${rule.ids.join(", ")}`;
      return `${list}; unknown ones are ${rule.unknown === "allow" ? "served" : "refused"}`;
    }
  }
}

const iso = (time: number): string => new Date(time).toISOString();

const ruleItem = (rule: KeptRule) => ({
  id: ruleId(rule),
  ...rule,
  at: iso(rule.at),
  effect: describeRule(rule),
});
const exceptionItem = ({ at, until, ...rest }: Exception) => ({
  ...rest,
  at: iso(at),
  ...(until === undefined ? {} : { until: iso(until) }),
});
const requestItem = ({ at, decided, ...rest }: ExceptionRequest) => ({
  ...rest,
  at: iso(at),
  ...(decided ? { decided: { ...decided, at: iso(decided.at) } } : {}),
});

export type RuleItem = ReturnType<typeof ruleItem>;
export type ExceptionItem = ReturnType<typeof exceptionItem>;
export type RequestItem = ReturnType<typeof requestItem>;

/** The policy as command line and API show it. */
export interface PolicyItem {
  readonly mode: PolicyState["mode"];
  readonly rules: readonly RuleItem[];
  readonly exceptions: readonly ExceptionItem[];
  readonly requests: readonly RequestItem[];
}

export const policyItem = ({ mode, rules, exceptions, requests }: PolicyState): PolicyItem => ({
  mode,
  rules: rules.map(ruleItem),
  exceptions: exceptions.map(exceptionItem),
  requests: requests.map(requestItem),
});

export const refusedItem = ({ first, last, until, ...rest }: Refused) => ({
  ...rest,
  ...(until === undefined ? {} : { until: iso(until) }),
  first: iso(first),
  last: iso(last),
});
export type RefusedItem = ReturnType<typeof refusedItem>;

/** What a change has changed; empty when nothing. */
export interface ChangeItem {
  readonly mode?: PolicyState["mode"];
  readonly added: Pick<PolicyItem, "rules" | "exceptions" | "requests">;
  /** ids */
  readonly removed: readonly string[];
}

export function changeItem({ before, state }: Changed): ChangeItem {
  const fresh = <T>(list: readonly T[], old: readonly T[]): T[] => {
    const known = new Set(old.map((item) => JSON.stringify(item)));
    return list.filter((item) => !known.has(JSON.stringify(item)));
  };
  const ids = ({ rules, exceptions }: PolicyState): string[] => [
    ...rules.map(ruleId),
    ...exceptions.map(({ id }) => id),
  ];
  const left = new Set(ids(state));
  return {
    ...(before.mode === state.mode ? {} : { mode: state.mode }),
    added: {
      rules: fresh(state.rules, before.rules).map(ruleItem),
      exceptions: fresh(state.exceptions, before.exceptions).map(exceptionItem),
      requests: fresh(state.requests, before.requests).map(requestItem),
    },
    removed: ids(before).filter((id) => !left.has(id)),
  };
}
