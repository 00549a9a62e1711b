// B3, B4, C1, F1: API keys and JSON Web Tokens.
import { generateKeyPairSync } from "node:crypto";
import { createLocalJWKSet, decodeJwt, jwtVerify, SignJWT, type JSONWebKeySet } from "jose";
import { describe, expect, test } from "vitest";

import { authenticator } from "../support/totp.ts";
import { base, place, type Place, type Sent } from "./place.ts";

const password = "correct horse 1";
const operator = { name: "local", via: "cli" } as const;
const post = (here: Place, path: string, body?: unknown, sent: Sent = {}) =>
  here.ask(path, { method: "POST", ...(body === undefined ? {} : { body }), ...sent });
const whoami = async (here: Place, token: string, from = "127.0.0.1") =>
  here.ask("/-/whoami", { token, from });
const login = (here: Place, username: string, more: object = {}) =>
  post(here, "/api/v1/auth/login", { username, password, ...more });

/** An administrator and a token of theirs that may administer. */
async function admin(here: Place): Promise<string> {
  await here.citadel.accounts.create({ name: "root", password, admin: true }, operator);
  return (await here.citadel.accounts.issue("root", {}, operator)).token;
}

describe("F1: register and log in", () => {
  test("201 and a JWT of 30 days that the whole registry takes", async () => {
    await using here = await place();
    const made = await post(here, "/api/v1/auth/register", {
      ...{ username: "ann", password, email: "ann@example.invalid" },
    });
    expect(made.status, made.text).toBe(201);
    const { token, expiresIn, user } = made.json();
    expect({ user, days: Math.round(expiresIn / 86_400) }).toEqual({ user: "ann", days: 30 });
    expect((await whoami(here, token)).json()).toEqual({ username: "ann" });
    const manifest = { name: "@ann/one", version: "1.0.0" };
    expect((await here.publish(token, manifest)).status).toBe(201);

    const again = await login(here, "ann");
    expect(again.status, again.text).toBe(200);
    expect((await whoami(here, again.json().token)).status).toBe(200);
    const twice = await post(here, "/api/v1/auth/register", { username: "ann", password });
    expect([twice.status, twice.json().code]).toEqual([409, "E_USER_EXISTS"]);
    for (const wrong of [
      { username: "ann", password: "wrong horse 1" },
      { username: "nobody", password },
    ]) {
      const refused = await post(here, "/api/v1/auth/login", wrong);
      expect([refused.status, refused.json().code]).toEqual([401, "E_AUTH_INVALID"]);
    }
    for (const bad of [{}, [], { username: "x" }, { username: {}, password: 1 }])
      expect((await post(here, "/api/v1/auth/register", bad)).status).toBe(400);
  });

  test("sign-up is closed where it is closed, and the second factor is asked for", async () => {
    await using here = await place();
    await admin(here);
    const closed = await post(here, "/api/v1/auth/register", { username: "eve", password });
    expect([closed.status, closed.json().code]).toEqual([403, "E_FORBIDDEN"]);

    const url = await here.citadel.accounts.beginFactor("root", "auth-only", "Citadel", operator);
    const app = authenticator(url);
    await here.citadel.accounts.confirmFactor("root", app.code(), operator);
    const asked = await login(here, "root");
    expect([asked.status, asked.json().code]).toEqual([401, "E_OTP_REQUIRED"]);
    expect((await login(here, "root", { otp: app.code() })).status).toBe(200);
  });

  test("the JWT ends with its entry among the tokens, with the account, and with a new password", async () => {
    await using here = await place();
    await here.signIn("ann");
    const tokenOf = async () => (await login(here, "ann")).json().token as string;
    const [listed, kept, disabled] = [await tokenOf(), await tokenOf(), await tokenOf()];
    const key = decodeJwt(listed)["tid"] as string;
    await here.citadel.accounts.revokeKey("ann", key, operator);
    expect((await whoami(here, listed)).json().code).toBe("E_TOKEN_REVOKED");
    expect((await whoami(here, kept)).status).toBe(200);
    await here.citadel.accounts.setDisabled("ann", true, operator);
    expect((await whoami(here, disabled)).status).toBe(401);
    await here.citadel.accounts.setDisabled("ann", false, operator);
    expect((await whoami(here, disabled)).status).toBe(200);
    await here.citadel.accounts.setPassword("ann", "another horse 2", operator);
    expect((await whoami(here, kept)).status).toBe(401);
  });
});

