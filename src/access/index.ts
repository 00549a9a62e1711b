export { checkRule, createAccess, type Access } from "./access.ts";
export { createAccounts, type AccountsOptions } from "./accounts.ts";
export {
  createApiKeys,
  permissions,
  permissionsOf,
  type ApiKey,
  type ApiKeyOptions,
  type ApiKeys,
  type IssuedKey,
  type Permission,
} from "./api-keys.ts";
export { fromHtpasswd } from "./htpasswd.ts";
export { userKind } from "./kinds.ts";
export {
  allows,
  anonymous,
  commandLine,
  judge,
  local,
  may,
  operator,
  readOnly,
  type Verdict,
} from "./may.ts";
export { countedClient, createLimiter, type Limiter } from "./limiter.ts";
export { createMemberships } from "./memberships.ts";
export { checkUserName, isUserName } from "./names.ts";
export { createOrgs, teamOf, type Orgs } from "./orgs.ts";
export { compileRules } from "./rules.ts";
export { allTokens, allUsers } from "./people.ts";
export { createScopes, type Scopes } from "./scopes.ts";
export { checkFactorMode, codeNeeded } from "./second-factor.ts";
export type * from "./state.ts";
export type * from "./types.ts";
