// Rows 37 to 47 of the attacks on log-in: each by the way it would come.
import crypto from "node:crypto";
import { connect } from "node:net";
import { createApp } from "@citadel/plugin-serve";
import { afterEach, describe, expect, test, vi } from "vitest";

import { base, host, place, type Got, type Place, type Sent } from "../serve/place.ts";
import { serve } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { pack, publishDocument, signIn } from "../support/packages.ts";
import { tempFolder } from "../support/temp.ts";
import { authenticator } from "../support/totp.ts";

const password = "correct horse 1";
const operator = { name: "local", via: "cli" } as const;
const basic = (name: string, word: string) => ({
  authorization: `Basic ${Buffer.from(`${name}:${word}`).toString("base64")}`,
});
const login = (here: Place, name: string, word: string, more: Sent = {}) =>
  here.ask(`/-/user/org.couchdb.user:${name}`, {
    method: "PUT",
    body: { name, password: word },
    ...more,
  });
/** Another server over the same store. */
const another = (here: Place): Place => {
  const app = createApp({ citadel: here.citadel });
  return {
    ...here,
    app,
    async ask(path, { method = "GET", headers = {}, body, token, from } = {}) {
      const content = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
      const response = await app.fetch(
        new Request(new URL(path, base), {
          method,
          headers: {
            host,
            ...(token !== undefined && { authorization: `Bearer ${token}` }),
            ...headers,
          },
          ...(content !== undefined && { body: content }),
        }),
        { address: from ?? "127.0.0.1", path },
      );
      const text = await response.text();
      const { status, headers: fields } = response;
      const bytes = new TextEncoder().encode(text);
      return { status, headers: fields, text, bytes, json: () => JSON.parse(text) };
    },
  };
};

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** All that an answer tells, but for the name of the request. */
const told = (got: Got) => ({
  status: got.status,
  body: got.text.replace(/"requestId":"[^"]*"/, ""),
  headers: [...got.headers].filter(
    ([name]) => name !== "x-request-id" && name !== "content-length",
  ),
});

describe("attack 37: who has an account", () => {
  test("names with and without one get the same answer for the same work", async () => {
    await using here = await place({ "server.signup": "closed" });
    const { accounts } = here.citadel;
    for (const name of ["ann", "off", "gone"]) await accounts.create({ name, password }, operator);
    await accounts.setDisabled("off", true, operator);
    await accounts.remove("gone", operator);
    const hashes = vi.spyOn(crypto, "argon2");
    const tries: readonly (readonly [string, string])[] = [
      ["ann", "wrong"],
      ["nobody", "wrong"],
      ["constructor", "wrong"],
      ["off", password],
      ["gone", password],
    ];
    const ways: readonly ((name: string, word: string) => Promise<Got>)[] = [
      (name, word) => login(here, name, word),
      (name, word) => here.ask("/-/whoami", { headers: basic(name, word) }),
      async (name, word) => {
        const got = await here.ask("/-/v1/login", { method: "POST" });
        const { pathname } = new URL(got.json().loginUrl as string);
        return send(here, pathname, { do: "sign-in", name, password: word }).then((page) => ({
          ...page,
          headers: new Headers(),
          // but for the name that was typed, and what is random on every page
          text: page.text
            .replace(`value="${name}"`, "")
            .replaceAll(/[A-Z\d]{4}-[A-Z\d]{4}|"[\w+/=-]{22,}"/g, ""),
        }));
      },
    ];
    for (const way of ways) {
      const seen = new Set<string>();
      for (const [name, word] of tries) {
        hashes.mockClear();
        const got = await way(name, word);
        expect(got.status).toBe(401);
        seen.add(JSON.stringify({ ...told(got), hashes: hashes.mock.calls.length }));
      }
      expect([...seen]).toHaveLength(1);
      expect([...seen][0]).toContain('"hashes":1');
    }
    const looks = await Promise.all(
      ["ann", "nobody", "gone"].map((name) => here.ask(`/-/user/org.couchdb.user:${name}`)),
    );
    const shown = looks.map((got, n) => got.text.replaceAll(["ann", "nobody", "gone"][n]!, "x"));
    expect(new Set(shown).size).toBe(1);
  });

  test("lists tell who is not signed in of no account and no organisation without a package they may read", async () => {
    await using here = await place();
    const [ann, bob] = [await here.signIn("ann"), await here.signIn("bob")];
    await here.signIn("cleo");
    const org = { user: "bob", role: "developer" };
    await here.ask("/-/org/acme/user", { method: "PUT", token: ann, body: org });
    const restricted = { name: "@acme/secret", version: "1.0.0" };
    const document = publishDocument(base, restricted, pack(restricted), "latest");
    const body = { ...document, access: "restricted" };
    const made = await here.ask("/@acme%2fsecret", { method: "PUT", token: ann, body });
    expect(made.status, made.text).toBe(201);
    const seen = async (path: string, name: string, token?: string) =>
      JSON.stringify(told(await here.ask(path, { token }))).replaceAll(name, "NAME");
    for (const name of ["ann", "bob", "cleo"])
      for (const path of ["package", "stars"])
        expect(await seen(`/-/user/${name}/${path}`, name), name).toBe(
          await seen(`/-/user/nobody/${path}`, "nobody"),
        );
    const cleo = await here.signIn("dora");
    for (const token of [undefined, cleo])
      expect(await seen("/-/org/acme/package", "acme", token)).toBe(
        await seen("/-/org/other/package", "other", token),
      );
    expect((await here.ask("/-/org/acme/package", { token: bob })).json()).toEqual({
      "@acme/secret": "write",
    });
    await here.publish(ann, { name: "open", version: "1.0.0" });
    expect((await here.ask("/-/user/ann/package")).json()).toEqual({ open: "write" });
  });

  test("over many tries, known and unknown names cost the same number of hashes", async () => {
    await using here = await place({ "server.signup": "closed" });
    for (let n = 0; n < 8; n++)
      await here.citadel.accounts.create({ name: `known${n}`, password: "p" }, operator);
    const hashes = vi.spyOn(crypto, "argon2");
    const count = async (name: string) => {
      hashes.mockClear();
      await login(here, name, "wrong");
      return hashes.mock.calls.length;
    };
    const known: number[] = [];
    const unknown: number[] = [];
    for (let n = 0; n < 8; n++) {
      known.push(await count(`known${n}`));
      unknown.push(await count(`unknown${n}`));
    }
    expect(known).toEqual(unknown);
    expect(new Set(known)).toEqual(new Set([1]));
  });
});

