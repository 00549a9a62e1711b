import type { JWTVerifyGetKey } from "jose";
import type { Payload } from "./providers.ts";
import type { Issuer } from "./types.ts";

/** s that clocks may differ */
const skew = 30;
/** A key fits one of these at most, so a token cannot choose; there is no "none" and no shared secret among them. */
const algorithms = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
  .concat("ES256", "ES384", "ES512", "EdDSA", "Ed25519")
  .toSorted();

/** A token that says nothing that counts; `message` is for the operator. */
export class Refused extends Error {}

export interface VerifyOptions {
  /** `iss` exactly */
  readonly url: string;
  readonly audiences: readonly string[];
  readonly keys: JWTVerifyGetKey;
  /** ms since `iat` */
  readonly maxAge: number;
}

/** Who says that they made the token: unverified, and only good for choosing whom to ask. @throws Refused */
export async function claimedIssuer(token: string): Promise<unknown> {
  const { decodeJwt, decodeProtectedHeader } = await import("jose");
  try {
    const { typ } = decodeProtectedHeader(token);
    if (typ !== undefined && !/^(?:application\/)?jwt$/i.test(typ))
      throw new Refused(`it is a ${JSON.stringify(typ)}, not an ID token`);
    return decodeJwt(token).iss;
  } catch (error) {
    throw error instanceof Refused ? error : new Refused("it is not a JWT");
  }
}

/** Claims that are texts: as little to be trusted, they choose among the addresses of an issuer that has several. */
export async function unverifiedTexts(token: string): Promise<Readonly<Record<string, string>>> {
  const { decodeJwt } = await import("jose");
  return Object.fromEntries(
    Object.entries(decodeJwt(token)).flatMap(([name, value]) =>
      typeof value === "string" ? [[name, value]] : [],
    ),
  );
}

/** What a token says, and until when (ms since 1970) it could be shown again. */
export interface Verified {
  readonly payload: Payload;
  readonly until: number;
}

/**
 * Signature, issuer, audience and times.
 * @throws Refused, E_ISSUER_UNAVAILABLE
 */
export async function verifyToken(
  token: string,
  issuer: Issuer,
  { url, audiences, keys, maxAge }: VerifyOptions,
): Promise<Verified> {
  const { jwtVerify, errors } = await import("jose");
  const audience = issuer.audience === undefined ? [...audiences] : [issuer.audience];
  try {
    const { payload } = await jwtVerify(token, keys, {
      algorithms,
      issuer: url,
      audience,
      clockTolerance: skew,
      maxTokenAge: maxAge / 1000,
      requiredClaims: ["exp", "iat"],
    });
    const { aud, exp = 0, iat = 0 } = payload;
    // somebody else who got it as well could bring it here
    if (Array.isArray(aud) && aud.length > 1) throw new Refused("it is for several audiences");
    const until = Math.min(exp * 1000, iat * 1000 + maxAge) + 2 * skew * 1000;
    return { payload, until };
  } catch (error) {
    if (error instanceof errors.JWTClaimValidationFailed && error.claim === "aud")
      throw new Refused(`aud is ${shown(error.payload.aud)}, not ${audience.join(" or ")}`);
    if (error instanceof errors.JOSEError) throw new Refused(reasonOf(error));
    throw error;
  }
}

function reasonOf(error: Error & { code?: string }): string {
  switch (error.code) {
    case "ERR_JWKS_NO_MATCHING_KEY":
      return "its issuer has no such key";
    case "ERR_JWS_SIGNATURE_VERIFICATION_FAILED":
      return "its signature is wrong";
    case "ERR_JOSE_ALG_NOT_ALLOWED":
      return "it is signed by an algorithm that proves nothing here";
    default:
      return error.message;
  }
}

const shown = (value: unknown): string => (JSON.stringify(value) ?? "missing").slice(0, 200);
