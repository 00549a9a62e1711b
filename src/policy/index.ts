export { compilePolicy } from "./compile.ts";
export { createPolicies, refusedError, type Changed, type Policies } from "./policies.ts";
export { createRefusals, type Refusals, type Refused } from "./refusals.ts";
export { checkGrant, checkRule, families, familyOf, parseSubject, ruleId } from "./rules.ts";
export type * from "./types.ts";
