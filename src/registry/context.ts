import { allows, may } from "../access/may.ts";
import type { Accounts } from "../access/state.ts";
import type { AccessPolicy, Action, Caller, ScopeHolder } from "../access/types.ts";
import { CitadelError } from "../errors.ts";
import type { Keys } from "../keys/keys.ts";
import type { Actor, Ledger, Store } from "../store/types.ts";
import type { ScopeEvent, ScopeState } from "./kind.ts";
import { checkName, scopeOf } from "./names.ts";
import { revisionOf } from "./revision.ts";
import type { PackageDocument, PackageEvent, PackageState, RegistryLimits } from "./types.ts";

/** What every verb of the registry works with. */
export interface Context {
  readonly store: Pick<Store, "blobs" | "manifests">;
  readonly packages: Ledger<PackageState, PackageEvent>;
  /** Is it the same state? Also when one of the two was parsed again. */
  same(a: PackageState, b: PackageState): boolean;
  readonly scopes: Ledger<ScopeState, ScopeEvent>;
  readonly accounts: Pick<Accounts, "user">;
  readonly keys: Pick<Keys, "signVersion">;
  readonly limits: RegistryLimits;
  readonly policy: AccessPolicy;
}

/** Who a ledger records for a caller. */
export function actorOf({ principal, via, address }: Caller): Actor {
  return { name: principal.name, via, ...(address === undefined ? {} : { address }) };
}

/**
 * Throws unless the caller may do `action` to the package; `state` undefined means that the name is free.
 * @throws E_AUTH_REQUIRED for somebody who is not signed in, else E_FORBIDDEN
 */
export function demand(
  { policy }: Pick<Context, "policy">,
  { principal }: Caller,
  action: Action,
  name: string,
  state: PackageState | undefined,
  scope?: ScopeHolder,
): void {
  const target = { name, owners: state?.owners, ...(scope && { scope }) };
  if (may(principal, action, target, policy)) return;
  if (principal.kind === "anonymous")
    throw new CitadelError("E_AUTH_REQUIRED", `you must be signed in to change ${name}`);
  if (!allows(principal.grant, action, name))
    throw new CitadelError("E_FORBIDDEN", `this token must not change ${name}`, {
      hint: ["use a token that may write it"],
    });
  if (state) throw new CitadelError("E_FORBIDDEN", `${principal.name} is not an owner of ${name}`);
  throw new CitadelError(
    "E_FORBIDDEN",
    `the scope @${scopeOf(name) ?? ""} belongs to ${scope?.name ?? "somebody else"}, not to ${principal.name}`,
    { hint: [`publish below your own scope: @${principal.name}/…`] },
  );
}

/** One change of a package that exists: `decide` gets the state that the caller may write. */
export async function changePackage(
  context: Context,
  name: string,
  caller: Caller,
  decide: (state: PackageState) => readonly PackageEvent[],
): Promise<PackageDocument> {
  checkName(name);
  const document = await context.packages.change(name, actorOf(caller), (state) => {
    if (!state) throw packageNotFound(name);
    demand(context, caller, "write", name, state);
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
): Promise<PackageDocument> {
  if (rev === undefined) return changePackage(context, name, caller, decide);
  const seen = await context.packages.read(checkName(name));
  const stale = (): CitadelError =>
    new CitadelError("E_CONFLICT", `${name} has changed since revision ${rev.slice(0, 40)}`);
  return changePackage(context, name, caller, (state) => {
    if (!seen || revisionOf(seen) !== rev || !context.same(seen.state, state)) throw stale();
    return decide(state);
  });
}

export function packageNotFound(name: string): CitadelError {
  return new CitadelError("E_PACKAGE_NOT_FOUND", `there is no package ${name} in this registry`);
}
