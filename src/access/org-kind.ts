import type { Kind } from "../store/types.ts";
import type { OrgRole, OrgState, TeamState } from "./types.ts";

export type OrgEvent =
  | { readonly type: "create"; readonly owner: string }
  | { readonly type: "member"; readonly user: string; readonly role: OrgRole }
  | { readonly type: "leave"; readonly user: string }
  | { readonly type: "team"; readonly team: string; readonly description: string }
  | { readonly type: "dissolve"; readonly team: string }
  | { readonly type: "join"; readonly team: string; readonly user: string }
  | { readonly type: "part"; readonly team: string; readonly user: string };

/** The team that every organisation has: each new member is in it, each new package of the organisation is granted to it. */
export const developers = "developers";

interface Stored {
  readonly name: string;
  readonly created: number;
  readonly members: readonly (readonly [user: string, role: OrgRole])[];
  readonly teams: readonly (readonly [
    name: string,
    key: string,
    description: string,
    members: readonly string[],
  ])[];
  readonly dissolved: readonly (readonly [team: string, times: number])[];
}

/** Organisations: `d/org/<name>`. */
export function orgKind(): Kind<OrgState, OrgEvent> {
  return {
    name: "org",

    reduce(before, event, { at, name }) {
      const state = before ?? {
        name,
        created: at,
        members: new Map(),
        teams: new Map(),
        dissolved: new Map(),
      };
      switch (event.type) {
        case "create":
          return joined(
            withTeam(state, developers, newTeam(state, developers, "")),
            event.owner,
            "owner",
          );
        case "member":
          return joined(state, event.user, event.role);
        case "leave":
          return left(state, event.user);
        case "team":
          return withTeam(state, event.team, newTeam(state, event.team, event.description));
        case "dissolve": {
          const teams = new Map(state.teams);
          teams.delete(event.team);
          const times = (state.dissolved.get(event.team) ?? 0) + 1;
          return { ...state, teams, dissolved: new Map(state.dissolved).set(event.team, times) };
        }
        case "join":
        case "part": {
          const team = state.teams.get(event.team);
          if (!team) return state;
          const members = new Set(team.members);
          if (event.type === "join") members.add(event.user);
          else members.delete(event.user);
          return withTeam(state, event.team, { ...team, members });
        }
      }
    },

    encode({ name, created, members, teams, dissolved }) {
      const stored: Stored = {
        name,
        created,
        members: [...members],
        teams: Array.from(teams, ([team, { key, description, members: users }]) => [
          team,
          key,
          description,
          [...users],
        ]),
        dissolved: [...dissolved],
      };
      return JSON.stringify(stored);
    },

    decode(json) {
      const { name, created, members, teams, dissolved } = json as Stored;
      return {
        name,
        created,
        members: new Map(members),
        teams: new Map(
          teams.map(([team, key, description, users]): [string, TeamState] => [
            team,
            { key, description, members: new Set(users) },
          ]),
        ),
        dissolved: new Map(dissolved),
      };
    },
  };
}

/** What was granted to a team that is gone must not come back with another one of its name. */
function newTeam({ name, dissolved }: OrgState, team: string, description: string): TeamState {
  const times = dissolved.get(team) ?? 0;
  const key = `${name}:${team}${times === 0 ? "" : `#${times + 1}`}`;
  return { key, description, members: new Set() };
}

const withTeam = (state: OrgState, name: string, team: TeamState): OrgState => ({
  ...state,
  teams: new Map(state.teams).set(name, team),
});

function joined(state: OrgState, user: string, role: OrgRole): OrgState {
  const after = { ...state, members: new Map(state.members).set(user, role) };
  const team = state.teams.get(developers);
  if (!team || state.members.has(user)) return after;
  return withTeam(after, developers, { ...team, members: new Set(team.members).add(user) });
}

function left(state: OrgState, user: string): OrgState {
  const members = new Map(state.members);
  members.delete(user);
  const teams = new Map(
    Array.from(state.teams, ([name, team]): [string, TeamState] => {
      const users = new Set(team.members);
      users.delete(user);
      return [name, { ...team, members: users }];
    }),
  );
  return { ...state, members, teams };
}

/** Where a user may be a member; the organisations say whether it is so. */
export interface MemberState {
  readonly orgs: readonly string[];
}
export type MemberEvent =
  | { readonly type: "org"; readonly org: string }
  | { readonly type: "forget"; readonly orgs: readonly string[] };

/** Hints from users to their organisations: `d/member/<user>`. */
export function memberKind(): Kind<MemberState, MemberEvent> {
  return {
    name: "member",
    reduce(before, event) {
      const orgs = before?.orgs ?? [];
      return event.type === "org"
        ? { orgs: [...orgs, event.org] }
        : { orgs: orgs.filter((org) => !event.orgs.includes(org)) };
    },
  };
}
