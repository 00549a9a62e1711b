import { errorCode } from "@citadel/core";
import { checkFactorMode, type Caller, type UserState } from "@citadel/core/access";
import { actorOf } from "@citadel/core/registry";
import { signedIn, type Shared } from "../context.ts";
import { readJson } from "../http/body.ts";
import { WrongPassword } from "../http/errors.ts";
import { noSuchUser } from "./users.ts";
import type { Handler } from "./room.ts";
import { check, profileSchema } from "./schemas.ts";

/** `GET /-/npm/v1/user` */
export const getProfile: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { principal } = await signedIn(shared, asked);
  return c.json(profileOf(await userOf(shared, principal.name)));
};

/** `POST /-/npm/v1/user`: fields of the profile, the password, the second factor; what is not named stays. */
export const postProfile: Handler = async (c) => {
  const { asked, shared, site } = c.env;
  const { accounts } = shared.citadel;
  const caller = await signedIn(shared, asked);
  const { name, token } = caller.principal;
  const who = actorOf(caller);
  const { password, tfa, ...body } = check(profileSchema, await readJson(c.req.raw, 64 * 1024));

  const fields = Object.entries(body).filter(([, value]) => value !== undefined);
  if (fields.length > 0)
    await accounts.setProfile(
      name,
      Object.fromEntries(fields.map(([key, value]) => [key, value ?? ""])),
      who,
    );
  if (password)
    await accounts
      .changePassword(name, password, { who, kept: token })
      .catch((error: unknown) => wrong(error));
  if (!tfa) return c.json(profileOf(await userOf(shared, name)));

  if (Array.isArray(tfa)) {
    const codes = await accounts.confirmFactor(name, tfa[0] ?? "", who);
    return c.json({ ...profileOf(await userOf(shared, name)), tfa: codes });
  }
  await confirmPassword(shared, caller, tfa.password);
  if (tfa.mode === "disable") {
    await accounts.endFactor(name, who);
    return c.json(profileOf(await userOf(shared, name)));
  }
  const mode = checkFactorMode(tfa.mode);
  const user = await userOf(shared, name);
  if (user.secondFactor) {
    await accounts.setFactorMode(name, mode, who);
    return c.json(profileOf(await userOf(shared, name)));
  }
  const issuer = `Citadel ${new URL(site.base).hostname}`;
  const url = await accounts.beginFactor(name, mode, issuer, who);
  return c.json({ ...profileOf(user), tfa: url });
};

/** @throws WrongPassword, E_RATE_LIMIT */
export async function confirmPassword(
  { citadel }: Shared,
  { principal, address }: Caller,
  password: string,
): Promise<void> {
  await citadel.accounts.byPassword(principal.name, password, { address }).catch(wrong);
}

function wrong(error: unknown): never {
  throw errorCode(error) === "E_AUTH_INVALID" ? new WrongPassword(error) : error;
}

async function userOf({ citadel }: Shared, name: string): Promise<UserState> {
  const user = await citadel.accounts.user(name);
  if (!user) throw noSuchUser(name);
  return user;
}

function profileOf({ name, email, profile, secondFactor, pendingFactor, ...state }: UserState) {
  const mode = (secondFactor ?? pendingFactor)?.mode;
  return {
    name,
    email,
    email_verified: false,
    tfa: mode === undefined ? null : { mode, pending: secondFactor === undefined },
    created: new Date(state.created).toISOString(),
    updated: new Date(state.updated).toISOString(),
    cidr_whitelist: null,
    ...{ fullname: "", homepage: "", github: "", twitter: "", freenode: "" },
    ...profile,
  };
}
