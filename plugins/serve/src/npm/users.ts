import { CitadelError, errorCode } from "@citadel/core";
import { isUserName, type UserState } from "@citadel/core/access";
import { actorOf } from "@citadel/core/registry";
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
      {
        name,
        password: body.password,
        code: asked.header("npm-otp"),
        ...(body.email ? { email: body.email } : {}),
      },
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

/** `GET /-/user/org.couchdb.user:<name>`. Who is not signed in gets the same for every name, and learns nothing of accounts. */
export const getUser: Handler = async (c) => {
  const { asked, shared } = c.env;
  const name = userName(param(c, "id"));
  const { principal } = await callerOf(shared, asked);
  const user =
    principal.kind === "anonymous"
      ? isUserName(name) && { created: 0, email: "" }
      : await shared.citadel.accounts.user(name);
  if (!user) throw noSuchUser(name);
  return c.json({
    _id: prefix + name,
    _rev: revision(user),
    name,
    email: user.email,
    type: "user",
    roles: [],
    date: new Date(user.created).toISOString(),
  });
};

/** `DELETE /-/user/org.couchdb.user:<name>`, for administrators. The name stays taken. */
export const deleteUser: Handler = async (c) => {
  const { asked, shared } = c.env;
  const name = userName(param(c, "id"));
  const caller = await signedIn(shared, asked);
  if (!caller.principal.admin)
    throw new CitadelError("E_FORBIDDEN", "only an administrator removes accounts", {
      hint: ["ask an administrator"],
    });
  await shared.citadel.accounts.remove(name, actorOf(caller));
  return c.json({ ok: true });
};

/** `DELETE /-/user/token/<token>`: logout. Whoever shows a token may end it, and only its own. */
export const deleteToken: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { accounts } = shared.citadel;
  const caller = await signedIn(shared, asked);
  const key = accounts.keyOf(param(c, "token"));
  if (!(await accounts.revokeKey(caller.principal.name, key, actorOf(caller))))
    throw new CitadelError("E_NOT_FOUND", "you have no such token", {
      hint: ["log in again: npm login"],
    });
  return c.json({ ok: true });
};

export const noSuchUser = (name: string): CitadelError =>
  new CitadelError("E_USER_NOT_FOUND", `there is no user ${JSON.stringify(name)}`);

function userName(id: string): string {
  if (!id.startsWith(prefix))
    throw new CitadelError("E_NOT_FOUND", "there is nothing at this address");
  return id.slice(prefix.length);
}

/** Clients send it back and look at nothing in it. */
function revision({ created }: Pick<UserState, "created">): string {
  return `1-${created.toString(16)}`;
}
