import { CitadelError, errorCode, errorObject } from "@citadel/core";
import { audiencesOf, type TrustConfig } from "@citadel/core/trust";
import { signedIn } from "../context.ts";
import { readJson } from "../http/body.ts";
import { jwtIn } from "../http/credentials.ts";
import type { Asked } from "../http/exchange.ts";
import { param, type Handler } from "./room.ts";
import { check, trustSchema } from "./schemas.ts";

/** `GET /-/package/<name>/trust` */
export const getTrust: Handler = async (c) => {
  const { asked, shared } = c.env;
  const caller = await signedIn(shared, asked);
  const trust = await shared.citadel.trust();
  return c.json((await trust.list(param(c, "name"), caller)).map(shown));
};

/** `POST /-/package/<name>/trust`, a list of configurations */
export const postTrust: Handler = async (c) => {
  const { asked, shared } = c.env;
  const caller = await signedIn(shared, asked);
  const trust = await shared.citadel.trust();
  const made: TrustConfig[] = [];
  for (const { type, ...input } of check(trustSchema, await readJson(c.req.raw, 64 * 1024))) {
    const issuer = input.issuer ?? type;
    made.push(await trust.add(param(c, "name"), { ...input, issuer }, caller));
  }
  return c.json(made.map(shown), 201);
};

/** `DELETE /-/package/<name>/trust/<id>` */
export const deleteTrust: Handler = async (c) => {
  const { asked, shared } = c.env;
  const caller = await signedIn(shared, asked);
  const trust = await shared.citadel.trust();
  await trust.remove(param(c, "name"), param(c, "id"), caller);
  return c.body(null, 204);
};

/** `POST /-/npm/v1/oidc/token/exchange/package/<name>`: a token for an ID token. Clients show `message`, if anything. */
export const exchangeToken: Handler = async (c) => {
  const { asked, shared, site } = c.env;
  try {
    const trust = await shared.citadel.trust();
    const { token, expires } = await trust.exchange(
      param(c, "name"),
      idTokenOf(asked),
      audiencesOf(site.base),
      { address: shared.guard.client(asked) },
    );
    return c.json({ token, expires: new Date(expires).toISOString() }, 201);
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    const { message, status, ...more } = errorObject(error);
    if (status === 503) c.header("retry-after", "10");
    if (status === 401) c.header("www-authenticate", 'Bearer realm="citadel"');
    return c.json({ message, error: message, ...more, status }, status as 401);
  }
};

/** @throws E_TRUST_REFUSED for anything that is no JWT: nothing else is looked at */
function idTokenOf(asked: Asked): string {
  const token = jwtIn(asked);
  if (token === undefined)
    throw new CitadelError("E_TRUST_REFUSED", "an ID token was expected as bearer token");
  return token;
}

/** A configuration in npm's words. */
const shown = ({ id, type, issuer, claims, permissions, created, by, lastUsed }: TrustConfig) => ({
  ...{ id, type, issuer, claims, permissions, createdBy: by },
  createdAt: new Date(created).toISOString(),
  ...(lastUsed === undefined ? {} : { lastUsedAt: new Date(lastUsed).toISOString() }),
});
