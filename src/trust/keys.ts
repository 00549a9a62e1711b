import type { JSONWebKeySet, JWTVerifyGetKey } from "jose";
import { LRUCache } from "lru-cache";
import type { Egress } from "../egress/index.ts";
import { CitadelError, errorCode } from "../errors.ts";

/** ms that keys are used before they are asked for again */
const fresh = 10 * 60_000;
/** ms that they are used when the issuer does not answer */
const stale = 60 * 60_000;
/** ms between two questions to an issuer, however many tokens name keys that it does not have */
const pause = 10_000;
const mostIssuers = 200;
const mostKeys = 100;
const largest = 256 * 1024;
const timeouts = { connect: 5_000, first: 5_000, idle: 5_000, whole: 10_000 };

interface Held {
  /** the last keys that came */
  readonly found?: { readonly keys: JWTVerifyGetKey; readonly at: number };
  /** the last question, and why it had no answer */
  readonly tried: number;
  readonly error?: unknown;
}

/** Public keys of issuers, found by discovery and kept for a while. */
export interface IssuerKeys {
  /** The key for a token of this issuer. Throws what jose throws, and E_ISSUER_UNAVAILABLE. */
  of(issuer: string): JWTVerifyGetKey;
}

export function createIssuerKeys(egress: Pick<Egress, "fetch">): IssuerKeys {
  const held = new LRUCache<string, Held>({ max: mostIssuers });
  const loading = new Map<string, Promise<Held>>();

  const load = (issuer: string): Promise<Held> => {
    let running = loading.get(issuer);
    if (!running) {
      running = ask(issuer).finally(() => loading.delete(issuer));
      loading.set(issuer, running);
    }
    return running;
  };

  async function ask(issuer: string): Promise<Held> {
    const before = held.get(issuer);
    const tried = Date.now();
    let now: Held;
    try {
      now = { found: { keys: await fetchKeys(issuer), at: tried }, tried };
    } catch (error) {
      now = { ...(before?.found ? { found: before.found } : {}), tried, error };
    }
    held.set(issuer, now);
    return now;
  }

  async function fetchKeys(issuer: string): Promise<JWTVerifyGetKey> {
    const { createLocalJWKSet } = await import("jose");
    const about = await json(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
    if (about["issuer"] !== issuer)
      throw new Error(`it says that it is ${JSON.stringify(about["issuer"])}`);
    if (typeof about["jwks_uri"] !== "string") throw new Error("it names no keys");
    const { keys } = await json(about["jwks_uri"]);
    if (!Array.isArray(keys) || keys.length > mostKeys) throw new Error("its keys are no list");
    return createLocalJWKSet({ keys: keys.filter(isPublicKey) });
  }

  async function json(url: string): Promise<Record<string, unknown>> {
    const reply = await egress.fetch(url, {
      headers: { accept: "application/json" },
      limit: largest,
      timeouts,
    });
    if (reply.status !== 200) {
      reply.cancel();
      throw new Error(`${url} answers ${reply.status}`);
    }
    const value: unknown = JSON.parse((await reply.bytes()).toString("utf8"));
    if (typeof value !== "object" || value === null) throw new Error(`${url} is no object`);
    return value as Record<string, unknown>;
  }

  const isOld = (now: Held | undefined, age: number): boolean =>
    !now?.found || now.found.at + age <= Date.now();
  const mayAsk = (now: Held | undefined): boolean => !now || now.tried + pause <= Date.now();

  return {
    of: (issuer) => async (header, token) => {
      let now = held.get(issuer);
      if (isOld(now, fresh) && (mayAsk(now) || loading.has(issuer))) now = await load(issuer);
      if (!now?.found || isOld(now, stale)) throw unavailable(issuer, now?.error);
      try {
        return await now.found.keys(header, token);
      } catch (error) {
        // it may have made a new key a moment ago
        if ((error as { code?: unknown }).code !== "ERR_JWKS_NO_MATCHING_KEY" || !mayAsk(now))
          throw error;
        const newer = await load(issuer);
        if (newer.error !== undefined || !newer.found) throw unavailable(issuer, newer.error);
        return newer.found.keys(header, token);
      }
    },
  };
}

/** Keys to verify with; a secret one, or one to encrypt with, is none of them. */
function isPublicKey(key: unknown): key is JSONWebKeySet["keys"][number] {
  const { kty, use } = (key ?? {}) as { kty?: unknown; use?: unknown };
  return (kty === "RSA" || kty === "EC" || kty === "OKP") && (use === undefined || use === "sig");
}

function unavailable(issuer: string, cause: unknown): CitadelError {
  const reason = cause instanceof Error ? cause.message : "it was asked a moment ago in vain";
  return new CitadelError(
    "E_ISSUER_UNAVAILABLE",
    `the keys of ${issuer} cannot be had: ${reason}`,
    errorCode(cause) === "E_REMOTE_ADDRESS"
      ? { cause, hint: ['say "private: true" in trust.issuers if it may lie in a private network'] }
      : { cause },
  );
}
