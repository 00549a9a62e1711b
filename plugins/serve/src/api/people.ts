import { CitadelError } from "@citadel/core";
import type { OrgState, UserState } from "@citadel/core/access";
import { actorOf } from "@citadel/core/registry";
import { Hono } from "hono";
import * as z from "zod";
import { administrator } from "../context.ts";
import { readJson } from "../http/body.ts";
import { getPath } from "../npm/routes.ts";
import { param, type Env, type Handler } from "../npm/room.ts";
import { check } from "../npm/schemas.ts";
import { number } from "../npm/search.ts";

const usual = 50;
const most = 200;

/** A page of users or organisations, by name. */
export interface PeoplePage<T> {
  readonly items: readonly T[];
  /** pass as `after`; null: there is no more */
  readonly next: string | null;
}
export type UserItem = ReturnType<typeof userItem>;
export type OrgItem = ReturnType<typeof orgItem>;

/** `/_api/people`: every account and every organisation, for administrators. */
export function peopleRoutes(): Hono<Env> {
  return new Hono<Env>({ getPath })
    .get("/_api/people/users", getUsers)
    .put("/_api/people/users/:name", putUser)
    .delete("/_api/people/users/:name", deleteUser)
    .get("/_api/people/orgs", getOrgs);
}

const getUsers: Handler = async (c) => {
  await administrator(c.env.shared, c.env.asked);
  const { items, next } = await c.env.shared.citadel.accounts.list(pageOf(c));
  return c.json({ items: items.map(userItem), next: next ?? null } satisfies PeoplePage<UserItem>);
};

const getOrgs: Handler = async (c) => {
  await administrator(c.env.shared, c.env.asked);
  const { items, next } = await c.env.shared.citadel.orgs.list(pageOf(c));
  return c.json({ items: items.map(orgItem), next: next ?? null } satisfies PeoplePage<OrgItem>);
};

/** Locks somebody out or lets them in again; makes an administrator, or takes that away. */
const putUser: Handler = async (c) => {
  const { caller, name } = await aboutAnother(c);
  const { admin, disabled } = check(changeSchema, await readJson(c.req.raw, 4096));
  const { accounts } = c.env.shared.citadel;
  const who = actorOf(caller);
  if (disabled !== undefined) await accounts.setDisabled(name, disabled, who);
  if (admin !== undefined) await accounts.setAdmin(name, admin, who);
  const user = await accounts.user(name);
  if (!user) throw new CitadelError("E_USER_NOT_FOUND", "this account is gone");
  return c.json(userItem(user));
};

const deleteUser: Handler = async (c) => {
  const { caller, name } = await aboutAnother(c);
  await c.env.shared.citadel.accounts.remove(name, actorOf(caller));
  return c.body(null, 204);
};

type Asking = Parameters<Handler>[0];

/** Whoever changes accounts keeps their own, so that there is always an administrator left. @throws E_FORBIDDEN */
async function aboutAnother(c: Asking) {
  const caller = await administrator(c.env.shared, c.env.asked);
  const name = param(c, "name");
  if (caller.principal.kind === "user" && caller.principal.name === name)
    throw new CitadelError("E_FORBIDDEN", "nobody locks themselves out", {
      hint: ["ask another administrator"],
    });
  return { caller: { ...caller, via: "api" } as const, name };
}

const pageOf = (c: Asking) => ({
  limit: number(c.req.query("limit"), usual, most),
  ...(c.req.query("after") && { after: c.req.query("after") ?? "" }),
});

const userItem = ({ name, email, admin, disabled, secondFactor, created }: UserState) => ({
  ...{ name, email, admin, disabled },
  secondFactor: secondFactor !== undefined,
  created: new Date(created).toISOString(),
});

const orgItem = ({ name, members, teams }: OrgState) => ({
  name,
  members: members.size,
  teams: teams.size,
});

const changeSchema = z
  .strictObject({ admin: z.boolean().optional(), disabled: z.boolean().optional() })
  .refine(
    ({ admin, disabled }) => (admin ?? disabled) !== undefined,
    "it says nothing: give it admin or disabled",
  );
