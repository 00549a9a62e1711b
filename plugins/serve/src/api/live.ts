import { CitadelError } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import { features, type Change, type Live } from "@citadel/core/live";
import { actorOf } from "@citadel/core/registry";
import { Hono, type Context } from "hono";
import * as z from "zod";
import { administrator, signedIn } from "../context.ts";
import { readJson } from "../http/body.ts";
import { getPath } from "../npm/routes.ts";
import type { Env, Handler } from "../npm/room.ts";
import { check } from "../npm/schemas.ts";

/** `/_dashboard/api/config`: the configuration of thirteen bytes, for administrators. */
export function liveRoutes(): Hono<Env> {
  return new Hono<Env>({ getPath })
    .get("/_dashboard/api/config", getConfig)
    .post("/_dashboard/api/config", postConfig)
    .post("/_dashboard/api/ws-ticket", postTicket)
    .get("/_dashboard/ws", getSocket);
}

const getConfig: Handler = async (c) => c.json(shown((await switchesOf(c)).live));

const postConfig: Handler = async (c) => {
  const { live, caller } = await switchesOf(c);
  const change = await apply(live, check(changeSchema, await readJson(c.req.raw, 4096)), caller);
  return c.json({ change, ...shown(live) });
};

/** A ticket opens one WebSocket for whoever asked for it. */
const postTicket: Handler = async (c) => {
  const { shared, asked } = c.env;
  const { token } = (await signedIn(shared, asked)).principal;
  const shows = asked.header("authorization") !== undefined;
  const session = shows ? undefined : (await shared.sessions.sessionOf(asked))?.id;
  if (session === undefined && token === undefined)
    throw new CitadelError("E_FORBIDDEN", "a ticket stands on a token or a session");
  const holder = session === undefined ? { token } : { session };
  const { ticket, expires } = await shared.tickets.issue(holder);
  return c.json({ ticket, expires: new Date(expires).toISOString() }, 201);
};

/** Upgrades never come here. */
const getSocket: Handler = async () => {
  throw new CitadelError("E_UPGRADE_REQUIRED", "this address speaks over a WebSocket");
};

/** One change as a client asks for it. @throws E_INVALID_DOCUMENT, E_CONFLICT */
const apply = (
  live: Live,
  asked: z.infer<typeof changeSchema>,
  caller: Caller,
): Promise<Change> => {
  const by = actorOf(caller);
  if ("feature" in asked) return live.toggleFeature(asked.feature, asked.on, { by });
  if ("registry" in asked) return live.setRegistry(asked.registry, { by });
  return live.setByte(asked.offset, asked.value, { by, expect: asked.expect });
};

const shown = (live: Live): object => ({
  hex: live.bytes().toString("hex"),
  generation: live.generation(),
  ...live.getConfig(),
});

async function switchesOf({ env: { shared, asked } }: Context<Env>) {
  const caller = await administrator(shared, asked);
  return { caller, live: await shared.citadel.live() };
}

const byte = z.int().min(0).max(255);
const changeSchema = z.union(
  [
    z.strictObject({ offset: z.int().min(0).max(12), value: byte, expect: byte.optional() }),
    z.strictObject({ feature: z.enum(features), on: z.boolean().optional() }),
    z.strictObject({ registry: z.string().max(2000) }),
  ],
  "give an offset (0 to 12) and a value (0 to 255), or a feature, or a registry",
);
