import type { AccessRule, Caller } from "@citadel/core/access";
import { CitadelError } from "@citadel/core";
import { Hono, type Context } from "hono";
import * as z from "zod";
import { signedIn } from "../context.ts";
import { readJson } from "../http/body.ts";
import { check } from "../npm/schemas.ts";
import { getPath } from "../npm/routes.ts";
import type { Env, Handler } from "../npm/room.ts";

const largest = 256 * 1024;

/** `/-/citadel/v1/access`: the rules of who may do what, for administrators. */
export function accessRoutes(): Hono<Env> {
  return new Hono<Env>({ getPath })
    .get("/-/citadel/v1/access", getRules)
    .put("/-/citadel/v1/access", putRule)
    .delete("/-/citadel/v1/access", deleteRule);
}

const getRules: Handler = async (c) => {
  const { principal } = await callerOf(c);
  if (!principal.admin)
    throw new CitadelError("E_FORBIDDEN", "only an administrator sees who may do what");
  const { rules } = await c.env.shared.citadel.access.read();
  return c.json({ items: rules });
};

/** Makes a rule, or takes the place of the one with its pattern. */
const putRule: Handler = async (c) => {
  const caller = await callerOf(c);
  const rule = check(ruleSchema, await readJson(c.req.raw, largest));
  const { rules } = await c.env.shared.citadel.access.set(rule as AccessRule, caller);
  return c.json({ items: rules });
};

const deleteRule: Handler = async (c) => {
  const caller = await callerOf(c);
  const { pattern } = check(patternSchema, await readJson(c.req.raw, largest));
  if (!(await c.env.shared.citadel.access.remove(pattern, caller)))
    throw new CitadelError("E_NOT_FOUND", "there is no rule with this pattern", {
      hint: ["see the rules: GET /-/citadel/v1/access"],
    });
  return c.json({ ok: true });
};

const callerOf = async (c: Context<Env>): Promise<Caller> => ({
  ...(await signedIn(c.env.shared, c.env.asked)),
  via: "api",
});

const who = z.array(z.string()).max(1000).optional();
const patternSchema = z.strictObject({ pattern: z.string() });
const ruleSchema = z.strictObject({
  pattern: z.string(),
  read: who,
  write: who,
  stage: who,
  claimed: z.literal(true).optional(),
});
