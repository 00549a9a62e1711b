// B6: sessions of the dashboard, and how its pages are delivered.
import { expect, test } from "vitest";

import { createApp, createLink } from "@citadel/plugin-serve";
import { base, host, place, type Place, type Sent } from "./place.ts";

const session = "/_dashboard/api/session";
const origin = new URL(base).origin;

/** Signs in, and sends the cookie along from then on. */
async function enter(here: Place, body: object, more: Sent = {}): Promise<string> {
  const got = await here.ask(session, { method: "POST", body, ...more });
  expect(got.status, got.text).toBe(201);
  return (got.headers.get("set-cookie") ?? "").split(";", 1)[0] ?? "";
}
const who = async (here: Place, cookie: string, more: Sent = {}) =>
  (await here.ask(session, { ...more, headers: { cookie, ...more.headers } })).json();

test("B6: a link signs in once, as whoever started the server, and its cookie is worth nothing elsewhere", async () => {
  await using here = await place();
  const link = await createLink(here.citadel.store);
  expect(Buffer.from(link, "base64url")).toHaveLength(16);
  const got = await here.ask(session, { method: "POST", body: { link } });
  expect(got.headers.get("set-cookie")).toMatch(
    /^citadel-4873=[\w-]{22}; Max-Age=43200; Path=\/_dashboard; HttpOnly; SameSite=Strict$/,
  );
  const cookie = (got.headers.get("set-cookie") ?? "").split(";", 1)[0] ?? "";
  expect(await who(here, cookie)).toMatchObject({ user: "local", rights: { admin: true } });
  expect((await here.ask(session, { method: "POST", body: { link } })).status).toBe(401);
  const keys = (path: string) => here.ask(path, { headers: { cookie } });
  expect((await keys("/_dashboard/api/_api/security/keys")).status).toBe(200);
  expect((await keys("/_api/security/keys")).status).toBe(401);
  expect((await keys("/%5Fdashboard/api/_api/security/keys")).status).toBe(401);
  expect((await here.ask(session, { method: "DELETE", headers: { cookie, origin } })).status).toBe(
    204,
  );
  expect(await who(here, cookie)).toMatchObject({ user: null, rights: { admin: false } });
  // the store keeps neither code nor cookie
  for await (const key of everything(here)) expect(key).not.toContain(cookie.split("=")[1]);
});

async function* everything({ citadel: { store } }: Place): AsyncGenerator<string> {
  for (const { key } of (await store.driver.list({ prefix: "t/", limit: 1000 })).entries)
    yield `${key} ${Buffer.from((await store.driver.get(key))?.body ?? []).toString()}`;
}

test("B6: a session ends with its token, its account and its sign-out, at once", async () => {
  await using here = await place();
  const token = await here.signIn("ann");
  const password = { username: "ann", password: "correct horse 1" };
  const { accounts } = here.citadel;
  const actor = { name: "local", via: "cli" } as const;

  const byToken = await enter(here, { token });
  const byPassword = await enter(here, password);
  expect(await who(here, byToken)).toMatchObject({
    user: "ann",
    rights: { write: true, admin: false },
  });
  await accounts.revoke(token, actor);
  expect((await who(here, byToken)).user).toBeNull();
  expect((await who(here, byPassword)).user).toBe("ann");

  await accounts.setDisabled("ann", true, actor);
  expect((await who(here, byPassword)).user).toBeNull();
  await accounts.setDisabled("ann", false, actor);
  expect((await who(here, byPassword)).user).toBe("ann");

  const before = (await accounts.tokens("ann")).items.length;
  await here.ask(session, { method: "DELETE", headers: { cookie: byPassword, origin } });
  expect((await accounts.tokens("ann")).items).toHaveLength(before - 1);
  expect((await who(here, byPassword)).user).toBeNull();
  for (const wrong of [{ ...password, password: "wrong" }, { token }, { link: "x" }]) {
    const got = await here.ask(session, { method: "POST", body: wrong });
    expect(got.status, JSON.stringify(wrong)).toBe(401);
    // a browser would ask for a password of its own
    expect(got.headers.get("www-authenticate")).not.toMatch(/basic/i);
    expect(got.headers.get("set-cookie")).toBeNull();
  }
});

