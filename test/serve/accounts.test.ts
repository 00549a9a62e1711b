// B3, H6: tokens, profile, password and one-time passwords over HTTP.
import { describe, expect, test } from "vitest";

import { authenticator, type App } from "../support/totp.ts";
import { place, type Got, type Place, type Sent } from "./place.ts";

const password = "correct horse 1";
const operator = { name: "local", via: "cli" } as const;

const tokens = "/-/npm/v1/tokens";
const profile = "/-/npm/v1/user";
const post = (here: Place, path: string, token: string, body: unknown, more: Sent = {}) =>
  here.ask(path, { method: "POST", token, body, ...more });
const create = async (here: Place, token: string, body: object) => {
  const got = await post(here, tokens, token, { password, ...body });
  expect(got.status, got.text).toBe(200);
  return got.json() as { token: string; key: string };
};
const whoami = async (here: Place, token: string, from = "127.0.0.1") =>
  here.ask("/-/whoami", { token, from });
const publishes = async (here: Place, token: string, name: string, headers = {}) =>
  here.ask(`/${name.replace("/", "%2f")}`, {
    method: "PUT",
    token,
    headers,
    body: (await import("../support/packages.ts")).publishDocument(
      "http://localhost:4873/",
      { name, version: `1.0.${(patch += 1)}` },
      (await import("../support/packages.ts")).pack({ name, version: `1.0.${patch}` }),
    ),
  });
let patch = 0;

/** Turns the second factor on. */
async function enrol(
  here: Place,
  token: string,
  mode: string,
): Promise<{ app: App; codes: string[] }> {
  const begun = await post(here, profile, token, { tfa: { mode, password } });
  expect(begun.status, begun.text).toBe(200);
  const app = authenticator(begun.json().tfa);
  const done = await post(here, profile, token, { tfa: [app.code()] });
  expect(done.status, done.text).toBe(200);
  return { app, codes: done.json().tfa };
}

function challenged(got: Got): void {
  expect(got.status, got.text).toBe(401);
  expect(got.headers.get("www-authenticate")).toBe("OTP");
  expect(got.json().error).toMatch(/one-time pass/);
}

describe("B3 npm token", () => {
  test("made with the password, shown once, listed without values, revoked by key or value", async () => {
    await using here = await place();
    const login = await here.signIn("ann");
    const one = await create(here, login, { readonly: true, cidr_whitelist: [] });
    const two = await create(here, login, { name: "ci", description: "build", expires: 30 });
    expect(two).toMatchObject({
      token: expect.stringMatching(/^npm_/) as unknown,
      name: "ci",
      readonly: false,
      cidr_whitelist: [],
      expires: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as unknown,
    });
    expect((await post(here, tokens, login, { password: "wrong" })).status).toBe(401);
    expect((await post(here, tokens, login, {})).status).toBe(400);

    const list = await here.ask(tokens, { token: login });
    expect(list.json()).toMatchObject({ total: 3, urls: {} });
    expect(list.json().objects.map((token: { name: string }) => token.name)).toEqual([
      "ci",
      "",
      "login",
    ]);
    for (const { token } of [one, two]) {
      expect(list.text).not.toContain(token);
      expect(token.startsWith(list.json().objects[0].token.slice(0, 4))).toBe(true);
    }
    expect((await whoami(here, one.token)).status).toBe(200);
    const revoke = (key: string, token = login) =>
      here.ask(`${tokens}/token/${key}`, { method: "DELETE", token });
    const bob = await here.signIn("bob");
    expect((await revoke(one.key, bob)).status).toBe(404);
    expect((await revoke(one.key)).status).toBe(204);
    expect((await revoke(one.key)).status).toBe(404);
    expect((await revoke(two.token)).status).toBe(204);
    expect((await whoami(here, two.token)).json().code).toBe("E_TOKEN_REVOKED");
    expect((await here.ask(tokens, { token: login })).json().total).toBe(1);
  });

  test("a long list comes in pages whose addresses are whole", async () => {
    await using here = await place();
    const login = await here.signIn("ann");
    for (let n = 0; n < 120; n++)
      await here.citadel.accounts.issue("ann", { name: `t${n}` }, operator);
    const first = (await here.ask(tokens, { token: login })).json();
    expect(first.objects).toHaveLength(100);
    expect(first.total).toBe(121);
    const next = new URL(first.urls.next as string);
    const rest = (await here.ask(next.pathname + next.search, { token: login })).json();
    expect(rest.objects).toHaveLength(21);
    expect(rest.urls).toEqual({});
  });

  test("addresses, packages, scopes and expiry bind it, and it does not change the account", async () => {
    await using here = await place();
    const login = await here.signIn("ann");
    const bound = await create(here, login, {
      name: "ci",
      packages: ["one"],
      scopes: ["@ann"],
      packages_and_scopes_permission: "read-write",
      cidr_whitelist: ["10.0.0.0/8"],
    });
    const elsewhere = await whoami(here, bound.token, "192.0.2.1");
    expect(elsewhere.status).toBe(401);
    expect(elsewhere.headers.get("www-authenticate")).toBe("ipaddress");
    expect(elsewhere.json().code).toBe("E_TOKEN_ADDRESS");
    expect((await whoami(here, bound.token, "10.1.2.3")).status).toBe(200);

    const free = await create(here, login, {
      packages: ["one"],
      scopes: ["@ann"],
      packages_and_scopes_permission: "read-write",
    });
    expect((await publishes(here, free.token, "one")).status).toBe(201);
    expect((await publishes(here, free.token, "@ann/two")).status).toBe(201);
    expect((await publishes(here, free.token, "three")).status).toBe(403);
    for (const got of [
      await post(here, tokens, free.token, { password }),
      await post(here, profile, free.token, { fullname: "x" }),
      await here.ask(`${tokens}/token/${bound.key}`, { method: "DELETE", token: free.token }),
    ])
      expect(got.json().code).toBe("E_FORBIDDEN");
    expect(
      (await here.ask(`${tokens}/token/${free.key}`, { method: "DELETE", token: free.token }))
        .status,
    ).toBe(204);

    const reads = await create(here, login, { readonly: true });
    expect((await publishes(here, reads.token, "four")).status).toBe(403);
  });

  test.each([
    ["names without a permission", { packages: ["one"] }],
    ["a permission without names", { packages_and_scopes_permission: "read-write" }],
    ["an unknown permission", { packages: ["one"], packages_and_scopes_permission: "all" }],
    ["organisations without a permission", { orgs: ["acme"] }],
    ["no days", { expires: 0 }],
    ["half a day", { expires: 0.5 }],
    ["an address that is none", { cidr_whitelist: ["10.0.0.0/99"] }],
    ["a pattern that is none", { packages: ["a*b"], packages_and_scopes_permission: "read-only" }],
    ["a name that is none", { name: 5 }],
  ])("%s is a 400", async (_, body) => {
    await using here = await place();
    const login = await here.signIn("ann");
    expect((await post(here, tokens, login, { password, ...body })).status).toBe(400);
  });
});

