import type { AccessPolicy, Action, Caller, Principal, Target } from "./types.ts";

/** Nobody in particular: a request without credentials. */
export const anonymous: Principal = { kind: "anonymous", name: "", admin: false, write: false };

/** The operating-system user at the command line: an administrator. */
export const local: Principal = { kind: "local", name: "local", admin: true, write: true };

/** Who a command acts for. */
export const commandLine: Caller = { principal: local, via: "cli" };

/**
 * May `principal` do `action` to `target`? The one rule that every door asks; pure, and cheap enough for every request.
 *
 * Everybody reads. A read-only token never writes, administrators and `local` always do. A package belongs to its owners;
 * a free name to whoever is signed in, or, below a scope that has an owner, to that owner. With the open policy what
 * `local` owns is open to everybody who is signed in.
 */
export function may(
  principal: Principal,
  action: Action,
  target: Target,
  policy: AccessPolicy,
): boolean {
  if (action === "read") return true;
  if (principal.kind === "anonymous" || !principal.write) return false;
  if (principal.admin || principal.kind === "local") return true;
  const { owners, scopeOwner } = target;
  const mine = (owner: string): boolean =>
    owner === principal.name || (policy.open && owner === local.name);
  if (owners !== undefined) return owners.some(mine);
  return scopeOwner === undefined || mine(scopeOwner);
}
