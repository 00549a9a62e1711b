// B3, G5: two processes over one store are one registry for accounts too.
import { afterAll, beforeAll, expect, test } from "vitest";

import { approve } from "../support/approve.ts";
import { serve, type Server } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { signIn } from "../support/packages.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { authenticator } from "../support/totp.ts";

const password = "correct horse 1";
let temp: Temp;
let one: Server;
let two: Server;
beforeAll(async () => {
  temp = await tempFolder("accounts");
  one = await serve({ home: temp.path });
  two = await serve({ home: temp.path });
}, 60_000);
afterAll(async () => {
  await Promise.all([one.stop(), two.stop()]);
  await temp.remove();
});

const send = (
  server: Server,
  method: string,
  path: string,
  token?: string,
  body?: unknown,
  headers = {},
) =>
  request(server.url + path, {
    method,
    token,
    headers,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });

test("a token that one server revoked is dead on the other", async () => {
  const login = await signIn(one.url, "ann", password);
  const made = await send(two, "POST", "/-/npm/v1/tokens", login, { password });
  const { token, key } = made.json() as { token: string; key: string };
  for (const server of [one, two])
    expect((await send(server, "GET", "/-/whoami", token)).status).toBe(200);
  expect((await send(one, "DELETE", `/-/npm/v1/tokens/token/${key}`, login)).status).toBe(204);
  for (const server of [two, one])
    expect((await send(server, "GET", "/-/whoami", token)).json()).toMatchObject({
      code: "E_TOKEN_REVOKED",
    });
});

test("a code that one server took is no code for the other", async () => {
  const token = await signIn(one.url, "bob", password);
  const profile = (server: Server, body: object, headers = {}) =>
    send(server, "POST", "/-/npm/v1/user", token, body, headers);
  const begun = await profile(one, { tfa: { mode: "auth-only", password } });
  const app = authenticator((begun.json() as { tfa: string }).tfa);
  // begun on one, confirmed on the other, which needs the same key of the server
  expect((await profile(two, { tfa: [app.code()] })).status).toBe(200);
  const code = app.code();
  expect((await profile(two, { fullname: "Bob" }, { "npm-otp": code })).status).toBe(200);
  expect((await profile(one, { fullname: "Rob" }, { "npm-otp": code })).status).toBe(401);
  // of the same code at both at once one wins
  const last = app.code();
  const both = await Promise.all(
    [one, two].map((server) => profile(server, { fullname: "Bo" }, { "npm-otp": last })),
  );
  expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 401]);
});

test("a log-in begun on one, approved on the other, polled on both, gives one token", async () => {
  await signIn(one.url, "cal", password);
  const begun = (await send(one, "POST", "/-/v1/login")).json() as Record<string, string>;
  const at = (server: Server, url = "") => server.url + url.slice(one.url.length);
  await approve(at(two, begun["loginUrl"]), { name: "cal", password });
  const polls = await Promise.all(
    [one, two].map((server) => request(at(server, begun["doneUrl"]))),
  );
  expect(polls.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 404]);
});

test("wrong passwords are counted together", async () => {
  await signIn(one.url, "dan", password);
  const login = (server: Server, word: string) =>
    send(server, "PUT", "/-/user/org.couchdb.user:dan", undefined, { name: "dan", password: word });
  for (let n = 0; n < 10; n++) expect((await login(n % 2 ? one : two, "wrong")).status).toBe(401);
  for (const server of [one, two]) expect((await login(server, password)).status).toBe(429);
});