describe("B3 npm profile", () => {
  test("is kept and echoed; what is not named stays", async () => {
    await using here = await place();
    const token = await here.signIn("ann");
    const empty = (await here.ask(profile, { token })).json();
    expect(empty).toMatchObject({
      name: "ann",
      email: "ann@example.invalid",
      tfa: null,
      cidr_whitelist: null,
      fullname: "",
    });
    const set = await post(here, profile, token, {
      email: "ann@example.invalid",
      fullname: "Ann Example",
      homepage: null,
      github: "ann",
    });
    expect(set.json()).toMatchObject({ fullname: "Ann Example", github: "ann", homepage: "" });
    await post(here, profile, token, { twitter: "ann", github: "" });
    expect((await here.ask(profile, { token })).json()).toMatchObject({
      fullname: "Ann Example",
      github: "",
      twitter: "ann",
    });
    for (const bad of [
      { email: "nonsense" },
      { fullname: {} },
      { fullname: "x".repeat(255) },
      { homepage: "javascript:alert(1)" },
      { fullname: "a\u001b[31m" },
      { tfa: { mode: "always", password } },
      { tfa: "on" },
      { password: "new" },
    ])
      expect((await post(here, profile, token, bad)).status, JSON.stringify(bad)).toBe(400);
    expect((await here.ask(profile)).status).toBe(401);
  });

  test("a new password needs the old one, and ends the other log-ins but not the tokens of machines", async () => {
    await using here = await place();
    const token = await here.signIn("ann");
    const other = await here.signIn("ann");
    const ci = await create(here, token, { name: "ci" });
    const change = (old: string) =>
      post(here, profile, token, { password: { old, new: "another horse 2" } });
    const refused = await change("wrong");
    expect(refused.status).toBe(401);
    expect(refused.headers.get("www-authenticate")).toMatch(/^Basic/);
    expect((await whoami(here, other)).status).toBe(200);
    expect((await change(password)).status).toBe(200);
    expect((await whoami(here, token)).status).toBe(200);
    expect((await whoami(here, ci.token)).status).toBe(200);
    expect((await whoami(here, other)).json().code).toBe("E_TOKEN_REVOKED");
    await expect(here.citadel.accounts.byPassword("ann", password)).rejects.toMatchObject({
      code: "E_AUTH_INVALID",
    });
    await here.citadel.accounts.byPassword("ann", "another horse 2");
  });

  test("an administrator removes an account; nobody else does", async () => {
    await using here = await place();
    const { accounts } = here.citadel;
    const ann = await here.signIn("ann");
    const bob = await here.signIn("bob");
    const remove = (token: string) =>
      here.ask("/-/user/org.couchdb.user:bob", { method: "DELETE", token });
    expect((await remove(bob)).status).toBe(403);
    expect((await remove(ann)).status).toBe(403);
    await accounts.setAdmin("ann", true, operator);
    expect((await remove((await create(here, ann, { bypass_2fa: true })).token)).status).toBe(403);
    expect((await remove(ann)).status).toBe(200);
    expect((await whoami(here, bob)).status).toBe(401);
    expect((await remove(ann)).status).toBe(404);
  });
});

