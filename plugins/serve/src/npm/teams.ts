import { CitadelError } from "@citadel/core";
import { teamOf } from "@citadel/core/access";
import { signedIn } from "../context.ts";
import { readJson } from "../http/body.ts";
import { bare, param, type Handler } from "./room.ts";
import { check, grantSchema, packageSchema, userSchema } from "./schemas.ts";

/** `DELETE /-/team/<org>/<team>` */
export const deleteTeam: Handler = async (c) => {
  const { asked, shared } = c.env;
  const caller = await signedIn(shared, asked);
  await shared.citadel.orgs.removeTeam(bare(param(c, "org")), param(c, "team"), caller);
  return c.json({ ok: true });
};

/** `GET /-/team/<org>/<team>/user`: names for npm (`format=cli`), objects for pnpm */
export const getTeamUsers: Handler = async (c) => {
  const { asked, shared } = c.env;
  const caller = await signedIn(shared, asked);
  const org = await shared.citadel.orgs.visit(bare(param(c, "org")), caller);
  const members = [...teamOf(org, param(c, "team")).members];
  return c.json(c.req.query("format") === "cli" ? members : members.map((name) => ({ name })));
};

/** `PUT /-/team/<org>/<team>/user` */
export const putTeamUser: Handler = async (c) => {
  const { asked, shared } = c.env;
  const [org, team] = [bare(param(c, "org")), param(c, "team")];
  const caller = await signedIn(shared, asked);
  const user = bare(check(userSchema, await readJson(c.req.raw, 4096)).user);
  await shared.citadel.orgs.addToTeam(org, team, user, caller);
  return c.json({ user, team: `${org}:${team}` });
};

/** `DELETE /-/team/<org>/<team>/user`, the user in the body */
export const deleteTeamUser: Handler = async (c) => {
  const { asked, shared } = c.env;
  const caller = await signedIn(shared, asked);
  const user = bare(check(userSchema, await readJson(c.req.raw, 4096)).user);
  const { orgs } = shared.citadel;
  await orgs.removeFromTeam(bare(param(c, "org")), param(c, "team"), user, caller);
  return c.json({ ok: true });
};

/** `PUT /-/team/<org>/<team>/package`: grants a package to a team of an organisation that one is in. */
export const putTeamPackage: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { orgs, registry } = shared.citadel;
  const caller = await signedIn(shared, asked);
  const body = check(grantSchema, await readJson(c.req.raw, 4096));
  const org = await orgs.visit(bare(param(c, "org")), caller);
  const { key } = teamOf(org, param(c, "team"));
  const right = body.permissions === "read-write" ? "write" : "read";
  await registry.setTeam(body.package, key, right, caller);
  return c.json({ ok: true });
};

/** `DELETE /-/team/<org>/<team>/package`, the package in the body */
export const deleteTeamPackage: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { orgs, registry } = shared.citadel;
  const caller = await signedIn(shared, asked);
  const { package: name } = check(packageSchema, await readJson(c.req.raw, 4096));
  const org = await orgs.visit(bare(param(c, "org")), caller);
  const { key } = teamOf(org, param(c, "team"));
  const { state } = await registry.permit(name, "admin", caller);
  if (!state.teams?.has(key))
    throw new CitadelError(
      "E_NOT_FOUND",
      `${name} was not granted to ${org.name}:${param(c, "team")}`,
      {
        hint: [`see what was: npm access list packages ${org.name}:${param(c, "team")}`],
      },
    );
  await registry.setTeam(name, key, "none", caller);
  return c.json({ ok: true });
};
