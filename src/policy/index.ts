export { compilePolicy } from "./compile.ts";
export { createPolicies, refusedError, type Policies } from "./policies.ts";
export { checkGrant, checkRule, familyOf, parseSubject, ruleId } from "./rules.ts";
export type * from "./types.ts";
