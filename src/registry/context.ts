import { allows, may } from "../access/may.ts";
import type { Scopes } from "../access/scopes.ts";
import type { Accounts } from "../access/state.ts";
import type {
  AccessPolicy,
  Action,
  Caller,
  Principal,
  ScopeHolder,
  Target,
  Visibility,
} from "../access/types.ts";
import { CitadelError } from "../errors.ts";
import type { Guard } from "../guard/guard.ts";
import type { Keys } from "../keys/keys.ts";
import type { Actor, Ledger, Store } from "../store/types.ts";
import type { Batches } from "./batch/batches.ts";
import { checkName, scopeOf } from "./names.ts";
import { revisionOf } from "./revision.ts";
import type { PackageDocument, PackageEvent, PackageState, RegistryLimits } from "./types.ts";

/** What every verb of the registry works with. */
export interface Context {
  readonly store: Pick<Store, "blobs" | "manifests">;
  readonly packages: Ledger<PackageState, PackageEvent>;
  /** Is it the same state? Also when one of the two was parsed again. */
  same(a: PackageState, b: PackageState): boolean;
  readonly batches: Batches;
  readonly scopes: Pick<Scopes, "holder" | "claim">;
  readonly accounts: Pick<Accounts, "user">;
  readonly keys: Pick<Keys, "signVersion">;
  readonly limits: RegistryLimits;
  /** visibility of a new scoped package whose publisher does not say */
  readonly scoped: Visibility;
  /** the rules of now */
  policy(): AccessPolicy | Promise<AccessPolicy>;
  /** the upstream that a free name would hide something of; absent where there are no upstreams */
  readonly upstreamOf?: (name: string) => Promise<string | undefined>;
  /** Is there room for so many bytes? Throws to refuse; absent where nobody counts. */
  readonly quota?: (what: string, bytes: number) => Promise<void>;
  /** looks into what is about to be published; throws to refuse */
  readonly guard?: Guard;
}

/** Who a ledger records for a caller. */
export function actorOf({ principal, via, address }: Caller): Actor {
  return { name: principal.name, via, ...(address === undefined ? {} : { address }) };
}

/** What the rule is asked about: a package that is there, or a free name with whoever has its scope. */
export function targetOf(
  { orgs }: Principal,
  name: string,
  state: PackageState | undefined,
  holder?: ScopeHolder,
): Target {
  const org = scopeOf(name);
  // an organisation always has the scope of its name: for its members nothing has to be looked up
  const scope: ScopeHolder | undefined =
    org !== undefined && orgs?.has(org) ? { kind: "org", name: org } : holder;
  return {
    name,
    owners: state?.owners,
    ...(state?.visibility && { visibility: state.visibility }),
    ...(state?.teams && { teams: state.teams }),
    ...(scope && { scope }),
  };
}

/**
 * Throws unless the caller may do `action` to the package; `state` undefined means that the name is free. What may not be read
 * is not there: then the error is that of a free name.
 * @throws E_AUTH_REQUIRED for somebody who is not signed in, E_PACKAGE_NOT_FOUND, E_FORBIDDEN
 */
export function demand(
  policy: AccessPolicy,
  { principal }: Caller,
  action: Action,
  name: string,
  state: PackageState | undefined,
  scope?: ScopeHolder,
): void {
  const target = targetOf(principal, name, state, scope);
  if (may(principal, action, target, policy)) return;
  if (action === "read") throw unreadable(policy, principal, name);
  if (principal.kind === "anonymous")
    throw new CitadelError("E_AUTH_REQUIRED", `you must be signed in to change ${name}`);
  if (state && !may(principal, "read", target, policy)) throw packageNotFound(name);
  if (!allows(principal.grant, action, name))
    throw new CitadelError("E_FORBIDDEN", `this token must not change ${name}`, {
      hint: ["use a token that may write it"],
    });
  if (state) throw new CitadelError("E_FORBIDDEN", `${principal.name} is not an owner of ${name}`);
  const holder = target.scope;
  if (holder === undefined || holder.name === principal.name || principal.orgs?.has(holder.name))
    throw new CitadelError(
      "E_FORBIDDEN",
      `${principal.name} may not make the package ${name}: the rules of this registry leave it to others`,
      { hint: [`see who may: citadel registry:access:test ${principal.name} write ${name}`] },
    );
  throw new CitadelError(
    "E_FORBIDDEN",
    `the scope @${scopeOf(name) ?? ""} belongs to ${holder.name}, not to ${principal.name}`,
    { hint: [`publish below your own scope: @${principal.name}/…`] },
  );
}

/** A name of which nobody who is not signed in may read anything says so; whether there is such a package it does not say. */
export function unreadable(policy: AccessPolicy, { kind }: Principal, name: string): CitadelError {
  return kind === "anonymous" && policy.rules?.find(name).read?.all === false
    ? new CitadelError("E_AUTH_REQUIRED", `you must be signed in to read ${name}`)
    : packageNotFound(name);
}

/** One change of a package that exists: `decide` gets the state that the caller may do `action` to. */
export async function changePackage(
  context: Context,
  name: string,
  caller: Caller,
  decide: (state: PackageState) => readonly PackageEvent[],
  action: Action = "write",
): Promise<PackageDocument> {
  checkName(name);
  const policy = await context.policy();
  const document = await context.packages.change(name, actorOf(caller), (state) => {
    if (!state) throw packageNotFound(name);
    demand(policy, caller, action, name, state);
    return decide(state);
  });
  if (!document) throw packageNotFound(name);
  return document;
}

/**
 * The same for a caller who has seen a revision and wants it to be the newest still.
 * @param rev undefined: whatever the newest is
 * @throws E_CONFLICT
 */
export async function changeRevision(
  context: Context,
  name: string,
  caller: Caller,
  rev: string | undefined,
  decide: (state: PackageState) => readonly PackageEvent[],
  action: Action = "write",
): Promise<PackageDocument> {
  if (rev === undefined) return changePackage(context, name, caller, decide, action);
  const seen = await context.packages.read(checkName(name));
  const stale = (): CitadelError =>
    new CitadelError("E_CONFLICT", `${name} has changed since revision ${rev.slice(0, 40)}`);
  return changePackage(
    context,
    name,
    caller,
    (state) => {
      if (!seen || revisionOf(seen) !== rev || !context.same(seen.state, state)) throw stale();
      return decide(state);
    },
    action,
  );
}

export function packageNotFound(name: string): CitadelError {
  return new CitadelError("E_PACKAGE_NOT_FOUND", `there is no package ${name} in this registry`);
}