describe("H6 one-time passwords", () => {
  test("enrolment: begun with the password, on after a code; recovery codes are shown once", async () => {
    await using here = await place();
    const token = await here.signIn("ann");
    const begin = (body: object) => post(here, profile, token, { tfa: body });
    expect((await begin({ mode: "auth-only", password: "wrong" })).status).toBe(401);
    const begun = await begin({ mode: "auth-only", password });
    const address = begun.json().tfa as string;
    expect(address).toMatch(/^otpauth:\/\/totp\/.*ann\?.*secret=[A-Z2-7]{32}/);
    expect((await here.ask(profile, { token })).json().tfa).toEqual({
      mode: "auth-only",
      pending: true,
    });
    // it asks for nothing yet
    expect((await publishes(here, token, "one")).status).toBe(201);
    const app = authenticator(address);
    challenged(await post(here, profile, token, { tfa: [app.old()] }));
    const done = await post(here, profile, token, { tfa: [app.code()] });
    expect(done.json().tfa).toHaveLength(5);
    expect((await here.ask(profile, { token })).json().tfa).toEqual({
      mode: "auth-only",
      pending: false,
    });
    const secret = new URL(address).searchParams.get("secret") ?? "";
    const { entries } = await here.citadel.store.driver.list({});
    for (const { key } of entries) {
      const text = Buffer.from((await here.citadel.store.driver.get(key))!.body).toString();
      for (const word of [secret, ...(done.json().tfa as string[])])
        expect(text).not.toContain(word);
    }
  });

  test("auth-and-writes: every write needs a code, each code works once", async () => {
    await using here = await place();
    const token = await here.signIn("ann");
    expect((await publishes(here, token, "one")).status).toBe(201);
    const { app, codes } = await enrol(here, token, "auth-and-writes");
    challenged(await publishes(here, token, "one"));
    challenged(await publishes(here, token, "one", { "npm-otp": "000000" }));
    challenged(await publishes(here, token, "one", { "npm-otp": app.old() }));
    const code = app.code();
    expect((await publishes(here, token, "one", { "npm-otp": code })).status).toBe(201);
    challenged(await publishes(here, token, "one", { "npm-otp": code }));
    // a second server over the same store knows that it was used
    const { createApp } = await import("@citadel/plugin-serve");
    const other = { ...here, app: createApp({ citadel: here.citadel }) };
    challenged(await publishes(other, token, "one", { "npm-otp": code }));

    const [recovery = ""] = codes;
    const spelled = `${recovery.slice(0, 8).toUpperCase()}-${recovery.slice(8)}`;
    expect((await publishes(here, token, "one", { "npm-otp": spelled })).status).toBe(201);
    challenged(await publishes(here, token, "one", { "npm-otp": recovery }));

    // no code: reading, starring, tags but latest, logging out
    const tag = (name: string) =>
      here.ask(`/-/package/one/dist-tags/${name}`, { method: "PUT", token, body: '"1.0.1"' });
    const version = Object.keys((await here.ask("/one")).json().versions)[0] ?? "";
    const tagged = (name: string) =>
      here.ask(`/-/package/one/dist-tags/${name}`, {
        method: "PUT",
        token,
        body: JSON.stringify(version),
      });
    expect((await tagged("next")).status).toBe(201);
    challenged(await tagged("latest"));
    challenged(await tag("latest"));
    const star = await here.ask("/one", {
      method: "PUT",
      token,
      body: { _id: "one", users: { ann: true } },
    });
    expect(star.status, star.text).toBe(200);
    challenged(
      await here.ask("/one", {
        method: "PUT",
        token,
        body: { _id: "one", users: {}, versions: { [version]: { deprecated: "no" } } },
      }),
    );
    expect((await here.ask(`/-/user/token/${token}`, { method: "DELETE", token })).status).toBe(
      200,
    );
  });

  test("auth-only: log-in and account need one, writes do not; a password alone is a log-in", async () => {
    await using here = await place();
    const token = await here.signIn("ann");
    const { app, codes } = await enrol(here, token, "auth-only");
    expect((await publishes(here, token, "one")).status).toBe(201);
    challenged(await post(here, tokens, token, { password }));
    challenged(await post(here, profile, token, { fullname: "x" }));
    const basic = `Basic ${Buffer.from(`ann:${password}`).toString("base64")}`;
    challenged(
      await here.ask("/-/package/one/dist-tags/latest", {
        method: "DELETE",
        headers: { authorization: basic },
      }),
    );
    const login = (headers = {}, word = password) =>
      here.ask("/-/user/org.couchdb.user:ann", {
        method: "PUT",
        headers,
        body: { name: "ann", password: word },
      });
    challenged(await login());
    // a wrong password is not told apart by asking for a code
    expect((await login({ "npm-otp": "123456" }, "wrong")).headers.get("www-authenticate")).toMatch(
      /^Basic/,
    );
    expect((await login({ "npm-otp": app.code() })).status).toBe(201);

    const mode = (body: object, code: string) =>
      post(here, profile, token, { tfa: body }, { headers: { "npm-otp": code } });
    const writes = await mode({ mode: "auth-and-writes", password }, codes[0] ?? "");
    expect(writes.json().tfa).toEqual({ mode: "auth-and-writes", pending: false });
    challenged(await publishes(here, token, "one"));
    challenged(await post(here, profile, token, { tfa: { mode: "disable", password } }));
    expect((await mode({ mode: "disable", password: "wrong" }, codes[1] ?? "")).status).toBe(401);
    const off = await mode({ mode: "disable", password }, codes[2] ?? "");
    expect(off.json().tfa).toBeNull();
    expect((await publishes(here, token, "one")).status).toBe(201);
  });

  test("tokens made for machines need none, and change nothing of the account", async () => {
    await using here = await place();
    const token = await here.signIn("ann");
    const { token: ci } = await create(here, token, { name: "ci", bypass_2fa: true });
    await enrol(here, token, "auth-and-writes");
    expect((await publishes(here, ci, "one")).status).toBe(201);
    for (const got of [
      await post(here, tokens, ci, { password }),
      await post(here, profile, ci, { tfa: { mode: "disable", password } }),
    ])
      expect(got.json().code).toBe("E_FORBIDDEN");
  });

  test("wrong codes are counted, on all servers, and then even a right one must wait", async () => {
    await using here = await place();
    const token = await here.signIn("ann");
    const { codes } = await enrol(here, token, "auth-and-writes");
    for (let n = 0; n < 10; n++)
      challenged(await publishes(here, token, "one", { "npm-otp": "000000" }));
    const late = await publishes(here, token, "one", { "npm-otp": codes[0] ?? "" });
    expect(late.status).toBe(429);
    expect(Number(late.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await whoami(here, token)).status).toBe(200);
  });
});

