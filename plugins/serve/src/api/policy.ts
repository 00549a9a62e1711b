import type { Caller } from "@citadel/core/access";
import { changeItem, policyItem, refusedItem, type PolicyEvent } from "@citadel/core/policy";
import { Hono, type Context } from "hono";
import * as z from "zod";
import { signedIn } from "../context.ts";
import { readJson } from "../http/body.ts";
import { check } from "../npm/schemas.ts";
import { getPath } from "../npm/routes.ts";
import type { Env, Handler } from "../npm/room.ts";

const largest = 256 * 1024;

/** `/-/citadel/v1/policy`: the supply-chain policy, for administrators; requests for exceptions, for everybody signed in. */
export function policyRoutes(): Hono<Env> {
  return new Hono<Env>({ getPath })
    .get("/-/citadel/v1/policy", getPolicy)
    .post("/-/citadel/v1/policy", postPolicy)
    .post("/-/citadel/v1/policy/requests", postRequest);
}

/** Who is no administrator sees the rules and what they asked for themselves. */
const getPolicy: Handler = async (c) => {
  const { citadel } = c.env.shared;
  const policies = await citadel.policies();
  const { principal } = await callerOf(c);
  const policy = policyItem(await policies.read());
  if (principal.admin)
    return c.json({
      ...policy,
      refused: { items: (await (await citadel.refusals()).list()).map(refusedItem) },
    });
  return c.json({
    ...policy,
    requests: policy.requests.filter(({ by }) => by === principal.name),
  });
};

const postPolicy: Handler = async (c) => {
  const policies = await c.env.shared.citadel.policies();
  const caller = await callerOf(c);
  const { dryRun, ...change } = check(changeSchema, await readJson(c.req.raw, largest));
  const changed =
    change.type === "undo"
      ? await policies.undo(caller, { dryRun, ...(change.rev ? { rev: change.rev } : {}) })
      : await policies.apply(caller, change as PolicyEvent, { dryRun });
  return c.json({ ...changeItem(changed), dryRun });
};

const postRequest: Handler = async (c) => {
  const policies = await c.env.shared.citadel.policies();
  const caller = await callerOf(c);
  const request = check(requestSchema, await readJson(c.req.raw, largest));
  const event = { type: "request", request } as PolicyEvent;
  return c.json(changeItem(await policies.apply(caller, event)), 201);
};

const callerOf = async (c: Context<Env>): Promise<Caller> => ({
  ...(await signedIn(c.env.shared, c.env.asked)),
  via: "api",
});

const text = z.string();
const rule = { pattern: text, reason: text.optional() };
const ruleSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.enum(["block", "allow"]), ...rule, range: text.optional() }),
  /** ms */
  z.strictObject({ kind: z.literal("age"), ...rule, age: z.number() }),
  z.strictObject({ kind: z.literal("scripts"), ...rule, allow: z.boolean() }),
  z.strictObject({
    kind: z.literal("license"),
    ...rule,
    list: z.enum(["only", "except"]),
    ids: z.array(text),
    unknown: z.enum(["allow", "deny"]).default("deny"),
  }),
]);
const terms = {
  /** a date */
  until: z.iso.datetime({ offset: true }).transform(Date.parse).optional(),
  families: z.array(z.enum(["names", "scripts", "license", "age"])).optional(),
};
const grantSchema = z.strictObject({
  pattern: text,
  range: text.optional(),
  reason: text,
  ...terms,
});
const requestSchema = z.strictObject({ pattern: text, range: text.optional(), reason: text });

// what is absent is no field, as the events have it
const dryRun = z.boolean().default(false);
const changeSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("mode"),
    mode: z.enum(["enforce", "dry-run", "off"]),
    dryRun,
  }),
  z.strictObject({ type: z.literal("rule"), rule: ruleSchema, dryRun }),
  z.strictObject({ type: z.literal("remove"), id: text, dryRun }),
  z.strictObject({ type: z.literal("except"), grant: grantSchema, dryRun }),
  z.strictObject({ type: z.literal("approve"), id: text, grant: grantSchema, dryRun }),
  z.strictObject({ type: z.literal("deny"), id: text, reason: text.optional(), dryRun }),
  z.strictObject({ type: z.literal("undo"), rev: z.int().positive().optional(), dryRun }),
]);
