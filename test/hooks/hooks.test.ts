// H12: npm's hooks. Who may have them and how they look; what they tell of is in delivery.test.ts.
import { describe, expect, test } from "vitest";

import { hooked, secret } from "./harness.ts";

const path = "/-/npm/v1/hooks/hook";

describe("H12: a hook", () => {
  test("is made, listed, seen, changed and removed, and never shows its secret", async () => {
    await using all = await hooked();
    const { here, to } = all;
    const token = await here.signIn("ann");
    const body = { type: "package", name: "one", endpoint: to.url, secret };
    const made = await here.ask(path, { method: "POST", token, body });
    expect(made.status).toBe(201);
    const hook = made.json();
    expect(hook).toEqual({
      ...{ id: expect.stringMatching(/^[0-9a-f]{16}$/), username: "ann", name: "one" },
      ...{ endpoint: to.url, type: "package", status: "active" },
      ...{ created: expect.stringMatching(/Z$/), updated: hook.created },
      ...{ last_delivery: null, response_code: null },
    });
    await all.hook(token, "@acme", { type: "scope" });
    await all.hook(token, "bob", { type: "owner" });
    const list = async (query = "") => (await here.ask(`/-/npm/v1/hooks${query}`, { token })).json().objects; // prettier-ignore
    expect((await list()).map(({ name }: any) => name)).toEqual(["one", "@acme", "bob"]);
    expect(await list("?package=one")).toEqual([hook]);
    expect((await list("?limit=1&offset=1")).map(({ name }: any) => name)).toEqual(["@acme"]);
    expect(await all.look(token, hook.id)).toEqual(hook);

    const endpoint = `${to.url}new`;
    const put = await here.ask(`${path}/${hook.id}`, { method: "PUT", token, body: { endpoint, secret: "new" } }); // prettier-ignore
    expect(put.json()).toEqual({ ...hook, endpoint, updated: expect.stringMatching(/Z$/) });
    const gone = await here.ask(`${path}/${hook.id}`, { method: "DELETE", token });
    expect([gone.status, gone.json()]).toEqual([200, put.json()]);
    expect((await here.ask(`${path}/${hook.id}`, { token })).status).toBe(404);
    expect((await list()).length).toBe(2);
    expect((await here.citadel.verify()).items).toEqual([]);
  });

  test("is not called while it is switched off, and goes on from there", async () => {
    await using all = await hooked();
    const { here, to } = all;
    const token = await here.signIn("ann");
    const { id } = await all.hook(token, "one");
    const enabled = (value: unknown, by = token) =>
      here.ask(`${path}/${id}/enabled`, { method: "PUT", token: by, body: { enabled: value } });
    expect((await enabled("no")).status).toBe(400);
    expect((await enabled(false, await here.signIn("bob"))).status).toBe(404);
    expect((await enabled(false)).json()).toMatchObject({ id, status: "disabled" });
    await here.publish(token, { name: "one", version: "1.0.0" });
    const hooks = await here.citadel.hooks();
    await hooks.deliver(new AbortController().signal);
    expect(to.got).toEqual([]);
    expect((await enabled(true)).json()).toMatchObject({ id, status: "active" });
    await hooks.deliver(new AbortController().signal);
    expect(to.said).toEqual(["package:publish one"]);
    expect((await here.citadel.verify()).items).toEqual([]);
  });

  test("is there for its owner and for administrators, and for nobody else", async () => {
    await using all = await hooked();
    const { here, to } = all;
    const ann = await here.signIn("ann");
    const bob = await here.signIn("bob");
    const root = await here.signIn("root");
    await here.citadel.accounts.setAdmin("root", true, { name: "local", via: "cli" });
    const { id } = await all.hook(ann, "one");
    const each = (token?: string) =>
      Promise.all(
        (["GET", "PUT", "DELETE"] as const).map(async (method) => {
          const body = method === "PUT" ? { endpoint: to.url, secret } : undefined;
          return (await here.ask(`${path}/${id}`, { method, token, ...(body && { body }) })).status;
        }),
      );
    expect(await each()).toEqual([401, 401, 401]);
    expect(await each(bob)).toEqual([404, 404, 404]);
    expect((await here.ask("/-/npm/v1/hooks", { token: bob })).json()).toEqual({ objects: [] });
    const seen = (await here.ask("/-/npm/v1/hooks", { token: root })).json().objects;
    expect(seen.map((hook: any) => [hook.id, hook.username])).toEqual([[id, "ann"]]);
    expect((await here.ask(`${path}/${id}`, { method: "DELETE", token: root })).status).toBe(200);
    expect((await here.ask("/-/npm/v1/hooks", { token: ann })).json()).toEqual({ objects: [] });
  });

  test("is nothing that a token with less than all rights can see or make", async () => {
    await using all = await hooked();
    const { here, to } = all;
    await here.signIn("ann");
    const grant = { packages: "write", orgs: "none", manage: false } as const;
    const { token } = await here.citadel.accounts.issue("ann", { grant }, { name: "ann", via: "npm" }); // prettier-ignore
    const body = { type: "package", name: "one", endpoint: to.url, secret };
    expect((await here.ask(path, { method: "POST", token, body })).status).toBe(403);
    expect((await here.ask("/-/npm/v1/hooks", { token })).status).toBe(403);
  });

  test("is one of so many that a user may have (E_HOOKS_FULL)", async () => {
    await using all = await hooked({ "hooks.perUser": 2 });
    const { here, to } = all;
    const token = await here.signIn("ann");
    const body = { type: "package", name: "one", endpoint: to.url, secret };
    const answers = await Promise.all(
      [1, 2, 3, 4].map(() => here.ask(path, { method: "POST", token, body })),
    );
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b);
    expect(statuses).toEqual([201, 201, 409, 409]);
    expect(answers.find(({ status }) => status === 409)?.json().code).toBe("E_HOOKS_FULL");
    await all.hook(await here.signIn("bob"), "one");
  });

  test.each<[string, Record<string, unknown>]>([
    ["a name that is none", { name: "../one" }],
    ["a scope with more than a word", { type: "scope", name: "@a/b" }],
    ["a user that could not be", { type: "owner", name: "__proto__" }],
    ["another type", { type: "team" }],
    ["no secret", { secret: "" }],
    ["a secret that is no text", { secret: { a: 1 } }],
    ["too short a key", { secret: "whsec_AAAA" }],
    ["no address", { endpoint: "here" }],
    ["a long address", { endpoint: `https://example.com/${"a".repeat(2000)}` }],
  ])("is refused for %s", async (_, wrong) => {
    await using all = await hooked();
    const { here, to } = all;
    const token = await here.signIn("ann");
    const body = { type: "package", name: "one", endpoint: to.url, secret, ...wrong };
    expect((await here.ask(path, { method: "POST", token, body })).status).toBe(400);
    expect((await here.ask("/-/npm/v1/hooks", { token })).json()).toEqual({ objects: [] });
  });
});