describe("H6, H8 npm access set mfa", () => {
  test("a package may want a code from everybody, or from everybody but machines", async () => {
    await using here = await place();
    const login = await here.signIn("ann");
    const machine = (await create(here, login, { name: "ci", bypass_2fa: true })).token;
    expect((await publishes(here, login, "one")).status).toBe(201);
    const set = async (body: object) => post(here, "/-/package/one/access", login, body);
    expect((await set({ publish_requires_tfa: true })).status).toBe(200);
    for (const token of [login, machine]) {
      const got = await publishes(here, token, "one");
      expect([got.status, got.json().code], got.text).toEqual([403, "E_FORBIDDEN"]);
    }
    const { app } = await enrol(here, login, "auth-only");
    challenged(await publishes(here, login, "one"));
    const code = app.code();
    expect((await publishes(here, login, "one", { "npm-otp": code })).status).toBe(201);
    // other packages go on without
    expect((await publishes(here, login, "two")).status).toBe(201);
    const automation = { publish_requires_tfa: true, automation_token_overrides_tfa: true };
    expect((await set(automation)).status).toBe(200);
    challenged(await publishes(here, login, "one"));
    expect((await publishes(here, machine, "one")).status).toBe(201);
    const { publishDocument, pack } = await import("../support/packages.ts");
    const manifest = { name: "one", version: "7.0.0" };
    const batch = JSON.stringify(
      publishDocument("http://localhost:4873/", manifest, pack(manifest)),
    );
    challenged(await here.ask("/-/citadel/v1/batch", { method: "PUT", token: login, body: batch }));
    expect((await set({ publish_requires_tfa: false })).status).toBe(200);
    expect((await publishes(here, login, "one")).status).toBe(201);
  });
});
