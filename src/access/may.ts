import { matches } from "../patterns.ts";
import type { Actor } from "../store/types.ts";
import { includes, names } from "./rules.ts";
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
/** The same as ledgers record it. */
export const operator: Actor = { name: local.name, via: "cli" };

/** May `principal` do `action` to `target`? The one rule that every door asks; pure, and cheap enough for every request. */
export const may = (
  principal: Principal,
  action: Action,
  target: Target,
  policy: AccessPolicy,
): boolean => judge(principal, action, target, policy).allowed;

/** An answer of the rule and its reason. */
export interface Verdict {
  readonly allowed: boolean;
  readonly because: string;
}
const yes = (because: string): Verdict => ({ allowed: true, because });
const no = (because: string): Verdict => ({ allowed: false, because });

const verdicts = {
  everybody: yes("everybody may"),
  administrator: yes("administrators may everything"),
  job: yes("a job may what its token says"),
  owner: yes("an owner of the package"),
  lead: yes("an owner or admin of the organisation that has the scope"),
  team: yes("in a team to which the package was granted"),
  writer: yes("named by the write list of a rule"),
  reader: yes("in the read list of a rule"),
  stager: yes("in the stage list of a rule"),
  free: yes("the name is free, and so is its scope"),
  holder: yes("has the scope of the name"),
  anonymous: no("not signed in"),
  grant: no("the token does not reach so far"),
  jobNew: no("a job only changes versions of what there is"),
  restricted: no("the package is restricted"),
  reading: no("not in the read list of a rule"),
  stranger: no("neither an owner nor named by a rule or a team"),
  naming: no("not in the write list of a rule for new names"),
  taken: no("the scope belongs to somebody else"),
} as const satisfies Record<string, Verdict>;

/**
 * {@link may} with its reason. In this order:
 *
 * - A public package is everybody's to read, unless a rule names who may. Everything else needs somebody who is signed in, and a
 *   credential that lets its user do it.
 * - Administrators and `local` have every right. A job has that of its token, to packages that are there.
 * - Of a package that is there: its owners, and owners and admins of the organisation that has its scope, may everything; teams
 *   read or write what was granted to them; whom the `write` list of a rule names may write, whom its `stage` list holds propose,
 *   whom its `read` list holds read what is not restricted. With the open policy what `local` owns is open to everybody who is
 *   signed in.
 * - A free name is for whom the `write` list of a rule holds, without a rule for whoever is signed in; below a scope that
 *   somebody has, only for that user, the members of that organisation, and those whom the list names.
 */
export function judge(
  principal: Principal,
  action: Action,
  target: Target,
  policy: AccessPolicy,
): Verdict {
  const { name, owners, scope } = target;
  const rule = policy.rules?.find(name);
  const reading = action === "read" && target.visibility !== "restricted";
  if (reading && (rule?.read === undefined || rule.read.all)) return verdicts.everybody;
  if (principal.kind === "anonymous") return verdicts.anonymous;
  if (!allows(principal.grant, action, name)) return verdicts.grant;
  if (principal.kind === "job")
    return owners !== undefined && action !== "admin" ? verdicts.job : verdicts.jobNew;
  if (principal.admin || principal.kind === "local") return verdicts.administrator;
  const mine = (owner: string): boolean =>
    owner === principal.name || (policy.open && owner === local.name);
  const role = scope?.kind === "org" ? principal.orgs?.get(scope.name) : undefined;
  const named = rule?.write !== undefined && names(rule.write, principal);
  const staging = action === "stage" && rule?.stage !== undefined;

  if (owners === undefined && action !== "read") {
    if (staging && includes(rule.stage, principal)) return verdicts.stager;
    if (rule?.write && !includes(rule.write, principal)) return verdicts.naming;
    if (scope === undefined) return verdicts.free;
    if (scope.kind === "org" ? role !== undefined : mine(scope.name)) return verdicts.holder;
    return named ? verdicts.writer : verdicts.taken;
  }
  if (owners?.some(mine)) return verdicts.owner;
  if (leads(role)) return verdicts.lead;
  if (grantedToTeam(principal, action, target)) return verdicts.team;
  if (named && action !== "admin") return verdicts.writer;
  if (staging && includes(rule.stage, principal)) return verdicts.stager;
  if (!reading) return action === "read" ? verdicts.restricted : verdicts.stranger;
  return rule?.read && includes(rule.read, principal) ? verdicts.reader : verdicts.reading;
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
