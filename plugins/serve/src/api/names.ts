import { checkName } from "@citadel/core/registry";
import { Hono } from "hono";
import { callerOf } from "../context.ts";
import { param, type Env, type Handler } from "../npm/room.ts";
import { getPath } from "../npm/routes.ts";

/** `GET /-/citadel/v1/names/<name>`: what may be meant by a name, of what is published here. */
export function nameRoutes(): Hono<Env> {
  return new Hono<Env>({ getPath }).get("/-/citadel/v1/names/:name{.+}", getName);
}

const getName: Handler = async (c) => {
  const { asked, shared } = c.env;
  const name = checkName(param(c, "name"));
  const { access, current } = shared.citadel;
  const { principal } = await callerOf(shared, asked);
  const [catalog, policy] = await Promise.all([current(), access.policy()]);
  const { programs, names: alike } = catalog.alike(name, { principal, policy });
  return c.json({ name, programs, alike });
};
