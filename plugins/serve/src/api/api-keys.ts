import { CitadelError, parseDuration } from "@citadel/core";
import { permissions, type ApiKey, type Caller, type IssuedKey } from "@citadel/core/access";
import { actorOf } from "@citadel/core/registry";
import { Hono, type Context } from "hono";
import * as z from "zod";
import { signedIn } from "../context.ts";
import { parseJson, readJson, readText } from "../http/body.ts";
import { getPath } from "../npm/routes.ts";
import { param, type Env, type Handler } from "../npm/room.ts";
import { check } from "../npm/schemas.ts";

/** ms that a key works on when another one took its place, unless it is said */
const overlap = 24 * 3_600_000;

/** `/_api/security/keys`: API keys, for administrators. */
export function apiKeyRoutes(): Hono<Env> {
  return new Hono<Env>({ getPath })
    .get("/_api/security/keys", getKeys)
    .post("/_api/security/keys", postKey)
    .post("/_api/security/keys/:id/rotate", postRotate)
    .delete("/_api/security/keys/:id", deleteKey);
}

const getKeys: Handler = async (c) => {
  await administrator(c);
  const keys = await c.env.shared.citadel.apiKeys();
  return c.json({ items: (await keys.list()).map(shown) });
};

const postKey: Handler = async (c) => {
  const caller = await administrator(c);
  const body = check(keySchema, await readJson(c.req.raw, 64 * 1024));
  const { name, permissions: allowed, user = caller.principal.name, ...rest } = body;
  const keys = await c.env.shared.citadel.apiKeys();
  const options = { ...rest, user, who: actorOf(caller) };
  return c.json(issued(await keys.generateApiKey(name, allowed, options)), 201);
};

const postRotate: Handler = async (c) => {
  const caller = await administrator(c);
  const text = await readText(c.req.raw, 1024);
  const body = check(rotateSchema, text === "" ? {} : parseJson(text));
  const keys = await c.env.shared.citadel.apiKeys();
  const terms = { overlap: body.overlap ?? overlap, who: actorOf(caller) };
  return c.json(issued(await keys.rotate(param(c, "id"), terms)), 201);
};

const deleteKey: Handler = async (c) => {
  const caller = await administrator(c);
  const keys = await c.env.shared.citadel.apiKeys();
  await keys.revoke(param(c, "id"), actorOf(caller));
  return c.body(null, 204);
};

async function administrator(c: Context<Env>): Promise<Caller> {
  const caller = await signedIn(c.env.shared, c.env.asked);
  if (!caller.principal.admin)
    throw new CitadelError("E_FORBIDDEN", "only an administrator looks after API keys", {
      hint: ["ask an administrator"],
    });
  return { ...caller, via: "api" };
}

const issued = ({ key, info }: IssuedKey): object => ({ key, ...shown(info) });

function shown({ created, expires, lastUsed, ...key }: ApiKey): object {
  return {
    ...key,
    created: new Date(created).toISOString(),
    expires: new Date(expires).toISOString(),
    lastUsed: lastUsed === undefined ? null : new Date(lastUsed).toISOString(),
  };
}

/** ms of `90d` or a number of them */
const time = z.union([z.string(), z.number()]).transform((value, context) => {
  const ms = parseDuration(value);
  if (ms === undefined || ms <= 0) context.addIssue("is no duration such as 90d");
  return ms ?? 0;
});
/** ms since 1970, of a time to come as a date or as `90d` */
const end = z.union([z.string(), z.number()]).transform((value, context) => {
  const ms = parseDuration(value);
  const at = ms === undefined ? Date.parse(String(value)) : Date.now() + ms;
  if (!(at > Date.now())) context.addIssue("is no time to come, such as 90d or 2030-01-31");
  return at;
});
const keySchema = z.strictObject({
  name: z.string().min(1).max(200),
  permissions: z.array(z.enum(permissions)).min(1),
  /** @default the caller */
  user: z.string().optional(),
  packages: z.array(z.string()).min(1).optional(),
  cidr: z.array(z.string()).optional(),
  /** requests in the window of the limits */
  limit: z.int().min(1).optional(),
  expires: end.optional(),
});
const rotateSchema = z.strictObject({ overlap: time.optional() });
