import type { Actor, Store } from "../store/types.ts";
import { memberKind, orgKind } from "./org-kind.ts";
import type { MembershipsOf, OrgRole } from "./types.ts";

/**
 * Organisations and teams of a user, as of now, in as many look-ups as there are organisations that the user was ever taken into. What
 * the user's document says is a hint: only what an organisation says counts.
 */
export function createMemberships({ store }: { readonly store: Store }): MembershipsOf {
  const orgs = store.ledger(orgKind());
  const members = store.ledger(memberKind());

  return async (user) => {
    const hints = (await members.read(user))?.state.orgs;
    if (!hints) return undefined;
    const found = await Promise.all(hints.map(async (org) => (await orgs.read(org))?.state));
    const roles = new Map<string, OrgRole>();
    const teams = new Set<string>();
    for (const org of found) {
      const role = org?.members.get(user);
      if (!org || !role) continue;
      roles.set(org.name, role);
      for (const { key, members: users } of org.teams.values()) if (users.has(user)) teams.add(key);
    }
    return roles.size === 0 ? undefined : { orgs: roles, teams };
  };
}

/** Organisations that a user can be in. */
const most = 200;

/**
 * Makes a user's document point to an organisation, before the organisation says that the user is a member: what a crash
 * leaves in between is a hint without effect. Hints stay when somebody leaves, so that nothing has to be undone in step; only
 * where there are too many, those that are not true are dropped.
 * @returns false when the user is in too many organisations
 */
export async function hint(store: Store, user: string, org: string, who: Actor): Promise<boolean> {
  const members = store.ledger(memberKind());
  const known = (await members.read(user))?.state.orgs ?? [];
  if (known.includes(org)) return true;
  if (known.length >= most) {
    const orgs = store.ledger(orgKind());
    const untrue: string[] = [];
    for (const each of known)
      if (!(await orgs.read(each))?.state.members.has(user)) untrue.push(each);
    if (untrue.length === 0) return false;
    await members.change(user, who, () => [{ type: "forget", orgs: untrue }]);
  }
  await members.change(user, who, (state) =>
    state?.orgs.includes(org) ? [] : [{ type: "org", org }],
  );
  return true;
}