describe("attack 38: guessing passwords", () => {
  test("ten wrong ones for an account, then even the right one waits, on every server; tokens go on", async () => {
    await using here = await place();
    const token = await here.signIn("ann");
    await here.signIn("bob");
    const other = another(here);
    for (let n = 0; n < 10; n++)
      expect((await login(n % 2 ? here : other, "ann", `wrong ${n}`)).status).toBe(401);
    for (const server of [here, other]) {
      const late = await login(server, "ann", password);
      expect(late.status).toBe(429);
      expect(Number(late.headers.get("retry-after"))).toBeGreaterThan(0);
      expect(Number(late.headers.get("retry-after"))).toBeLessThanOrEqual(900);
      expect((await server.ask("/-/whoami", { headers: basic("ann", password) })).status).toBe(429);
    }
    expect((await here.ask("/-/whoami", { token })).status).toBe(200);
    expect((await login(here, "bob", password)).status).toBe(201);
    // a name without an account is no different
    for (let n = 0; n < 10; n++) await here.ask("/-/whoami", { headers: basic("nobody", "x") });
    expect((await here.ask("/-/whoami", { headers: basic("nobody", "x") })).status).toBe(429);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 16 * 60_000 });
    expect((await login(here, "ann", password)).status).toBe(201);
  });

  test("many at once are no way around it", async () => {
    await using here = await place();
    await here.signIn("ann");
    const hashes = vi.spyOn(crypto, "argon2");
    const got = await Promise.all(
      Array.from({ length: 40 }, (_, n) => login(here, "ann", `wrong ${n}`)),
    );
    expect(got.filter(({ status }) => status === 401)).toHaveLength(10);
    expect(got.filter(({ status }) => status === 429)).toHaveLength(30);
    expect(hashes.mock.calls).toHaveLength(10);
  });

  test("an address is counted behind a trusted proxy, and cannot change its name before any other", async () => {
    await using here = await place({ "server.trustProxy": ["10.0.0.0/8"] });
    await here.signIn("ann");
    const guess = (n: number, from: string, forwarded: string) =>
      here.ask("/-/whoami", {
        headers: { ...basic(`u${n}`, "x"), "x-forwarded-for": forwarded },
        from,
      });
    for (let n = 0; n < 50; n++)
      expect((await guess(n, "10.0.0.1", "198.51.100.7")).status).toBe(401);
    expect((await guess(50, "10.0.0.2", "198.51.100.7")).status).toBe(429);
    expect((await guess(51, "10.0.0.1", "198.51.100.8")).status).toBe(401);
    // who is no trusted proxy says what it likes, and is counted as itself
    expect((await guess(52, "198.51.100.7", "192.0.2.1")).status).toBe(429);
    expect((await guess(53, "203.0.113.5", "198.51.100.7")).status).toBe(401);
  });
});

