import { teamOf, type Principal } from "@citadel/core/access";
import type { Holding } from "@citadel/core/catalog";
import { callerOf, signedIn } from "../context.ts";
import { bare, param, type Handler, type Visit } from "./room.ts";
import { noSuchUser } from "./users.ts";

/** `GET /-/org/<org>/package`: everything below its scope. npm asks here first, and for a user only after a 404. */
export const getOrgPackages: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { orgs } = shared.citadel;
  const name = bare(param(c, "org"));
  const caller = await callerOf(shared, asked);
  const found = (await orgs.read(name))
    ? await holdings(c.env, { scopes: [name] }, caller.principal)
    : {};
  // an organisation of which a stranger sees nothing is not there
  if (Object.keys(found).length === 0) await orgs.visit(name, caller);
  return c.json(found);
};

/** `GET /-/team/<org>/<team>/package` */
export const getTeamPackages: Handler = async (c) => {
  const { asked, shared } = c.env;
  const caller = await signedIn(shared, asked);
  const org = await shared.citadel.orgs.visit(bare(param(c, "org")), caller);
  const { key } = teamOf(org, param(c, "team"));
  return c.json(await holdings(c.env, { teams: [key] }, caller.principal));
};

/** `GET /-/user/<user>/package`: of oneself everything that one may, of others what they own. */
export const getUserPackages: Handler = async (c) => {
  const { asked, shared } = c.env;
  const name = bare(param(c, "user"));
  const { principal } = await callerOf(shared, asked);
  const by = name === principal.name ? holdingOf(principal) : { owner: name };
  const found = await holdings(c.env, by, principal);
  const nothing = Object.keys(found).length === 0;
  // who is not signed in learns of accounts only what packages tell
  if (nothing && (principal.kind === "anonymous" || !(await shared.citadel.accounts.user(name))))
    throw noSuchUser(name);
  return c.json(found);
};

/** `GET /-/-/package` (pnpm): one's own */
export const getOwnPackages: Handler = async (c) => {
  const { principal } = await signedIn(c.env.shared, c.env.asked);
  return c.json(await holdings(c.env, holdingOf(principal), principal));
};

function holdingOf({ name, orgs, teams }: Principal): Holding {
  const led = Array.from(orgs ?? []).filter(([, role]) => role !== "developer");
  return { owner: name, scopes: led.map(([org]) => org), teams: [...(teams ?? [])] };
}

async function holdings({ shared }: Visit, by: Holding, principal: Principal): Promise<object> {
  const { access, current } = shared.citadel;
  const catalog = await current();
  return Object.fromEntries(catalog.held(by, { principal, policy: await access.policy() }));
}
