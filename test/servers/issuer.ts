import {
  createHmac,
  generateKeyPairSync,
  randomUUID,
  sign as signBytes,
  type KeyObject,
} from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Key {
  readonly kid: string;
  readonly alg: "RS256" | "ES256";
  readonly private: KeyObject;
  readonly public: KeyObject;
}

/** what a run shows to get an ID token */
export const requestToken = "of-this-run";

export interface Minting {
  /** a key of the issuer, or a strange one */
  readonly key?: Key;
  /** put over the header: another alg, no kid */
  readonly header?: Readonly<Record<string, unknown>>;
}

/** An issuer of ID tokens with OpenID discovery, on loopback. Tokens are made by hand, so that wrong ones can be. */
export interface TestIssuer extends AsyncDisposable {
  readonly url: string;
  /** requests that it answered, by path */
  readonly asked: Map<string, number>;
  /** what it says instead of keys: a status, or another document */
  answer: { status?: number; about?: object; keys?: object } | undefined;
  /** keys that it names */
  keys: Key[];
  /** what a run of a pipeline gets that asks for an ID token as GitHub's do; undefined: nothing */
  run: Readonly<Record<string, unknown>> | undefined;
  mint(claims: Readonly<Record<string, unknown>>, minting?: Minting): string;
}

export function newKey(alg: Key["alg"] = "RS256"): Key {
  const pair =
    alg === "RS256"
      ? generateKeyPairSync("rsa", { modulusLength: 2048 })
      : generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { kid: randomUUID(), alg, private: pair.privateKey, public: pair.publicKey };
}

export async function testIssuer(): Promise<TestIssuer> {
  const asked = new Map<string, number>();
  const server = createServer((request, response) => {
    const path = request.url ?? "";
    asked.set(path, (asked.get(path) ?? 0) + 1);
    const url = new URL(path, issuer.url);
    if (url.pathname === "/token") {
      const allowed = issuer.run && request.headers.authorization === `Bearer ${requestToken}`;
      response.writeHead(allowed ? 200 : 401, { "content-type": "application/json" });
      const value = issuer.mint({ ...issuer.run, aud: url.searchParams.get("audience") });
      return void response.end(JSON.stringify(allowed ? { value } : {}));
    }
    const { status = 200, about, keys } = issuer.answer ?? {};
    const jwk = (key: Key) => ({
      ...key.public.export({ format: "jwk" }),
      ...{ kid: key.kid, alg: key.alg, use: "sig" },
    });
    const body = path.endsWith("/openid-configuration")
      ? (about ?? { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` })
      : (keys ?? { keys: issuer.keys.map(jwk) });
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const issuer: TestIssuer = {
    url: `http://127.0.0.1:${port}`,
    asked,
    answer: undefined,
    keys: [newKey()],
    run: undefined,
    mint(claims, { key = issuer.keys[0] as Key, header = {} } = {}) {
      const now = Math.floor(Date.now() / 1000);
      const payload = {
        ...{ iss: issuer.url, iat: now, nbf: now, exp: now + 300, jti: randomUUID() },
        ...claims,
      };
      return signed({ alg: key.alg, typ: "JWT", kid: key.kid, ...header }, payload, key);
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return issuer;
}

const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function signed(header: Readonly<Record<string, unknown>>, payload: object, key: Key): string {
  const text = `${base64(header)}.${base64(payload)}`;
  const { alg } = header;
  if (alg === "none") return `${text}.`;
  if (alg === "HS256") {
    // what fooled libraries: the public key as the shared secret
    const secret = key.public.export({ format: "pem", type: "spki" });
    return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
  }
  const signature = signBytes("sha256", Buffer.from(text), {
    key: key.private,
    dsaEncoding: "ieee-p1363",
  });
  return `${text}.${signature.toString("base64url")}`;
}
