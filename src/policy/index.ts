export { compilePolicy } from "./compile.ts";
export { createPolicies, PolicyError, type Changed, type Policies } from "./policies.ts";
export { createRefusals, type Refusals, type Refused } from "./refusals.ts";
export { checkGrant, checkRule, families, familyOf, parseSubject, ruleId } from "./rules.ts";
export type * from "./types.ts";
export {
  changeItem,
  describeRule,
  policyItem,
  refusedItem,
  type ChangeItem,
  type ExceptionItem,
  type PolicyItem,
  type RefusedItem,
  type RequestItem,
  type RuleItem,
} from "./present.ts";
