import { CitadelError } from "../errors.ts";
import { actorOf } from "../registry/context.ts";
import type { Registry } from "../registry/types.ts";
import type { Store } from "../store/types.ts";
import { namesOf } from "../store/walk.ts";
import { hint } from "./memberships.ts";
import { isUserName } from "./names.ts";
import { developers, orgKind, type OrgEvent } from "./org-kind.ts";
import type { Scopes } from "./scopes.ts";
import type { Accounts, PageOptions } from "./state.ts";
import type { Caller, OrgRole, OrgState, Principal, TeamState } from "./types.ts";

/**
 * Organisations. Members see who is in one, its owners say who; its owners and admins make teams. To others it does not
 * say who is in it. Names are checked here.
 */
export interface Orgs {
  /** undefined when there is none; asks nobody's rights */
  read(name: string): Promise<OrgState | undefined>;
  /** By name, page by page; asks nobody's rights. */
  list(options?: PageOptions): Promise<{ items: readonly OrgState[]; next?: string }>;
  /** What a member may see. @throws E_ORG_NOT_FOUND, also for all others */
  visit(name: string, caller: Caller): Promise<OrgState>;
  /**
   * Takes a user in, or gives another role (absent: the one they have, else developer). The first call makes the organisation with
   * the caller as its owner. The last owner stays one.
   * @throws E_FORBIDDEN, also when the name or the scope is somebody else's; E_USER_NOT_FOUND, E_INVALID_NAME
   */
  setMember(
    name: string,
    user: string,
    role: OrgRole | undefined,
    caller: Caller,
  ): Promise<OrgState>;
  /** Puts a member out, or oneself; packages of the organisation's scope are no longer theirs. @throws E_USER_NOT_FOUND */
  removeMember(name: string, user: string, caller: Caller): Promise<OrgState>;
  /** @throws E_CONFLICT when there is one of this name */
  createTeam(name: string, team: string, description: string, caller: Caller): Promise<OrgState>;
  /** What was granted to it is gone with it. @throws E_ORG_NOT_FOUND */
  removeTeam(name: string, team: string, caller: Caller): Promise<OrgState>;
  /** @throws E_USER_NOT_FOUND for somebody who is not in the organisation */
  addToTeam(name: string, team: string, user: string, caller: Caller): Promise<OrgState>;
  removeFromTeam(name: string, team: string, user: string, caller: Caller): Promise<OrgState>;
}

export interface OrgOptions {
  readonly store: Store;
  readonly accounts: Pick<Accounts, "user">;
  readonly scopes: Scopes;
  readonly packages: Registry["packages"];
}

const teamForm = /^[a-z\d][\w.~-]{0,99}$/i;