describe("attack 39: the authorization header", () => {
  test("twice, or no text, is a 400 on every route of a real server", async () => {
    const temp = await tempFolder("attack-39");
    const server = await serve({ home: temp.path });
    const token = await signIn(server.url, "ann");
    const raw = (path: string, fields: string) =>
      new Promise<string>((resolve, reject) => {
        const socket = connect(Number(new URL(server.url).port), "127.0.0.1", () => {
          socket.write(
            Buffer.from(
              `GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n${fields}\r\n\r\n`,
              "latin1",
            ),
          );
        });
        let said = "";
        socket.on("data", (chunk) => (said += chunk.toString("latin1")));
        socket.on("end", () => resolve(said.slice(9, 12))).on("error", reject);
      });
    try {
      for (const path of ["/-/whoami", "/-/npm/v1/user", "/-/npm/v1/tokens", "/one"])
        for (const fields of [
          `authorization: Bearer ${token}\r\nauthorization: Bearer ${token}`,
          `authorization: Bearer ${token}\r\nAuthorization: Basic YTpi`,
          `authorization: Bearer ${token.slice(0, -1)}\u00e9`,
          "authorization: Basic /w==",
        ])
          expect(await raw(path, fields), `${path} ${fields}`).toMatch(/^40[04]$/);
      expect(
        await raw("/-/whoami", `authorization: Bearer ${token}\r\nauthorization: Bearer x`),
      ).toBe("400");
      expect(await raw("/-/whoami", `authorization: Bearer ${token}`)).toBe("200");
    } finally {
      await server.stop();
      await temp.remove();
    }
  });
});

const begin = async (here: Place, more: Sent = {}) => {
  const got = await here.ask("/-/v1/login", { method: "POST", ...more });
  expect(got.status, got.text).toBe(200);
  const { loginUrl, doneUrl } = got.json() as { loginUrl: string; doneUrl: string };
  const done = new URL(doneUrl);
  return { page: new URL(loginUrl).pathname, done: done.pathname + done.search };
};
const formOf = (got: Got) => /name="form" value="([\w-]+)"/.exec(got.text)?.[1] ?? "";
/** Sends a form as a browser does; with the secret of the first one unless another is given. */
async function send(
  here: Place,
  page: string,
  values: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = { origin: base.slice(0, -1) },
): Promise<Got> {
  const form = formOf(await here.ask(page));
  return here.ask(page, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
    body: new URLSearchParams({ form, ...values }).toString(),
  });
}

