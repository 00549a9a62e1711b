import type { Access } from "../access/access.ts";
import type { AccessRule, Caller } from "../access/types.ts";

export interface AppliedRules {
  /** patterns of rules that were made, or in a dry run would be */
  readonly added: readonly string[];
  /** patterns that have a rule here already, which stays as it is */
  readonly kept: readonly string[];
}

/** Makes the rules for patterns that have none here, so that what an administrator changes stays changed. */
export async function applyRules(
  access: Access,
  rules: readonly AccessRule[],
  caller: Caller,
  dryRun = false,
): Promise<AppliedRules> {
  const here = new Set((await access.read()).rules.map(({ pattern }) => pattern));
  const missing = rules.filter(({ pattern }) => !here.has(pattern));
  if (!dryRun) for (const rule of missing) await access.set(rule, caller);
  return {
    added: missing.map(({ pattern }) => pattern),
    kept: rules.filter(({ pattern }) => here.has(pattern)).map(({ pattern }) => pattern),
  };
}