/** Every change is one move of the organisation's document; two founders are one and a stranger. */
export function createOrgs({ store, accounts, scopes, packages }: OrgOptions): Orgs {
  const ledger = store.ledger(orgKind());

  const read: Orgs["read"] = async (name) =>
    isOrgName(name) ? (await ledger.read(name))?.state : undefined;

  /** @param right the least that the caller must be in the organisation */
  async function change(
    name: string,
    caller: Caller,
    right: "owner" | "lead" | "member",
    decide: (state: OrgState) => readonly OrgEvent[],
  ): Promise<OrgState> {
    demandOrg(caller, name);
    if (!isOrgName(name)) throw orgNotFound(name);
    const after = await ledger.change(name, actorOf(caller), (state) => {
      if (!state || !sees(state, caller.principal)) throw orgNotFound(name);
      demandRole(state, caller.principal, right);
      return decide(state);
    });
    if (!after) throw orgNotFound(name);
    return after.state;
  }

  async function welcome(name: string, user: string, caller: Caller): Promise<void> {
    if (!(await hint(store, user, name, actorOf(caller))))
      throw new CitadelError("E_FORBIDDEN", `${user} is in as many organisations as there can be`);
  }

  /** Who leaves an organisation no longer owns its packages; one without another owner goes to an owner of the organisation. */
  async function disown({ name, members }: OrgState, user: string, caller: Caller): Promise<void> {
    const [heir = caller.principal.name] = Array.from(members)
      .filter(([other, role]) => role === "owner" && other !== user)
      .map(([other]) => other);
    for await (const owned of namesOf(packages, { prefix: `@${name}/` }))
      await packages.change(owned, actorOf(caller), (state) => {
        if (!state?.owners.includes(user)) return [];
        const others = state.owners.filter((owner) => owner !== user);
        return [{ type: "owners", owners: others.length > 0 ? others : [heir] }];
      });
  }

  return {
    read,

    async list(options = {}) {
      const { items, next } = await ledger.list(options);
      const states = await Promise.all(items.map(({ name }) => read(name)));
      return {
        items: states.filter((state): state is OrgState => state !== undefined),
        ...(next !== undefined && { next }),
      };
    },

    async visit(name, { principal }) {
      const state = await read(name);
      if (!state || !sees(state, principal) || !allowsOrg(principal, name, "read"))
        throw orgNotFound(name);
      return state;
    },

    async setMember(name, user, role, caller) {
      demandOrg(caller, name);
      if (!isOrgName(name))
        throw new CitadelError(
          "E_INVALID_NAME",
          `${JSON.stringify(name.slice(0, 80))} cannot be the name of an organisation`,
          { hint: ["use lower-case letters, digits, - and _"] },
        );
      if (!(await accounts.user(user)))
        throw new CitadelError("E_USER_NOT_FOUND", `there is no user ${JSON.stringify(user)}`);
      const { principal } = caller;
      const before = await read(name);
      if (before) demandRole(before, principal, "owner");
      else await scopes.claimForOrg(name, principal, actorOf(caller));
      // the operating-system user is nobody's fellow
      const founder = principal.kind === "user" ? principal.name : user;
      for (const one of new Set(before ? [user] : [founder, user]))
        await welcome(name, one, caller);
      const after = await ledger.change(name, actorOf(caller), (state) => {
        if (!state && founder === user) return [{ type: "create", owner: founder }];
        if (!state)
          return [
            { type: "create", owner: founder },
            { type: "member", user, role: role ?? "developer" },
          ];
        demandRole(state, principal, "owner");
        const is = state.members.get(user);
        const wanted = role ?? is ?? "developer";
        if (is === wanted) return [];
        if (is === "owner") demandOtherOwner(state, user);
        return [{ type: "member", user, role: wanted }];
      });
      if (!after) throw orgNotFound(name);
      return after.state;
    },

    async removeMember(name, user, caller) {
      const mine = caller.principal.name === user;
      let gone = false;
      const state = await change(name, caller, mine ? "member" : "owner", (now) => {
        gone = !now.members.has(user);
        if (gone) return [];
        demandOtherOwner(now, user);
        return [{ type: "leave", user }];
      });
      await disown(state, user, caller);
      if (gone)
        throw new CitadelError("E_USER_NOT_FOUND", `${JSON.stringify(user)} is not in ${name}`);
      return state;
    },

    async createTeam(name, team, description, caller) {
      if (!teamForm.test(team) || description.length > 1000)
        throw new CitadelError(
          "E_INVALID_NAME",
          `${JSON.stringify(team.slice(0, 80))} cannot be the name of a team`,
          { hint: ["use letters, digits, - and _, and a description of at most 1000 characters"] },
        );
      return change(name, caller, "lead", (state) => {
        if (state.teams.has(team))
          throw new CitadelError("E_CONFLICT", `${name} has a team ${team} already`, {
            hint: [`see its members: npm team ls ${name}:${team}`],
          });
        return [{ type: "team", team, description }];
      });
    },

    removeTeam: (name, team, caller) =>
      change(name, caller, "lead", (state) => {
        teamOf(state, team);
        if (team === developers)
          throw new CitadelError("E_FORBIDDEN", `the team ${developers} of ${name} stays`, {
            hint: [`take a package from it: npm access revoke ${name}:${team} <package>`],
          });
        return [{ type: "dissolve", team }];
      }),

    addToTeam: (name, team, user, caller) =>
      change(name, caller, "lead", (state) => {
        const { members } = teamOf(state, team);
        if (!state.members.has(user))
          throw new CitadelError("E_USER_NOT_FOUND", `${JSON.stringify(user)} is not in ${name}`, {
            hint: [`an owner takes them in first: npm org set ${name} <user>`],
          });
        return members.has(user) ? [] : [{ type: "join", team, user }];
      }),

    removeFromTeam: (name, team, user, caller) =>
      change(name, caller, "lead", (state) => {
        if (!teamOf(state, team).members.has(user))
          throw new CitadelError(
            "E_USER_NOT_FOUND",
            `${JSON.stringify(user)} is not in ${name}:${team}`,
          );
        return [{ type: "part", team, user }];
      }),
  };
}

