import { CitadelError } from "@citadel/core";
import { countedClient } from "@citadel/core/access";
import { blockItem } from "@citadel/core/limits";
import { actorOf } from "@citadel/core/registry";
import { Hono } from "hono";
import * as z from "zod";
import { administrator } from "../context.ts";
import { readJson } from "../http/body.ts";
import { getPath } from "../npm/routes.ts";
import { param, type Env, type Handler } from "../npm/room.ts";
import { check } from "../npm/schemas.ts";

/** `/_api/security`: what was refused, and who is blocked, for administrators. */
export function securityRoutes(): Hono<Env> {
  return new Hono<Env>({ getPath })
    .get("/_api/security/metrics", getMetrics)
    .get("/_api/security/blocks", getBlocks)
    .post("/_api/security/blocks", postBlock)
    .delete("/_api/security/blocks/:client", deleteBlock);
}

const getMetrics: Handler = async (c) => {
  await administrator(c.env.shared, c.env.asked);
  const { citadel, monitor } = c.env.shared;
  const [{ figures }, limits, keys] = await Promise.all([
    monitor.totals(),
    citadel.limits(),
    citadel.apiKeys(),
  ]);
  const [blocks, all] = await Promise.all([limits.blocks.list(), keys.list()]);
  return c.json({
    ...figures,
    blocks: blocks.map(blockItem),
    keys: all.map(({ id, name, user, permissions, lastUsed }) => ({
      ...{ id, name, user, permissions },
      lastUsed: lastUsed === undefined ? null : new Date(lastUsed).toISOString(),
    })),
  });
};

const getBlocks: Handler = async (c) => {
  await administrator(c.env.shared, c.env.asked);
  const { blocks } = await c.env.shared.citadel.limits();
  return c.json({ items: (await blocks.list()).map(blockItem) });
};

const postBlock: Handler = async (c) => {
  const by = actorOf(await administrator(c.env.shared, c.env.asked));
  const body = check(blockSchema, await readJson(c.req.raw, 4096));
  const client = countedClient(body.address);
  if (client === undefined)
    throw new CitadelError("E_INVALID_DOCUMENT", "this machine itself cannot be blocked");
  const { blocks } = await c.env.shared.citadel.limits();
  const { reason, minutes } = body;
  return c.json(blockItem(await blocks.block(client, reason, { minutes, by })), 201);
};

const deleteBlock: Handler = async (c) => {
  const by = actorOf(await administrator(c.env.shared, c.env.asked));
  const { blocks } = await c.env.shared.citadel.limits();
  const client = param(c, "client");
  // no address is longer
  if (client.length > 64 || !(await blocks.unblock(client, by)))
    throw new CitadelError("E_NOT_FOUND", "this client is not blocked");
  return c.body(null, 204);
};

const blockSchema = z.strictObject({
  address: z.union([z.ipv4(), z.ipv6()]),
  reason: z.string().min(1).max(200).default("by an administrator"),
  minutes: z
    .int()
    .min(1)
    .max(30 * 24 * 60)
    .optional(),
});
