import { CitadelError } from "@citadel/core";
import type { Context } from "hono";
import * as z from "zod";
import { callerOf } from "../context.ts";
import { readJson } from "../http/body.ts";
import type { Env, Handler } from "../npm/room.ts";
import { check } from "../npm/schemas.ts";
import { ownVersion } from "../version.ts";
import { sessionLifetime } from "./session.ts";

/** bytes */
const largest = 16 * 1024;

/** Who is signed in, and what the pages need to know of the registry. */
export const getSession: Handler = async (c) => {
  const { asked, shared, site } = c.env;
  const session = await shared.sessions.sessionOf(asked);
  const { principal } = await callerOf(shared, asked);
  return c.json({
    user: session?.caller.principal.name ?? null,
    kind: principal.kind,
    rights: session?.rights ?? { read: true, write: false, admin: false },
    registry: site.base,
    version: await ownVersion(),
    signup: await shared.signup(asked),
  });
};

/** Signs in by a link of the start, by name and password, or by a token. */
export const postSession: Handler = async (c) => {
  const by = check(signInSchema, await readJson(c.req.raw, largest));
  const cookie = await c.env.shared.sessions.open(c.env.asked, await standing(c, by));
  return c.json({ ok: true }, 201, { "set-cookie": cookie });
};

export const deleteSession: Handler = async (c) =>
  c.body(null, 204, { "set-cookie": await c.env.shared.sessions.close(c.env.asked) });

/** What the session stands on. @throws E_AUTH_INVALID, E_OTP_REQUIRED, E_RATE_LIMIT, E_FORBIDDEN and those of tokens */
async function standing(c: Context<Env>, by: z.infer<typeof signInSchema>) {
  const { asked, shared } = c.env;
  const { accounts } = shared.citadel;
  if ("link" in by) {
    await shared.sessions.useLink(by.link);
    return {};
  }
  const address = shared.guard.client(asked);
  if ("token" in by) {
    const { kind, token } = await accounts.byToken(by.token, { address });
    if (kind !== "user" || token === undefined)
      throw new CitadelError("E_FORBIDDEN", "a token of a pipeline signs nobody in");
    return { credential: token };
  }
  const who = { name: by.username, via: "api", ...(address !== undefined && { address }) } as const;
  const name = await accounts.identify(
    { name: by.username, password: by.password, code: by.otp },
    who,
  );
  const { info } = await accounts.session(name, who, Date.now() + sessionLifetime);
  return { credential: info.key, own: true } as const;
}

const signInSchema = z.union(
  [
    z.strictObject({ link: z.string().max(100) }),
    z.strictObject({ token: z.string().max(2048) }),
    z.strictObject({
      username: z.string().max(300),
      password: z.string().max(4096),
      otp: z.string().max(100).optional(),
    }),
  ],
  "give a username and a password, or a token, or the link of a start",
);