describe("attack 41: log-in by browser", () => {
  const user = { name: "ann", password };

  test("only who began it gets the token, once, whatever page and id somebody else knows", async () => {
    await using here = await place();
    await here.signIn("ann");
    const mine = await begin(here);
    const theirs = await begin(here);
    const swapped = mine.done.replace(/poll=.*/, theirs.done.split("&")[1]!);
    for (const foreign of [swapped, mine.done.replace(/&poll=.*/, ""), "/-/v1/done?id=x&poll=y"])
      expect((await here.ask(foreign)).status).toBe(404);
    const confirm = await send(here, mine.page, { ...user, do: "sign-in" });
    await send(here, mine.page, { do: "allow", form: formOf(confirm) });
    expect((await here.ask(swapped)).status).toBe(404);
    expect((await here.ask(theirs.done)).status).toBe(202);
    const polls = await Promise.all(Array.from({ length: 6 }, () => here.ask(mine.done)));
    expect(polls.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(polls.filter(({ status }) => status === 404)).toHaveLength(5);
    const token = polls.find(({ status }) => status === 200)!.json().token as string;
    // nothing that was stored on the way opens anything
    for (const { key } of (await here.citadel.store.driver.list({})).entries) {
      const body = Buffer.from((await here.citadel.store.driver.get(key))!.body).toString();
      for (const secret of [token, mine.done.split("poll=")[1]!, password])
        expect(key + body).not.toContain(secret);
    }
  });

  test("session fixation: who made the page cannot go on where somebody signed in on it", async () => {
    await using here = await place();
    await here.signIn("ann");
    const { page, done } = await begin(here);
    const first = formOf(await here.ask(page));
    const confirm = await send(here, page, { ...user, do: "sign-in" });
    expect(confirm.status).toBe(200);
    expect(confirm.headers.get("set-cookie")).toBeNull();
    expect(formOf(await here.ask(page))).toBe(first);
    for (const form of [first, "", "x".repeat(22)])
      expect((await send(here, page, { do: "allow", form })).status).toBe(400);
    expect((await here.ask(done)).status).toBe(202);
    // a second sign-in takes over, and the page of the first one is dead
    const again = await send(here, page, { ...user, do: "sign-in" });
    expect((await send(here, page, { do: "allow", form: formOf(confirm) })).status).toBe(400);
    expect((await send(here, page, { do: "refuse", form: formOf(again) })).status).toBe(200);
    expect((await here.ask(done)).status).toBe(403);
    expect((await send(here, page, { ...user, do: "sign-in" })).status).toBe(404);
  });

  test("the second factor cannot be stepped over", async () => {
    await using here = await place();
    const token = await here.signIn("ann");
    const profile = (body: object) => here.ask("/-/npm/v1/user", { method: "POST", token, body });
    const mode = { mode: "auth-only", password };
    const app = authenticator((await profile({ tfa: mode })).json().tfa as string);
    await profile({ tfa: [app.code()] });
    const { page, done } = await begin(here);
    const code = await send(here, page, { ...user, do: "sign-in" });
    expect(code.text).toContain("One-time password");
    expect((await send(here, page, { do: "allow", form: formOf(code) })).status).toBe(400);
    expect(
      (await send(here, page, { do: "code", code: "000000", form: formOf(code) })).status,
    ).toBe(401);
    expect((await here.ask(done)).status).toBe(202);
    const last = await send(here, page, { do: "code", code: app.code(), form: formOf(code) });
    expect((await send(here, page, { do: "allow", form: formOf(last) })).status).toBe(200);
    expect((await here.ask(done)).status).toBe(200);
  });

  test("forms of other sites, without an origin or of another type change nothing", async () => {
    await using here = await place();
    await here.signIn("ann");
    const { page, done } = await begin(here);
    for (const headers of [
      { origin: "https://evil.example" },
      { origin: "null" },
      { "sec-fetch-site": "cross-site" },
      {},
      { origin: base.slice(0, -1), "content-type": "text/plain" },
    ] as Record<string, string>[])
      expect((await send(here, page, { ...user, do: "sign-in" }, headers)).status).toBe(403);
    for (const wanted of ["", "__proto__", "toString", "allow"])
      expect((await send(here, page, { ...user, do: wanted })).status).toBe(400);
    expect((await here.ask(done)).status).toBe(202);
  });

  test("after five minutes it is over; guessed and odd ids are nothing", async () => {
    await using here = await place();
    const { page, done } = await begin(here);
    for (const id of ["x", "..%2f", "AAAA-AAAA-aaaaaaaaaaaaaaaaaaaaaa", page.slice(8, -1)])
      expect([400, 404]).toContain((await here.ask(`/-/auth/${id}`)).status);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 5 * 60_000 + 1000 });
    expect((await here.ask(page)).status).toBe(404);
    expect((await here.ask(done)).status).toBe(404);
  });

  test("pages lead nowhere else, load and run nothing, and show what a client says as text", async () => {
    await using here = await place();
    const evil = `<script>alert(1)</script>"'><img src=//evil.example>`;
    const { page } = await begin(here, {
      headers: { "user-agent": evil, "npm-command": evil },
      body: { hostname: evil },
    });
    for (const got of [
      await here.ask(`${page}?next=https://evil.example&new`),
      await here.ask(page),
      await send(here, page, { name: evil, password: "x", do: "sign-in" }),
      await send(here, page, { name: evil, email: evil, password: "x", do: "sign-up" }),
      await here.ask("/-/auth/nothing"),
    ]) {
      expect(got.headers.get("content-type")).toBe("text/html; charset=utf-8");
      expect(got.headers.get("location")).toBeNull();
      expect(got.headers.get("content-security-policy")).toMatch(
        /^default-src 'none'; style-src 'nonce-[\w-]{22}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'$/,
      );
      expect(got.headers.get("referrer-policy")).toBe("same-origin");
      expect(got.headers.get("cache-control")).toBe("no-store");
      expect(got.text).not.toMatch(/<script|<img|=\/\/evil|https?:\/\//);
    }
  });
});