/** The organisation's team. @throws E_ORG_NOT_FOUND */
export function teamOf({ name, teams }: OrgState, team: string): TeamState {
  const found = teams.get(team);
  if (!found)
    throw new CitadelError(
      "E_ORG_NOT_FOUND",
      `${name} has no team ${JSON.stringify(team.slice(0, 80))}`,
      { hint: [`see its teams: npm team ls ${name}`] },
    );
  return found;
}

/** Could there be an organisation of this name? It is a scope and looks like a user's name. */
const isOrgName = (name: string): boolean => isUserName(name) && /^[\w.~-]+$/.test(name);

const isLocal = ({ kind, admin }: Principal): boolean => admin || kind === "local";

const sees = ({ members }: OrgState, principal: Principal): boolean =>
  isLocal(principal) || (principal.kind === "user" && members.has(principal.name));

function demandRole(state: OrgState, principal: Principal, right: "owner" | "lead" | "member") {
  if (isLocal(principal)) return;
  const role = principal.kind === "user" ? state.members.get(principal.name) : undefined;
  if (role === "owner" || (right === "lead" && role === "admin") || (right === "member" && role))
    return;
  throw new CitadelError(
    "E_FORBIDDEN",
    `${principal.name} is not ${right === "owner" ? "an owner" : "an owner or admin"} of ${state.name}`,
    { hint: [`ask one of its owners: npm org ls ${state.name}`] },
  );
}

function demandOtherOwner({ name, members }: OrgState, user: string): void {
  for (const [other, role] of members) if (role === "owner" && other !== user) return;
  if (members.get(user) === "owner")
    throw new CitadelError("E_INVALID_DOCUMENT", `${name} must keep at least one owner`, {
      hint: [`make somebody else an owner first: npm org set ${name} <user> owner`],
    });
}

/** Whether a credential lets its user look at or change an organisation. */
function allowsOrg({ grant }: Principal, org: string, right: "read" | "write"): boolean {
  if (!grant) return true;
  if (grant.orgs === "none" || (right === "write" && grant.orgs !== "write")) return false;
  return grant.orgNames === undefined || grant.orgNames.includes(org);
}

function demandOrg({ principal }: Caller, org: string): void {
  if (principal.kind === "anonymous")
    throw new CitadelError("E_AUTH_REQUIRED", "you must be signed in to change an organisation");
  if (principal.kind === "job" || !allowsOrg(principal, org, "write"))
    throw new CitadelError("E_FORBIDDEN", "this token must not change organisations", {
      hint: ["use a token that may"],
    });
}

const orgNotFound = (name: string): CitadelError =>
  new CitadelError(
    "E_ORG_NOT_FOUND",
    `there is no organisation ${JSON.stringify(name.slice(0, 80))} that you are in`,
  );
