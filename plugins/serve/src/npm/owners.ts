import { CitadelError } from "@citadel/core";
import { readAs, signedIn } from "../context.ts";
import { readJson } from "../http/body.ts";
import { param, type Handler } from "./room.ts";
import { check, userSchema } from "./schemas.ts";

/** `GET /-/package/<name>/owners` (pnpm) */
export const getOwners: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { accounts, registry } = shared.citadel;
  const { state } = await readAs(shared, asked, (caller) =>
    registry.document(param(c, "name"), caller),
  );
  const owners = state.owners.map(async (username) => ({
    username,
    email: (await accounts.user(username))?.email ?? "",
  }));
  return c.json(await Promise.all(owners));
};

/** `PUT /-/package/<name>/owners` (pnpm) */
export const putOwner: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { registry } = shared.citadel;
  const name = param(c, "name");
  const caller = await signedIn(shared, asked);
  const { user } = check(userSchema, await readJson(c.req.raw, 4096));
  const { state } = await registry.permit(name, "admin", caller);
  await registry.setOwners(name, [...state.owners, user], caller);
  return c.json({ ok: true });
};

/** `DELETE /-/package/<name>/owners/<user>` (pnpm) */
export const deleteOwner: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { registry } = shared.citadel;
  const name = param(c, "name");
  const user = param(c, "user");
  const caller = await signedIn(shared, asked);
  const { state } = await registry.permit(name, "admin", caller);
  if (!state.owners.includes(user))
    throw new CitadelError(
      "E_USER_NOT_FOUND",
      `${JSON.stringify(user)} is not an owner of ${name}`,
      {
        hint: [`see who is: npm owner ls ${name}`],
      },
    );
  await registry.setOwners(
    name,
    state.owners.filter((owner) => owner !== user),
    caller,
  );
  return c.json({ ok: true });
};