describe("B3: /_auth/token and /_auth/verify", () => {
  test("a short JWT for a token, an API key, a JWT, a password; anybody can check it by the JWKS", async () => {
    await using here = await place();
    const token = await here.signIn("ann");
    const basic = Buffer.from(`ann:${password}`).toString("base64");
    const { key } = await here.citadel
      .apiKeys()
      .then((keys) => keys.generateApiKey("ci", ["read"], { user: "ann" }));
    const first = (await post(here, "/_auth/token", undefined, { token })).json();
    const shown = [
      { token },
      { token: key },
      { token: first.token },
      { headers: { authorization: `Basic ${basic}` } },
      { body: { username: "ann", password } },
    ];
    for (const one of shown) {
      const got = await post(here, "/_auth/token", undefined, one);
      expect(got.status, got.text).toBe(200);
      const { token: jwt, expiresIn, issuer } = got.json();
      expect(expiresIn).toBeLessThanOrEqual(900);
      const jwks = (await here.ask("/_auth/.well-known/jwks.json")).json() as JSONWebKeySet;
      expect(JSON.stringify(jwks)).not.toMatch(/"d"|"p"|"q"/);
      const options = { issuer: `${base}_auth`, audience: base, algorithms: ["RS256"] };
      const { payload } = await jwtVerify(jwt, createLocalJWKSet(jwks), options);
      expect(payload).toMatchObject({ sub: "ann", iss: issuer });
      expect((await whoami(here, jwt)).status).toBe(200);
    }
    expect((await post(here, "/_auth/token")).status).toBe(400);

    // one that leaks is over when it says so: asking again makes it no longer
    const { keyid: kid, key: signing } = await here.citadel.keys.current("jwt-rs256");
    const soon = Math.floor(Date.now() / 1000) + 40;
    const ending = await new SignJWT({ ...decodeJwt(first.token), exp: soon })
      .setProtectedHeader({ alg: "RS256", kid, typ: "at+jwt" })
      .sign(signing);
    const longer = (await post(here, "/_auth/token", undefined, { token: ending })).json();
    expect(decodeJwt(longer.token).exp).toBe(soon);
  });

  test("says whose a credential is, and what it may", async () => {
    await using here = await place();
    const root = await admin(here);
    const keys = await here.citadel.apiKeys();
    const { key } = await keys.generateApiKey("ci", ["write"], {
      ...{ user: "root", packages: ["@acme/*"] },
    });
    const jwt = (await post(here, "/_auth/token", undefined, { token: key })).json().token;
    for (const token of [key, jwt]) {
      const got = await here.ask("/_auth/verify", { token });
      expect(got.headers.get("citadel-user")).toBe("root");
      expect(got.json()).toMatchObject({
        ...{ valid: true, user: "root", admin: false, name: "ci", packages: ["@acme/*"] },
        permissions: ["read", "stage", "write"],
      });
    }
    expect((await here.ask("/_auth/verify", { token: root })).json()).toMatchObject({
      ...{ admin: true, permissions: ["read", "stage", "write", "admin", "metrics"] },
    });
    expect((await here.ask("/_auth/verify")).status).toBe(401);
    await keys.revoke((await keys.list())[0]?.id ?? "");
    expect((await here.ask("/_auth/verify", { token: jwt })).json().code).toBe("E_TOKEN_REVOKED");
  });

  test("attack 40: every claim wrong in turn, other algorithms, other keys", async () => {
    await using here = await place();
    const token = await here.signIn("ann");
    const { token: good } = (await post(here, "/_auth/token", undefined, { token })).json();
    const { keyid: kid, key } = await here.citadel.keys.current("jwt-rs256");
    const claims = decodeJwt(good);
    const now = Math.floor(Date.now() / 1000);
    const sign = (changed: object, header: object = {}, by: typeof key | Uint8Array = key) =>
      new SignJWT({ ...claims, ...changed })
        .setProtectedHeader({ alg: "RS256", kid, typ: "at+jwt", ...header })
        .sign(by);
    expect((await whoami(here, await sign({}))).status).toBe(200);

    const other = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
    const [head = "", body = "", signature = ""] = good.split(".");
    const bad: Record<string, string> = {
      issuer: await sign({ iss: "http://elsewhere/_auth" }),
      audience: await sign({ aud: "http://elsewhere/" }),
      expired: await sign({ exp: now - 60 }),
      "not yet": await sign({ nbf: now + 600 }),
      "no end": await sign({ exp: undefined }),
      "no credential": await sign({ tid: undefined }),
      "a path as credential": await sign({ tid: "../../user/root" }),
      "another credential": await sign({ tid: "0".repeat(64) }),
      "an ID token": await sign({}, { typ: "JWT" }),
      "no type": await sign({}, { typ: undefined }),
      "critical header": await sign({}, { crit: ["x"], x: 1 }).catch(() => `${good}x`),
      "another key": await sign({}, {}, other),
      "HS256 with the public key": await sign(
        {},
        { alg: "HS256" },
        Buffer.from((await here.citadel.keys.list("jwt-rs256"))[0]?.public ?? "", "base64"),
      ),
      none: `${Buffer.from(JSON.stringify({ alg: "none", kid, typ: "at+jwt" })).toString("base64url")}.${body}.x`,
      "a cut signature": `${head}.${body}.${signature.slice(0, -8)}`,
      "another body": `${head}.${Buffer.from(JSON.stringify({ ...claims, sub: "root" })).toString("base64url")}.${signature}`,
      "an unknown key": await sign({}, { kid: "SHA256:elsewhere" }),
    };
    for (const [what, jwt] of Object.entries(bad)) {
      const got = await whoami(here, jwt);
      expect(got.status, what).toBe(401);
      if (what === "issuer" || what === "audience")
        expect(got.json().error).toBe("the JWT was made for another address than this one");
    }
  });

  test("B4: keys rotate; what the key before signed is good, what it signs later is not", async () => {
    await using here = await place();
    const token = await here.signIn("ann");
    const jwtOf = async (): Promise<string> =>
      (await post(here, "/_auth/token", undefined, { token })).json().token;
    const before = await jwtOf();
    const { keyid: kid, key } = await here.citadel.keys.current("jwt-rs256");
    await here.citadel.keys.rotate("jwt-rs256", operator, 0);
    expect((await whoami(here, before)).status).toBe(200);
    expect((await whoami(here, await jwtOf())).status).toBe(200);
    const { keys } = (await here.ask("/_auth/.well-known/jwks.json")).json();
    expect(keys).toHaveLength(2);
    const late = await new SignJWT({ ...decodeJwt(before) })
      .setProtectedHeader({ alg: "RS256", kid, typ: "at+jwt" })
      .setIssuedAt(Math.floor(Date.now() / 1000) + 120)
      .sign(key);
    expect((await whoami(here, late)).status).toBe(401);
  });
});

