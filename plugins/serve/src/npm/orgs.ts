import { signedIn } from "../context.ts";
import { readJson } from "../http/body.ts";
import { bare, param, type Handler } from "./room.ts";
import { check, memberSchema, teamSchema, userSchema } from "./schemas.ts";

/** `GET /-/org/<org>/user` */
export const getMembers: Handler = async (c) => {
  const { asked, shared } = c.env;
  const caller = await signedIn(shared, asked);
  const { members } = await shared.citadel.orgs.visit(bare(param(c, "org")), caller);
  return c.json(Object.fromEntries(members));
};

/** `PUT /-/org/<org>/user`: takes somebody in or gives another role; the first one makes the organisation. */
export const putMember: Handler = async (c) => {
  const { asked, shared } = c.env;
  const org = bare(param(c, "org"));
  const caller = await signedIn(shared, asked);
  const body = check(memberSchema, await readJson(c.req.raw, 4096));
  const user = bare(body.user);
  const { members } = await shared.citadel.orgs.setMember(
    org,
    user,
    body.role ?? undefined,
    caller,
  );
  return c.json({ org: { name: org, size: members.size }, user, role: members.get(user) });
};

/** `DELETE /-/org/<org>/user`, the user in the body */
export const deleteMember: Handler = async (c) => {
  const { asked, shared } = c.env;
  const caller = await signedIn(shared, asked);
  const { user } = check(userSchema, await readJson(c.req.raw, 4096));
  await shared.citadel.orgs.removeMember(bare(param(c, "org")), bare(user), caller);
  return c.json({ ok: true });
};

/** `GET /-/org/<org>/team`: names for npm (`format=cli`), objects for pnpm */
export const getTeams: Handler = async (c) => {
  const { asked, shared } = c.env;
  const org = bare(param(c, "org"));
  const caller = await signedIn(shared, asked);
  const { teams } = await shared.citadel.orgs.visit(org, caller);
  return c.json(
    c.req.query("format") === "cli"
      ? Array.from(teams.keys(), (team) => `${org}:${team}`)
      : Array.from(teams, ([name, { description }]) => ({ name, description })),
  );
};

/** `PUT /-/org/<org>/team` */
export const putTeam: Handler = async (c) => {
  const { asked, shared } = c.env;
  const org = bare(param(c, "org"));
  const caller = await signedIn(shared, asked);
  const { name, description } = check(teamSchema, await readJson(c.req.raw, 16_384));
  await shared.citadel.orgs.createTeam(org, name, description ?? "", caller);
  return c.json({ name, org }, 201);
};
