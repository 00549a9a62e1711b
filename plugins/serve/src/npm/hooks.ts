import { CitadelError } from "@citadel/core";
import type { HookInfo, Hooks } from "@citadel/core/hooks";
import type { Caller } from "@citadel/core/access";
import { signedIn } from "../context.ts";
import { readJson } from "../http/body.ts";
import { param, type Handler, type Visit } from "./room.ts";
import { check, hookSchema, hookSwitchSchema, hookUpdateSchema } from "./schemas.ts";

const largest = 16 * 1024;

const enter = async ({
  asked,
  shared,
}: Visit): Promise<{ readonly caller: Caller; readonly hooks: Hooks }> => {
  const caller = await signedIn(shared, asked);
  return { caller, hooks: await shared.citadel.hooks() };
};

/** `POST /-/npm/v1/hooks/hook` */
export const postHook: Handler = async (c) => {
  const { caller, hooks } = await enter(c.env);
  const body = check(hookSchema, await readJson(c.req.raw, largest));
  return c.json(shown(await hooks.add(body, caller)), 201);
};

/** `GET /-/npm/v1/hooks[?package&limit&offset]` */
export const listHooks: Handler = async (c) => {
  const { caller, hooks } = await enter(c.env);
  const [name, limit, offset] = ["package", "limit", "offset"].map((field) => c.req.query(field));
  const found = await hooks.list(caller, {
    ...(name && { name: name.replace(/^~/, "") }),
    ...(limit && { limit: whole("limit", limit) }),
    ...(offset && { offset: whole("offset", offset) }),
  });
  return c.json({ objects: found.map(shown) });
};

/** `GET /-/npm/v1/hooks/hook/<id>` */
export const getHook: Handler = async (c) => {
  const { caller, hooks } = await enter(c.env);
  return c.json(shown(await hooks.get(param(c, "id"), caller)));
};

/** `PUT /-/npm/v1/hooks/hook/<id>` */
export const putHook: Handler = async (c) => {
  const { caller, hooks } = await enter(c.env);
  const to = check(hookUpdateSchema, await readJson(c.req.raw, largest));
  return c.json(shown(await hooks.update(param(c, "id"), to, caller)));
};

/** `PUT /-/npm/v1/hooks/hook/<id>/enabled`: whether it is called */
export const putEnabled: Handler = async (c) => {
  const { caller, hooks } = await enter(c.env);
  const { enabled } = check(hookSwitchSchema, await readJson(c.req.raw, largest));
  return c.json(shown(await hooks.switch(param(c, "id"), enabled, caller)));
};

/** `DELETE /-/npm/v1/hooks/hook/<id>`: what it was, which npm prints */
export const deleteHook: Handler = async (c) => {
  const { caller, hooks } = await enter(c.env);
  return c.json(shown(await hooks.remove(param(c, "id"), caller)));
};

/** `POST /-/npm/v1/hooks/hook/<id>/test`: calls it, and says what came of it */
export const postTest: Handler = async (c) => {
  const { caller, hooks } = await enter(c.env);
  return c.json(await hooks.test(param(c, "id"), caller));
};

/** `GET /-/npm/v1/hooks/hook/<id>/deliveries`: the last calls */
export const listDeliveries: Handler = async (c) => {
  const { caller, hooks } = await enter(c.env);
  return c.json({ items: await hooks.deliveries(param(c, "id"), caller) });
};

/** `POST /-/npm/v1/hooks/hook/<id>/deliveries/<delivery>`: tells the same once more */
export const postReplay: Handler = async (c) => {
  const { caller, hooks } = await enter(c.env);
  const [id, delivery] = [param(c, "id"), param(c, "delivery")];
  return c.json(await hooks.replay(id, delivery, caller));
};

/** A hook in npm's words; never its secret. */
function shown(hook: HookInfo): object {
  const { id, username, name, endpoint, type, created, updated, lastDelivery, status } = hook;
  const { events, packages } = hook;
  const iso = (ms: number): string => new Date(ms).toISOString();
  return {
    ...{ id, username, name, endpoint, type },
    ...(events && { events }),
    ...(packages && { packages }),
    created: iso(created),
    updated: iso(updated),
    last_delivery: lastDelivery === undefined ? null : iso(lastDelivery),
    response_code: hook.responseCode ?? null,
    status,
  };
}

function whole(name: string, text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new CitadelError("E_BAD_REQUEST", `${name} must be a whole number`);
}
