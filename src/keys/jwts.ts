import { createPublicKey, randomUUID } from "node:crypto";
import type { JWK } from "jose";
import { CitadelError } from "../errors.ts";
import type { Keys, PublicKey } from "./keys.ts";

/** `EdDSA` is faster and shorter, `RS256` what everything out there can check. */
export type JwtAlgorithm = "RS256" | "EdDSA";

const purposeOf = { RS256: "jwt-rs256", EdDSA: "jwt-eddsa" } as const;
/** An access token (RFC 9068): never taken for an ID token, nor the other way round. */
const type = "at+jwt";
/** s that clocks may differ */
const skew = 30;
/** ms that a JWT lives at most, and so a key must be shown after its last signature */
export const longestJwt = 30 * 86_400_000;

/** What a JWT says. */
export interface JwtClaims {
  /** `iss` */
  readonly issuer: string;
  /** `aud`: URL of the registry */
  readonly audience: string;
  /** `sub`: name of the user or job */
  readonly subject: string;
  /** `tid`: key of the token that it stands for, and dies with */
  readonly credential: string;
  /** `exp`, ms since 1970 */
  readonly expires: number;
}

/** JSON Web Tokens of this registry. Each stands for a token in the store, so that it ends when that is revoked. */
export interface Jwts {
  /** @throws E_SERVER_KEY */
  issue(claims: JwtClaims, algorithm: JwtAlgorithm): Promise<string>;
  /**
   * What a JWT of this registry says; undefined for what none of its keys can have signed.
   * @throws E_AUTH_INVALID, E_TOKEN_EXPIRED
   */
  verify(
    token: string,
    expected: { readonly issuers: () => Promise<readonly string[]>; readonly audience: string },
  ): Promise<JwtClaims | undefined>;
  /** Public halves of the keys whose signatures may still count. */
  jwks(): Promise<{ readonly keys: readonly JWK[] }>;
}

export function createJwts(keys: Pick<Keys, "list" | "current">): Jwts {
  const all = async (): Promise<readonly (readonly [JwtAlgorithm, PublicKey])[]> =>
    (
      await Promise.all(
        (["RS256", "EdDSA"] as const).map(async (algorithm) =>
          (await keys.list(purposeOf[algorithm])).map((key) => [algorithm, key] as const),
        ),
      )
    ).flat();

  return {
    async issue({ issuer, audience, subject, credential, expires }, algorithm) {
      const { keyid, key } = await keys.current(purposeOf[algorithm]);
      const { SignJWT } = await import("jose");
      return new SignJWT({ tid: credential })
        .setProtectedHeader({ alg: algorithm, kid: keyid, typ: type })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(subject)
        .setJti(randomUUID())
        .setIssuedAt()
        .setExpirationTime(Math.floor(expires / 1000))
        .sign(key);
    },

    async verify(token, { issuers, audience }) {
      if (!/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return undefined;
      const { decodeProtectedHeader, errors, jwtVerify } = await import("jose");
      const kid = kidOf(token, decodeProtectedHeader);
      if (kid === undefined) return undefined;
      const [algorithm, key] = (await all()).find(([, { keyid }]) => keyid === kid) ?? [];
      if (!algorithm || !key) return undefined;
      try {
        const { payload } = await jwtVerify(token, opened(key), {
          // the key says which, not the token
          algorithms: [algorithm],
          issuer: [...(await issuers())],
          audience,
          typ: type,
          clockTolerance: skew,
          requiredClaims: ["exp", "iat", "jti", "sub"],
        });
        const { iss = "", sub = "", iat = 0, exp = 0, tid } = payload;
        if (typeof tid !== "string" || !/^[\da-f]{64}$/.test(tid)) throw invalid("says too little");
        if (key.expires !== null && iat * 1000 > key.expires + skew * 1000)
          throw invalid("was signed by a key that had been replaced");
        return { issuer: iss, audience, subject: sub, credential: tid, expires: exp * 1000 };
      } catch (error) {
        if (error instanceof errors.JWTExpired)
          throw new CitadelError("E_TOKEN_EXPIRED", "the JWT has expired");
        if (error instanceof errors.JWTClaimValidationFailed && places.has(error.claim))
          throw new CitadelError(
            "E_AUTH_INVALID",
            "the JWT was made for another address than this one",
            {
              hint: ["get it where it is used, or give the registry one address: server.publicUrl"],
            },
          );
        throw error instanceof errors.JOSEError ? invalid(reasonOf(error)) : error;
      }
    },

    async jwks() {
      const now = Date.now();
      const live = (await all()).filter(
        ([, { expires }]) => expires === null || expires + longestJwt > now,
      );
      return {
        keys: live.map(([alg, key]) => ({
          ...opened(key).export({ format: "jwk" }),
          ...{ kid: key.keyid, alg, use: "sig" },
        })),
      };
    },
  };
}

const opened = (key: PublicKey) =>
  createPublicKey({ key: Buffer.from(key.public, "base64"), format: "der", type: "spki" });

function kidOf(token: string, decode: (token: string) => { kid?: string }): string | undefined {
  try {
    return decode(token).kid;
  } catch {
    return undefined;
  }
}

/** claims that say of which registry a JWT is */
const places: ReadonlySet<string> = new Set(["iss", "aud"]);

const reasonOf = ({ code, message }: { code: string; message: string }): string =>
  code === "ERR_JWS_SIGNATURE_VERIFICATION_FAILED" ? "has a wrong signature" : `is bad: ${message}`;

const invalid = (what: string): CitadelError =>
  new CitadelError("E_AUTH_INVALID", `the JWT ${what}`);
