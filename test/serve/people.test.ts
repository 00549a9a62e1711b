// H8: administrators look after accounts and organisations over HTTP; what they do counts at once.
import { createLink } from "@citadel/plugin-serve";
import { expect, test } from "vitest";

import { authenticator } from "../support/totp.ts";
import { place, type Place } from "./place.ts";

const operator = { name: "local", via: "cli" } as const;
const users = "/_api/people/users";
const change = (here: Place, token: string, name: string, body: unknown, headers = {}) =>
  here.ask(`${users}/${name}`, { method: "PUT", token, body, headers });

/** An administrator and somebody else. */
async function people(here: Place): Promise<{ root: string; ann: string }> {
  const [root, ann] = [await here.signIn("root"), await here.signIn("ann")];
  await here.citadel.accounts.setAdmin("root", true, operator);
  return { root, ann };
}

test("H8: users are listed page by page without secrets, locked out, let in, made administrators and removed", async () => {
  await using here = await place();
  const { root, ann } = await people(here);
  const one = await here.ask(`${users}?limit=1`, { token: root });
  expect(one.json()).toEqual({
    items: [
      {
        ...{ name: "ann", email: "ann@example.invalid", admin: false, disabled: false },
        ...{ secondFactor: false, created: expect.stringMatching(/Z$/) },
      },
    ],
    next: expect.any(String),
  });
  const rest = await here.ask(`${users}?after=${one.json().next}`, { token: root });
  expect(rest.json()).toMatchObject({ items: [{ name: "root", admin: true }], next: null });

  const whoami = async () => (await here.ask("/-/whoami", { token: ann })).status;
  const off = await change(here, root, "ann", { disabled: true });
  expect([off.status, off.json().disabled, await whoami()]).toEqual([200, true, 401]);
  await change(here, root, "ann", { disabled: false });
  expect(await whoami()).toBe(200);
  expect((await here.ask(users, { token: ann })).status).toBe(403);
  await change(here, root, "ann", { admin: true });
  expect((await here.ask(users, { token: ann })).status).toBe(200);
  expect((await here.ask(`${users}/ann`, { method: "DELETE", token: root })).status).toBe(204);
  expect(await whoami()).toBe(401);
  expect((await change(here, root, "ann", { admin: true })).json().code).toBe("E_USER_NOT_FOUND");
});

test("H8: nobody else does so, nobody to themselves, and not without what changes of accounts need", async () => {
  await using here = await place();
  const { root, ann } = await people(here);
  const status = async (token?: string) =>
    Promise.all([
      here.ask(users, { token }),
      here.ask("/_api/people/orgs", { token }),
      here.ask(`${users}/root`, { method: "PUT", token, body: { admin: false } }),
      here.ask(`${users}/root`, { method: "DELETE", token }),
    ]).then((all) => all.map(({ status: one }) => one));
  expect(await status()).toEqual([401, 401, 401, 401]);
  expect(await status(ann)).toEqual([403, 403, 403, 403]);
  // the last administrator stays one
  expect(await status(root)).toEqual([200, 200, 403, 403]);
  for (const body of [{}, { admin: "yes" }, { admin: true, password: "x" }, []])
    expect((await change(here, root, "ann", body)).status).toBe(400);

  const grant = { packages: "write", orgs: "write", manage: false } as const;
  const { token: less } = await here.citadel.accounts.issue("root", { grant }, operator);
  expect((await change(here, less, "ann", { admin: true })).status).toBe(403);
  const link = await createLink(here.citadel.store);
  const entered = await here.ask("/_dashboard/api/session", { method: "POST", body: { link } });
  const cookie = (entered.headers.get("set-cookie") ?? "").split(";", 1)[0] ?? "";
  const through = (origin: string) =>
    here.ask(`/_dashboard/api${users}/ann`, {
      method: "PUT",
      body: { disabled: true },
      headers: { cookie, origin },
    });
  expect((await through("http://localhost:1")).status).toBe(403);
  expect((await through("http://localhost:4873")).status).toBe(200);

  const profile = (body: object) =>
    here.ask("/-/npm/v1/user", { method: "POST", token: root, body });
  const tfa = { mode: "auth-only", password: "correct horse 1" };
  const app = authenticator((await profile({ tfa })).json().tfa);
  const { tfa: codes } = (await profile({ tfa: [app.code()] })).json();
  expect((await change(here, root, "ann", { admin: true })).json().code).toBe("E_OTP_REQUIRED");
  const code = { "npm-otp": codes[0] };
  expect((await change(here, root, "ann", { admin: true }, code)).status).toBe(200);
  const { items } = (await here.ask("/_dashboard/api/log?kind=user", { token: root })).json();
  expect(items.find(({ name }: { name: string }) => name === "ann")).toMatchObject({
    ...{ who: "root", via: "api", events: [{ text: "make an administrator" }] },
  });
});

test("H8: organisations are listed with how many are in them, through the dashboard too", async () => {
  await using here = await place();
  const { root, ann } = await people(here);
  for (const org of ["acme", "beta"])
    await here.ask(`/-/org/${org}/user`, { method: "PUT", token: ann, body: { user: "ann" } });
  const first = (await here.ask("/_api/people/orgs?limit=1", { token: root })).json();
  expect(first).toEqual({ items: [{ name: "acme", members: 1, teams: 1 }], next: expect.any(String) }); // prettier-ignore
  const rest = await here.ask(`/_dashboard/api/_api/people/orgs?after=${first.next}`, { token: root }); // prettier-ignore
  expect(rest.json()).toMatchObject({ items: [{ name: "beta" }], next: null });
  const members = await here.ask("/_dashboard/api/-/org/acme/user", { token: root });
  expect(members.json()).toEqual({ ann: "owner" });
  const team = await here.ask("/_dashboard/api/-/team/acme/developers/user", { token: root });
  expect(team.json()).toEqual([{ name: "ann" }]);
});
