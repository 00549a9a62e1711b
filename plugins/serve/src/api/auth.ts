import { CitadelError, errorCode } from "@citadel/core";
import { permissionsOf, type TokenInfo } from "@citadel/core/access";
import { longestJwt } from "@citadel/core/keys";
import type { Actor } from "@citadel/core/store";
import { Hono, type Context } from "hono";
import type * as z from "zod";
import { issuing } from "../auth/issuer.ts";
import { claimsOf, signedIn } from "../context.ts";
import { readJson } from "../http/body.ts";
import { credentialsOf } from "../http/credentials.ts";
import { WrongPassword } from "../http/errors.ts";
import { getPath } from "../npm/routes.ts";
import type { Env, Handler } from "../npm/room.ts";
import { check } from "../npm/schemas.ts";
import { account, credentials } from "./v1/schemas.ts";

/** ms that a JWT of `/_auth/token` lives */
const short = 15 * 60_000;
const largest = 64 * 1024;

/** JSON Web Tokens for programs: `/_auth/…`. */
export function authRoutes(): Hono<Env> {
  return new Hono<Env>({ getPath })
    .post("/_auth/token", postToken)
    .get("/_auth/verify", getVerify)
    .get("/_auth/.well-known/jwks.json", async (c) => c.json(await c.env.shared.jwts.jwks()));
}

/** A short JWT for whoever shows a token, an API key, another JWT, or name and password. */
const postToken: Handler = async (c) => {
  const { asked, shared } = c.env;
  const shown = credentialsOf(asked);
  if (shown?.kind === "bearer") {
    const { principal } = await signedIn(shared, asked);
    const info = await shared.citadel.accounts.token(principal.name, principal.token ?? "");
    // one that was lent for minutes must not be made to last by asking again and again
    const { expires = Infinity } = (await claimsOf(shared, asked, shown.token)) ?? {};
    const until = Math.min(Date.now() + short, info?.expires ?? Infinity, expires);
    return c.json(await jwtOf(c, principal.name, principal.token ?? "", until));
  }
  const input = shown
    ? { username: shown.name, password: shown.password }
    : check(credentials, await readJson(c.req.raw, largest));
  return c.json(await logIn(c, input, short));
};

/** Whose the shown credential is and what it may, for services that let people in by it. */
const getVerify: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { principal } = await signedIn(shared, asked);
  const { name, kind, token, admin } = principal;
  const info = token === undefined ? undefined : await shared.citadel.accounts.token(name, token);
  // a proxy that asks for each request hands on headers only
  const headers = { "citadel-user": encodeURIComponent(name) };
  return c.json({ valid: true, kind, user: name, admin, ...(info && termsOf(info)) }, 200, headers);
};

const termsOf = ({ grant, expires, name }: TokenInfo): object => ({
  ...(name !== "" && { name }),
  permissions: permissionsOf(grant),
  ...(grant?.names && { packages: grant.names }),
  ...(expires !== undefined && { expires: new Date(expires).toISOString() }),
});

/** `POST /api/v1/auth/register`: makes an account where people may, and logs in. */
export const postRegister: Handler = async (c) => {
  const { asked, shared } = c.env;
  const input = check(account, await readJson(c.req.raw, largest));
  if (!(await shared.signup(asked)))
    throw new CitadelError("E_FORBIDDEN", "accounts are made by an administrator here", {
      hint: ["ask for one: citadel registry:user:create <name>"],
    });
  const { username: name, password, email } = input;
  const who = actorOf(c, name);
  await shared.citadel.accounts.create({ name, password, ...(email && { email }) }, who);
  const { info } = await shared.citadel.accounts.session(name, who, Date.now() + longestJwt);
  return c.json(await jwtOf(c, name, info.key, info.expires ?? 0), 201);
};

/** `POST /api/v1/auth/login`: a JWT that lives 30 days, or until its entry among the user's tokens is revoked. */
export const postLogin: Handler = async (c) =>
  c.json(await logIn(c, check(credentials, await readJson(c.req.raw, largest)), longestJwt));

async function logIn(
  c: Context<Env>,
  { username, password, otp }: z.infer<typeof credentials>,
  lifetime: number,
): Promise<object> {
  const { accounts } = c.env.shared.citadel;
  const who = actorOf(c, username);
  const code = otp ?? c.env.asked.header("npm-otp");
  const name = await accounts
    .identify({ name: username, password, code }, who)
    .catch((error: unknown) => {
      throw errorCode(error) === "E_AUTH_INVALID" ? new WrongPassword(error) : error;
    });
  const { info } = await accounts.session(name, who, Date.now() + lifetime);
  return jwtOf(c, name, info.key, info.expires ?? 0);
}

async function jwtOf(
  { env: { shared, site } }: Context<Env>,
  subject: string,
  credential: string,
  expires: number,
): Promise<object> {
  const { issuer, algorithm } = await issuing(shared.citadel, site);
  const claims = { issuer, audience: site.base, subject, credential, expires };
  const token = await shared.jwts.issue(claims, algorithm);
  const expiresIn = Math.floor((expires - Date.now()) / 1000);
  return { token, tokenType: "Bearer", expiresIn, user: subject, issuer };
}

function actorOf({ env: { asked, shared } }: Context<Env>, name: string): Actor {
  const address = shared.guard.client(asked);
  return { name, via: "api", ...(address === undefined ? {} : { address }) };
}
