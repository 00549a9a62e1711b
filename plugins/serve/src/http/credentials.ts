import { CitadelError } from "@citadel/core";
import type { Accounts, From, Principal } from "@citadel/core/access";
import { WrongPassword } from "./errors.ts";
import type { Asked } from "./exchange.ts";

/** What a request shows to say who asks. */
export type Credentials =
  | { readonly kind: "bearer"; readonly token: string }
  | { readonly kind: "basic"; readonly name: string; readonly password: string };

/**
 * Reads `authorization`; nothing is checked yet.
 * @throws E_BAD_REQUEST when it stands there twice or is neither Bearer nor Basic
 */
export function credentialsOf(asked: Asked): Credentials | undefined {
  const field = asked.header("authorization");
  if (field === undefined) return undefined;
  const match = /^(bearer|basic) +([\w.~+/-]{1,2048}={0,2})$/i.exec(field.trim());
  const [, scheme = "", value = ""] = match ?? [];
  if (scheme.toLowerCase() === "bearer") return { kind: "bearer", token: value };
  const pair = scheme === "" ? "" : Buffer.from(value, "base64").toString("utf8");
  const colon = pair.indexOf(":");
  if (colon < 1)
    throw new CitadelError(
      "E_BAD_REQUEST",
      "the authorization header is neither Bearer nor Basic, or stands there twice",
    );
  return { kind: "basic", name: pair.slice(0, colon), password: pair.slice(colon + 1) };
}

/** A bearer token that has the form of a JWT and could be an ID token, which are longer than those of this registry. */
export function jwtIn(asked: Asked): string | undefined {
  const field = asked.header("authorization")?.trim() ?? "";
  const [, token = ""] = /^bearer +([\w-]+\.[\w-]+\.[\w-]*)$/i.exec(field) ?? [];
  return token === "" || token.length > 16_384 ? undefined : token;
}

/**
 * @param from where the request comes from
 * @throws E_AUTH_INVALID and E_TOKEN_… for a token or password that is not good (any more), or not here
 */
export async function authenticate(
  accounts: Accounts,
  shown: Credentials,
  from: From,
): Promise<Principal> {
  if (shown.kind === "bearer") return accounts.byToken(shown.token, from);
  try {
    return await accounts.byPassword(shown.name, shown.password, from);
  } catch (error) {
    throw (error as { code?: unknown }).code === "E_AUTH_INVALID"
      ? new WrongPassword(error)
      : error;
  }
}
