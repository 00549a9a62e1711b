import { matches } from "../patterns.ts";
import type {
  AccessPolicy,
  Action,
  Caller,
  Grant,
  OrgRole,
  PackageRight,
  Principal,
  Target,
} from "./types.ts";

/** Nobody in particular: a request without credentials. */
export const anonymous: Principal = { kind: "anonymous", name: "", admin: false };

/** The operating-system user at the command line: an administrator. */
export const local: Principal = { kind: "local", name: "local", admin: true };

/** A credential that may look and do no more. */
export const readOnly: Grant = { packages: "read", orgs: "read", manage: false };

/** Who a command acts for. */
export const commandLine: Caller = { principal: local, via: "cli" };

/**
 * May `principal` do `action` to `target`? The one rule that every door asks; pure, and cheap enough for every request.
 *
 * A public package is everybody's to read; a restricted one, and every change, needs a right, and a credential that lets its user
 * use it. Administrators and `local` have every right; owners of a package and owners and admins of the organisation that has its
 * scope may do everything to it; teams read or write what was granted to them. A free name is for whoever is signed in, or,
 * below a scope that somebody has, for that user or the members of that organisation. With the open policy what `local` owns is open
 * to everybody who is signed in.
 */
export function may(
  principal: Principal,
  action: Action,
  target: Target,
  policy: AccessPolicy,
): boolean {
  if (action === "read" && target.visibility !== "restricted") return true;
  if (principal.kind === "anonymous") return false;
  if (!allows(principal.grant, action, target.name)) return false;
  if (principal.kind === "job") return target.owners !== undefined && action !== "admin";
  if (principal.admin || principal.kind === "local") return true;
  const { owners, scope } = target;
  const mine = (owner: string): boolean =>
    owner === principal.name || (policy.open && owner === local.name);
  const role = scope?.kind === "org" ? principal.orgs?.get(scope.name) : undefined;
  if (owners === undefined)
    return scope === undefined || (scope.kind === "org" ? role !== undefined : mine(scope.name));
  return owners.some(mine) || leads(role) || grantedToTeam(principal, action, target);
}

const order: Readonly<Record<PackageRight, number>> = { none: 0, read: 1, stage: 2, write: 3 };

/** Whether a credential with this grant may be used for the action, whoever its user is. */
export function allows(grant: Grant | undefined, action: Action, name: string): boolean {
  if (!grant) return true;
  if (action === "admin" && !grant.manage) return false;
  if (order[grant.packages] < order[action === "admin" ? "write" : action]) return false;
  return grant.names === undefined || grant.names.some((pattern) => matches(pattern, name));
}

/** Owners and admins of an organisation look after everything below its scope. */
const leads = (role: OrgRole | undefined): boolean => role === "owner" || role === "admin";

function grantedToTeam({ teams }: Principal, action: Action, target: Target): boolean {
  if (!teams || !target.teams || action === "admin") return false;
  for (const [team, right] of target.teams)
    if (teams.has(team) && (action === "read" || right === "write")) return true;
  return false;
}
