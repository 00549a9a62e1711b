import { matches, specificity } from "@citadel/core/patterns";
import {
  compilePolicy,
  policyItem,
  type Candidate,
  type PolicyItem,
  type PolicyState,
} from "@citadel/core/policy";

/** What a policy says about a package, and about one version of it. */
export interface Explained {
  readonly name: string;
  readonly mode: PolicyState["mode"];
  /** that are about the name, the most specific first */
  readonly rules: PolicyItem["rules"];
  readonly exceptions: PolicyItem["exceptions"];
  readonly verdict?: {
    readonly allowed: boolean;
    /** what refuses it, or would if the policy were enforced */
    readonly rule?: string;
    readonly reason?: string;
    /** ISO; until then the verdict stands */
    readonly until?: string;
  };
}

/** @param candidate undefined: no version in particular */
export async function explain(
  state: PolicyState,
  { name, candidate }: { readonly name: string; readonly candidate: Candidate | undefined },
  now: number,
): Promise<Explained> {
  const { mode, rules, exceptions } = policyItem(state);
  const told = {
    name,
    mode,
    rules: rules
      .filter(({ pattern }) => matches(pattern, name))
      .toSorted((a, b) => specificity(b.pattern) - specificity(a.pattern)),
    exceptions: exceptions.filter(
      ({ pattern, until }) =>
        matches(pattern, name) && (until === undefined || Date.parse(until) > now),
    ),
  };
  if (!candidate) return told;
  const verdict = (await compilePolicy(state)).judge(candidate, now);
  const refusal = verdict.allowed ? verdict.would : verdict;
  const until = verdict.until ?? refusal?.until;
  return {
    ...told,
    verdict: {
      allowed: verdict.allowed,
      ...(refusal ? { rule: refusal.rule, reason: refusal.reason } : {}),
      ...(until === undefined ? {} : { until: new Date(until).toISOString() }),
    },
  };
}