test("B6: a session counts on every server over the store, and ends on all of them", async () => {
  await using here = await place();
  const cookie = await enter(here, { link: await createLink(here.citadel.store) });
  const other = createApp({ citadel: here.citadel });
  const there = async (): Promise<unknown> => {
    const headers = { host, cookie };
    const answer = await other.fetch(new Request(`${base}${session.slice(1)}`, { headers }));
    return ((await answer.json()) as { user: unknown }).user;
  };
  expect(await there()).toBe("local");
  await here.ask(session, { method: "DELETE", headers: { cookie, origin } });
  expect(await there()).toBeNull();
});

test("B6: behind a proxy with TLS the cookie is for this host alone, and a path before the dashboard is kept", async () => {
  await using here = await place({
    "server.publicUrl": "https://registry.example/npm/",
    "server.trustProxy": ["127.0.0.1"],
  });
  const proxied = {
    headers: {
      host: "registry.example",
      "x-forwarded-proto": "https",
      "x-forwarded-for": "1.2.3.4",
    },
  };
  const link = await createLink(here.citadel.store);
  const got = await here.ask(session, { method: "POST", body: { link }, ...proxied });
  expect(got.headers.get("set-cookie")).toMatch(
    /^__Host-citadel=[\w-]{22}; Max-Age=43200; Path=\/; Secure; HttpOnly; SameSite=Strict$/,
  );
  const cookie = (got.headers.get("set-cookie") ?? "").split(";", 1)[0] ?? "";
  const headers = { ...proxied.headers, cookie };
  expect((await here.ask("/npm/_dashboard/api/session", { headers })).json().user).toBe("local");
  // this cookie goes everywhere, and counts for the dashboard only
  expect((await here.ask("/npm/-/whoami", { headers })).status).toBe(401);
  expect((await here.ask("/npm/x/_dashboard/api/session", { headers })).status).toBe(404);
  const page = await here.ask("/npm/_dashboard/package/@a/b", proxied);
  expect(page.headers.get("content-security-policy")).toContain("upgrade-insecure-requests");
  expect(page.headers.get("strict-transport-security")).toMatch(/^max-age=/);
  expect(page.text).toMatch(/src="\.\.\/\.\.\/assets\/main-[\w-]+\.js"/);
  // somebody on this machine who comes without the proxy
  const near = await here.ask("/_dashboard", {});
  expect(near.headers.get("content-security-policy")).not.toContain("upgrade");
  expect(near.text).toMatch(/src="_dashboard\/assets\/main-/);
});

test("B6: every page has its own nonce and the policy of the dashboard; its files never change", async () => {
  await using here = await place();
  const page = await here.ask("/_dashboard/anything");
  const nonce = /nonce-([\w-]+)/.exec(page.headers.get("content-security-policy") ?? "")?.[1] ?? "";
  expect(page.headers.get("content-security-policy")).toBe(
    `default-src 'none'; script-src 'nonce-${nonce}' 'strict-dynamic'; style-src-elem 'self' 'nonce-${nonce}'; style-src-attr 'none'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types citadel`,
  );
  expect(Object.fromEntries(page.headers)).toMatchObject({
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": expect.stringContaining("camera=()"),
  });
  expect((await here.ask("/_dashboard/anything")).text).not.toContain(nonce);

  const file = /src="\.\/(assets\/main-[\w-]+\.js)"/.exec(page.text)?.[1] ?? "";
  const plain = await here.ask(`/_dashboard/${file}`);
  for (const coding of ["br", "gzip"]) {
    const got = await here.ask(`/_dashboard/${file}`, { headers: { "accept-encoding": coding } });
    expect(Object.fromEntries(got.headers)).toMatchObject({
      "content-encoding": coding,
      "content-type": "text/javascript; charset=utf-8",
      "cache-control": "public, max-age=31536000, immutable",
      "content-security-policy": "default-src 'none'; sandbox",
      "x-content-type-options": "nosniff",
      vary: "accept-encoding",
    });
    expect(got.bytes.length).toBeLessThan(plain.bytes.length / 2);
    const etag = got.headers.get("etag") ?? "";
    const again = { "accept-encoding": coding, "if-none-match": etag };
    expect((await here.ask(`/_dashboard/${file}`, { headers: again })).status).toBe(304);
  }
  expect(plain.text).toMatch(/import/);
  for (const path of ["assets/none.js", "assets/..%2f..%2fpackage.json", "api/none"])
    expect((await here.ask(`/_dashboard/${path}`)).status).toBeGreaterThanOrEqual(400);
});

test("attack 32: a page on another port of this machine cannot even ask the dashboard's API", async () => {
  await using here = await place();
  const cookie = await enter(here, { link: await createLink(here.citadel.store) });
  for (const path of [session, "/_dashboard/api/packages", "/_dashboard/api/_api/security/keys"])
    for (const headers of [
      { origin: "http://localhost:3000" },
      { "sec-fetch-site": "same-site" },
      { "sec-fetch-site": "cross-site" },
    ]) {
      const got = await here.ask(path, { headers: { cookie, ...headers } });
      expect([path, got.status]).toEqual([path, 403]);
      expect(got.headers.get("content-type")).toMatch(/^application\/json/);
    }
  expect((await here.ask(session, { headers: { host: "evil.example" } })).status).toBe(421);
  // a browser says where a change comes from, so that a cookie without a word is nobody's wish
  const config = { method: "POST", body: { offset: 10, value: 30 } };
  const change = (headers: Record<string, string>) =>
    here.ask("/_dashboard/api/config", { ...config, headers: { cookie, ...headers } });
  expect((await change({})).json().code).toBe("E_CROSS_ORIGIN");
  expect((await change({ origin: "null" })).json().code).toBe("E_CROSS_ORIGIN");
  expect((await change({ origin })).status).toBe(200);
});

test("B6: the history is for administrators, page by page, and whole as lines", async () => {
  await using here = await place();
  const token = await here.signIn("ann");
  await here.publish(token, { name: "one", version: "1.0.0" });
  const ask = (path: string, cookie: string) =>
    here.ask(`/_dashboard/api/${path}`, { headers: { cookie } });
  const ann = await enter(here, { token });
  expect((await ask("log", ann)).status).toBe(403);
  expect((await ask("log.ndjson", "")).status).toBe(401);

  const cookie = await enter(here, { link: await createLink(here.citadel.store) });
  const lines = (await ask("log.ndjson", cookie)).text.trim().split("\n");
  const all = lines.map((line) => JSON.parse(line) as object);
  expect(all.pop()).toEqual({ end: true, damaged: [] });
  expect(all.length).toBeGreaterThan(3);
  const paged: object[] = [];
  for (let after: string | null = ""; after !== null;) {
    const from: string = after === "" ? "" : `&after=${after}`;
    const page = (await ask(`log?limit=1${from}`, cookie)).json();
    paged.push(...page.items);
    after = page.next;
  }
  expect(paged).toEqual(all);
  const found = (await ask("log?package=one&who=ann", cookie)).json().items;
  expect(found).toMatchObject([{ kind: "package", name: "one", who: "ann", via: "npm" }]);
  for (const bad of ["log.ndjson?kind=none", "log.ndjson?after=x", "log?since=x", "log?limit=x"])
    expect([bad, (await ask(bad, cookie)).status]).toEqual([bad, 400]);
});

test("B6: who is not signed in sees what everybody may see, and what is typed wrongly is found", async () => {
  await using here = await place();
  const token = await here.signIn("ann");
  await here.publish(token, { name: "button", version: "1.0.0", description: "Round" });
  await here.publish(token, { name: "@ann/hidden", version: "1.0.0" });
  await here.ask("/-/package/@ann%2fhidden/access", {
    method: "POST",
    token,
    body: { access: "restricted" },
  });
  const find = async (q: string, headers = {}) =>
    (await here.ask(`/_dashboard/api/packages?q=${q}`, { headers })).json();
  expect(await find("")).toMatchObject({ all: 1, total: 1, items: [{ name: "button" }] });
  expect(await find("butt")).toMatchObject({ total: 1, items: [{ description: "Round" }] });
  expect(await find("buton")).toMatchObject({ total: 0, alike: [{ name: "button" }], all: 1 });
  const cookie = await enter(here, { token });
  expect((await find("", { cookie })).all).toBe(2);
  expect((await find("hidde", { cookie })).items).toHaveLength(1);
});
