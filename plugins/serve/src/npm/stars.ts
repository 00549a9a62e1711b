import { CitadelError } from "@citadel/core";
import { callerOf, signedIn } from "../context.ts";
import { readJson } from "../http/body.ts";
import { bare, param, type Handler, type Visit } from "./room.ts";
import { check, packageSchema } from "./schemas.ts";

/** `GET /-/_view/starredByUser?key="<user>"` (npm 10 and 11): a view of the registry that was a CouchDB. */
export const getStarredView: Handler = async (c) => {
  const user = unquoted(c.req.query("key") ?? "");
  const names = await starredBy(c.env, user);
  return c.json({ rows: names.map((value) => ({ value })) });
};

/** `GET /-/user/v1/star` (pnpm): one's own */
export const getOwnStars: Handler = async (c) => {
  const { principal } = await signedIn(c.env.shared, c.env.asked);
  return c.json(await starredBy(c.env, principal.name));
};

/** `GET /-/user/<user>/stars` (pnpm) */
export const getStars: Handler = async (c) =>
  c.json(await starredBy(c.env, bare(param(c, "user"))));

/** `PUT` and `DELETE /-/user/v1/star`, the package in the body (pnpm) */
export const setStar: Handler = async (c) => {
  const { asked, shared } = c.env;
  const caller = await signedIn(shared, asked);
  const { package: name } = check(packageSchema, await readJson(c.req.raw, 4096));
  await shared.citadel.registry.star(name, c.req.method === "PUT", caller);
  return c.json({ ok: true });
};

/** `PUT` and `DELETE /-/user/package/<name>/star` (pnpm) */
export const setPackageStar: Handler = async (c) => {
  const { asked, shared } = c.env;
  const caller = await signedIn(shared, asked);
  await shared.citadel.registry.star(param(c, "name"), c.req.method === "PUT", caller);
  return c.json({ ok: true });
};

async function starredBy({ shared, asked }: Visit, user: string): Promise<readonly string[]> {
  const { access, current } = shared.citadel;
  const { principal } = await callerOf(shared, asked);
  return (await current()).starred(user, { principal, policy: await access.policy() });
}

function unquoted(key: string): string {
  const user = /^"([^"\\]{1,300})"$/.exec(key)?.[1];
  if (user === undefined)
    throw new CitadelError("E_BAD_REQUEST", "key is the name of a user in double quotes");
  return user;
}
