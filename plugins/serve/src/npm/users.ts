import { CitadelError, errorCode } from "@citadel/core";
import type { UserState } from "@citadel/core/access";
import { callerOf, signedIn } from "../context.ts";
import { readJson } from "../http/body.ts";
import { WrongPassword } from "../http/errors.ts";
import { param, type Handler } from "./room.ts";
import { check, loginSchema } from "./schemas.ts";

const prefix = "org.couchdb.user:";

/** `GET /-/whoami` */
export const whoami: Handler = async (c) => {
  const { principal } = await signedIn(c.env.shared, c.env.asked);
  return c.json({ username: principal.name });
};

/** `PUT /-/user/org.couchdb.user:<name>`, also with `/-rev/<rev>`: logs in, and makes the account where that is allowed. */
export const putUser: Handler = async (c) => {
  const { asked, shared } = c.env;
  const name = userName(param(c, "id"));
  const body = check(loginSchema, await readJson(c.req.raw, 64 * 1024));
  if (body.name !== name)
    throw new CitadelError(
      "E_INVALID_DOCUMENT",
      "the name in the body is not the one in the address",
    );
  const known = c.req.param("rev") !== undefined;
  const address = shared.guard.client(asked);
  const { token, created } = await shared.citadel.accounts
    .login(
      { name, password: body.password, ...(body.email ? { email: body.email } : {}) },
      {
        signup: !known && (await shared.signup(asked)),
        who: { name, via: "npm", ...(address === undefined ? {} : { address }) },
      },
    )
    .catch((error: unknown) => {
      throw errorCode(error) === "E_AUTH_INVALID" ? new WrongPassword(error) : error;
    });
  const user = await shared.citadel.accounts.user(name);
  const ok = created ? `user '${name}' created` : `you are authenticated as '${name}'`;
  return c.json({ ok, id: prefix + name, rev: user ? revision(user) : "1-0", token }, 201);
};

/** `GET /-/user/org.couchdb.user:<name>`; the email address is for those who are signed in. */
export const getUser: Handler = async (c) => {
  const { asked, shared } = c.env;
  const name = userName(param(c, "id"));
  const user = await shared.citadel.accounts.user(name);
  if (!user) throw new CitadelError("E_USER_NOT_FOUND", `there is no user ${JSON.stringify(name)}`);
  const { principal } = await callerOf(shared, asked);
  return c.json({
    _id: prefix + name,
    _rev: revision(user),
    name,
    email: principal.kind === "anonymous" ? "" : user.email,
    type: "user",
    roles: [],
    date: new Date(user.created).toISOString(),
  });
};

/** `DELETE /-/user/token/<token>`: logout. Whoever shows a token may end it, and only its own. */
export const deleteToken: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { accounts } = shared.citadel;
  const { principal, via, address } = await signedIn(shared, asked);
  const token = param(c, "token");
  const owner = await accounts.byToken(token).catch(() => undefined);
  const who = { name: principal.name, via, ...(address === undefined ? {} : { address }) };
  if (owner?.name !== principal.name || !(await accounts.revoke(token, who)))
    throw new CitadelError("E_NOT_FOUND", "you have no such token", {
      hint: ["log in again: npm login"],
    });
  return c.json({ ok: true });
};

function userName(id: string): string {
  if (!id.startsWith(prefix))
    throw new CitadelError("E_NOT_FOUND", "there is nothing at this address");
  return id.slice(prefix.length);
}

/** Clients send it back and look at nothing in it. */
function revision({ created }: UserState): string {
  return `1-${created.toString(16)}`;
}