describe("attack 42: the first administrator", () => {
  test("no account is there from the start, and none becomes one by being first or many", async () => {
    await using here = await place();
    for (const [name, word] of [
      ["admin", "admin"],
      ["root", "root"],
      ["citadel", "citadel"],
      ["local", "local"],
    ] as const)
      expect((await here.ask("/-/whoami", { headers: basic(name, word) })).status).toBe(401);
    expect((await here.citadel.accounts.list()).items).toEqual([]);
    const names = Array.from({ length: 5 }, (_, n) => `user${n}`);
    await Promise.all(names.map((name) => login(here, name, password)));
    const { items } = await here.citadel.accounts.list();
    expect(items.map(({ name, admin }) => [name, admin])).toEqual(
      names.map((name) => [name, false]),
    );
  });

  test("from the first one on, no server lets anybody sign up", async () => {
    await using here = await place();
    const other = another(here);
    expect((await login(other, "early", password)).status).toBe(201);
    await here.citadel.accounts.create({ name: "boss", password, admin: true }, operator);
    for (const server of [here, other]) {
      expect((await login(server, "late", password)).status).toBe(401);
      const { page } = await begin(server);
      expect((await server.ask(page)).text).not.toContain("Make an account");
      const made = await send(server, page, { name: "late", password, do: "sign-up" });
      expect(made.status).toBe(403);
    }
    expect(await here.citadel.accounts.user("late")).toBeUndefined();
    expect((await login(here, "early", password)).status).toBe(201);
  });
});

describe("attack 45: tokens of users who are no more what they were", () => {
  test("a demoted, disabled or removed user's token is worth no more than the user, on every server at once", async () => {
    await using here = await place();
    const other = another(here);
    const { accounts } = here.citadel;
    await accounts.create({ name: "ann", password, admin: true }, operator);
    await accounts.create({ name: "bob", password }, operator);
    const { token } = await accounts.issue("ann", {}, operator);
    const remove = (server: Place, name: string) =>
      server.ask(`/-/user/org.couchdb.user:${name}`, { method: "DELETE", token });
    await accounts.setAdmin("ann", false, operator);
    for (const server of [here, other]) expect((await remove(server, "bob")).status).toBe(403);
    await accounts.setDisabled("ann", true, operator);
    for (const server of [here, other]) {
      expect((await server.ask("/-/whoami", { token })).status).toBe(401);
      expect((await login(server, "ann", password)).status).toBe(401);
    }
    await accounts.setDisabled("ann", false, operator);
    expect((await other.ask("/-/whoami", { token })).status).toBe(200);
    await accounts.remove("ann", operator);
    for (const server of [here, other])
      expect((await server.ask("/-/whoami", { token })).status).toBe(401);
  });

  test("a log-in that was allowed in the browser is worth nothing when the user went in between", async () => {
    await using here = await place();
    await here.signIn("ann");
    const { page, done } = await begin(here);
    const confirm = await send(here, page, { name: "ann", password, do: "sign-in" });
    await send(here, page, { do: "allow", form: formOf(confirm) });
    await here.citadel.accounts.remove("ann", operator);
    expect((await here.ask(done)).status).toBe(404);
  });
});

describe("attack 47: secrets in logs", () => {
  test("no token, password, code or approval reaches the log or an answer to somebody else", async () => {
    const temp = await tempFolder("attack-47");
    const server = await serve({ home: temp.path, args: ["--verbose"] });
    try {
      const send = (path: string, method = "GET", more: object = {}) =>
        request(server.url + path, { method, ...more });
      const word = "canary-password-1";
      const token = await signIn(server.url, "ann", word);
      const json = (value: unknown) => ({ token, body: JSON.stringify(value) });
      const made = await send("/-/npm/v1/tokens", "POST", json({ password: word }));
      const { token: second } = made.json() as { token: string };
      const begun = (await send("/-/v1/login", "POST")).json() as {
        loginUrl: string;
        doneUrl: string;
      };
      await request(begun.loginUrl);
      await request(begun.doneUrl);
      await send("/-/whoami", "GET", { headers: basic("ann", word) });
      await send("/-/whoami", "GET", { headers: basic("ann", `${word}-wrong`) });
      await send("/-/whoami", "GET", { token, headers: { "npm-otp": "canary-otp" } });
      await send(`/-/npm/v1/tokens/token/${second}`, "DELETE", { token });
      await send(`/-/user/token/${second}`, "DELETE", { token });
      await send(`/-/%75ser/token/${second}`, "DELETE", { token });
      const last = await send(`/-/user/token/${token}`, "DELETE", { token });
      expect(last.status).toBe(200);
      const answers = await send(`/${token}`);
      expect(answers.status).toBe(404);
      await server.stop();
      const log = server.log();
      expect(log.match(/"msg":"request"/g)?.length).toBeGreaterThan(8);
      for (const secret of [
        token.slice(4),
        second.slice(4),
        word,
        "canary-otp",
        Buffer.from(`ann:${word}`).toString("base64"),
        begun.loginUrl.split("/-/auth/")[1]!,
        begun.doneUrl.split("poll=")[1]!,
      ])
        expect(log).not.toContain(secret);
    } finally {
      await server.stop();
      await temp.remove();
    }
  });
});