describe("C1: API keys", () => {
  const keysAt = "/_api/security/keys";

  test("made by administrators, shown once, listed without values, rotated, revoked", async () => {
    await using here = await place();
    const token = await admin(here);
    const made = await post(
      here,
      keysAt,
      { name: "ci", permissions: ["write"], packages: ["@acme/*"], expires: "30d" },
      { token },
    );
    expect(made.status, made.text).toBe(201);
    const { key, id, ...rest } = made.json();
    expect(key).toMatch(/^ctdl_[\w-]{49}$/);
    expect(rest).toMatchObject({ name: "ci", user: "root", packages: ["@acme/*"] });
    expect(Date.parse(rest.expires) - Date.now()).toBeLessThanOrEqual(30 * 86_400_000);
    expect((await here.publish(key, { name: "@acme/one", version: "1.0.0" })).status).toBe(201);
    expect((await here.publish(key, { name: "@other/one", version: "1.0.0" })).status).toBe(403);
    expect((await here.ask(keysAt, { token: key })).status).toBe(403);

    const list = await here.ask(keysAt, { token });
    expect(list.json().items).toMatchObject([{ id, permissions: ["read", "stage", "write"] }]);
    expect(list.text).not.toContain(key.slice(9));

    const next = await post(here, `${keysAt}/${id}/rotate`, { overlap: "1h" }, { token });
    expect(next.status, next.text).toBe(201);
    expect((await whoami(here, key)).status).toBe(200);
    const items = (await here.ask(keysAt, { token })).json().items as {
      id: string;
      expires: string;
    }[];
    const old = items.find((one) => one.id === id);
    expect(Date.parse(old?.expires ?? "") - Date.now()).toBeLessThanOrEqual(3_600_000);
    const revoked = await here.ask(`${keysAt}/${next.json().id}`, { method: "DELETE", token });
    expect(revoked.status).toBe(204);
    expect((await whoami(here, next.json().key)).json().code).toBe("E_TOKEN_REVOKED");
    expect((await here.ask(`${keysAt}/nothing`, { method: "DELETE", token })).status).toBe(404);
  });

  test("only administrators; an admin key makes others, and no code is asked of it", async () => {
    await using here = await place();
    const user = await here.signIn("ann");
    const token = await admin(here);
    const wish = { name: "x", permissions: ["read"] };
    expect((await post(here, keysAt, wish)).status).toBe(401);
    expect((await post(here, keysAt, wish, { token: user })).status).toBe(403);
    const key = (await post(here, keysAt, { ...wish, permissions: ["admin"] }, { token })).json()
      .key;
    expect((await post(here, keysAt, wish, { token: key })).status).toBe(201);
    const other = { ...wish, permissions: ["admin"], user: "ann" };
    expect((await post(here, keysAt, other, { token })).status).toBe(403);
    const day = new Date(Date.now() + 86_400_000).toISOString();
    expect((await post(here, keysAt, { ...wish, expires: day }, { token })).json().expires).toBe(
      day,
    );
    for (const bad of [
      { name: "x" },
      { ...wish, permissions: [] },
      { ...wish, expires: "soon" },
      { ...wish, expires: "2020-01-01" },
      { ...wish, name: "red \u001b[31m" },
    ])
      expect((await post(here, keysAt, bad, { token })).status, JSON.stringify(bad)).toBe(400);

    const url = await here.citadel.accounts.beginFactor("root", "auth-only", "Citadel", operator);
    const app = authenticator(url);
    await here.citadel.accounts.confirmFactor("root", app.code(), operator);
    expect((await post(here, keysAt, wish, { token })).json().code).toBe("E_OTP_REQUIRED");
    const headers = { "npm-otp": app.code() };
    expect((await post(here, keysAt, wish, { token, headers })).status).toBe(201);
  });

  test("B4: generateApiKey and verifyApiKey", async () => {
    await using here = await place();
    await here.signIn("ann");
    const keys = await here.citadel.apiKeys();
    const options = { user: "ann", cidr: ["10.0.0.0/8"] };
    const { key, info } = await keys.generateApiKey("nightly", ["read"], options);
    const days = (info.expires - info.created) / 86_400_000;
    expect(Math.round(days)).toBe(90);
    expect(await keys.verifyApiKey(key, { address: "10.1.2.3" })).toMatchObject({
      ...{ id: info.id, name: "nightly", user: "ann", permissions: ["read"] },
    });
    expect(await keys.verifyApiKey(key, { address: "192.0.2.1" })).toBeUndefined();
    const turned = `${key.slice(0, -1)}${key.endsWith("x") ? "y" : "x"}`;
    for (const wrong of [turned, "", "ctdl_", key.slice(0, -1), `${key}x`, "npm_x"])
      expect(await keys.verifyApiKey(wrong, { address: "10.1.2.3" })).toBeUndefined();
    await keys.revoke(info.id);
    expect(await keys.verifyApiKey(key, { address: "10.1.2.3" })).toBeUndefined();
    await expect(keys.generateApiKey("x", ["read"], { user: "none" })).rejects.toMatchObject({
      code: "E_USER_NOT_FOUND",
    });
    await expect(keys.generateApiKey("x", ["root" as "read"], options)).rejects.toMatchObject({
      code: "E_INVALID_DOCUMENT",
    });
  });
});
