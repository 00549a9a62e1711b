// H8: who may not do something is refused by every route, and what somebody may not read is, for them, not there.
import { local } from "@citadel/core/access";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { pack, publishDocument } from "../support/packages.ts";
import { base, place, type Got, type Place } from "../serve/place.ts";

const who = { name: "local", via: "cli" } as const;

/** What each role may do to the package that nobody else can read; everybody reads the other one. */
const roles = {
  anonymous: { read: false, write: false, admin: false, star: false },
  stranger: { read: false, write: false, admin: false, star: true },
  "member without a team": { read: false, write: false, admin: false, star: true },
  "narrow token": { read: false, write: false, admin: false, star: false },
  "read-only token": { read: true, write: false, admin: false, star: false },
  "reader team": { read: true, write: false, admin: false, star: true },
  "writer team": { read: true, write: true, admin: false, star: true },
  owner: { read: true, write: true, admin: true, star: true },
  "organisation admin": { read: true, write: true, admin: true, star: true },
  administrator: { read: true, write: true, admin: true, star: true },
} as const;
type Role = keyof typeof roles;

const hidden = "@acme/hidden";
const open = "@acme/open";
/** never published */
const ghost = "@acme/ghost";

let here: Place;
const tokens = new Map<Role, string>();

beforeAll(async () => {
  here = await place();
  const { orgs, accounts, registry } = here.citadel;
  const people: Partial<Record<Role, string>> = {
    stranger: "eve",
    "member without a team": "dora",
    "reader team": "rita",
    "writer team": "will",
    owner: "ann",
    "organisation admin": "lea",
    administrator: "adam",
  };
  for (const [role, name] of Object.entries(people))
    tokens.set(role as Role, await here.signIn(name));
  await accounts.setAdmin("adam", true, who);
  const caller = {
    principal: await accounts.byToken(tokens.get("owner") ?? ""),
    via: "npm",
  } as const;
  await orgs.setMember("acme", "ann", undefined, caller);
  for (const name of ["dora", "rita", "will"])
    await orgs.setMember("acme", name, undefined, caller);
  await orgs.setMember("acme", "lea", "admin", caller);
  for (const [team, name] of [
    ["readers", "rita"],
    ["writers", "will"],
  ] as const) {
    await orgs.createTeam("acme", team, "", caller);
    await orgs.addToTeam("acme", team, name, caller);
  }
  for (const name of [hidden, open]) {
    const manifest = { name, version: "1.0.0", description: "findme" };
    const document = publishDocument(base, manifest, pack(manifest), "latest");
    const body = { ...document, access: name === hidden ? "restricted" : "public" };
    const got = await here.ask(inUrl(name), { method: "PUT", token: tokens.get("owner"), body });
    expect(got.status, got.text).toBe(201);
    const owner = {
      principal: await accounts.byToken(tokens.get("owner") ?? ""),
      via: "npm",
    } as const;
    await registry.setTeam(name, "acme:developers", "none", owner);
    await registry.setTeam(name, "acme:readers", "read", owner);
    await registry.setTeam(name, "acme:writers", "write", owner);
    await registry.star(name, true, owner);
  }
  const made = async (grant: object) =>
    (
      await here.ask("/-/npm/v1/tokens", {
        method: "POST",
        token: tokens.get("owner"),
        body: { password: "correct horse 1", ...grant },
      })
    ).json().token as string;
  tokens.set("read-only token", await made({ readonly: true, cidr_whitelist: [] }));
  const narrow = {
    name: "narrow",
    packages: ["@acme/other"],
    packages_and_scopes_permission: "read-write",
  };
  tokens.set("narrow token", await made(narrow));
});
afterAll(() => here[Symbol.asyncDispose]());

const inUrl = (name: string) => `/${name.replace("/", "%2f")}`;
const file = (name: string) => `${name.slice(name.indexOf("/") + 1)}-1.0.0.tgz`;
const encoded = (name: string) => name.replace("/", "%2f");

interface Ask {
  readonly method?: string;
  readonly path: (name: string) => string;
  readonly body?: (name: string) => unknown;
  readonly headers?: Readonly<Record<string, string>>;
}
type Right = "read" | "write" | "admin" | "star";

const publishing = (name: string) => {
  const manifest = { name, version: "1.0.0", description: "again" };
  return publishDocument(base, manifest, pack(manifest), "latest");
};

/** Every route that names a package, and the right that it needs. Those that change something are sent so that nothing changes. */
const routes: readonly (readonly [string, Right, Ask])[] = [
  ["packument", "read", { path: inUrl }],
  ["packument, by another spelling", "read", { path: (name) => `/${name}` }],
  ["packument for writing", "read", { path: (name) => `${inUrl(name)}?write=true` }],
  ["HEAD of the packument", "read", { method: "HEAD", path: inUrl }],
  ["packument as known", "read", { path: inUrl, headers: { "if-none-match": "*" } }],
  ["manifest", "read", { path: (name) => `${inUrl(name)}/1.0.0` }],
  ["manifest by tag", "read", { path: (name) => `${inUrl(name)}/latest` }],
  ["manifest that is not there", "read", { path: (name) => `${inUrl(name)}/9.9.9` }],
  [
    "manifest as known",
    "read",
    { path: (name) => `${inUrl(name)}/1.0.0`, headers: { "if-none-match": "*" } },
  ],
  ["tarball", "read", { path: (name) => `${inUrl(name)}/-/${file(name)}` }],
  [
    "HEAD of the tarball",
    "read",
    { method: "HEAD", path: (name) => `${inUrl(name)}/-/${file(name)}` },
  ],
  [
    "tarball as known",
    "read",
    { path: (name) => `${inUrl(name)}/-/${file(name)}`, headers: { "if-none-match": "*" } },
  ],
  [
    "part of the tarball",
    "read",
    { path: (name) => `${inUrl(name)}/-/${file(name)}`, headers: { range: "bytes=0-1" } },
  ],
  ["dist-tags", "read", { path: (name) => `/-/package/${encoded(name)}/dist-tags` }],
  ["owners", "read", { path: (name) => `/-/package/${encoded(name)}/owners` }],
  ["collaborators", "read", { path: (name) => `/-/package/${encoded(name)}/collaborators` }],
  [
    "collaborators for pnpm",
    "read",
    { path: (name) => `/-/package/${encoded(name)}/collaborators?format=cli` },
  ],
  ["visibility", "read", { path: (name) => `/-/package/${encoded(name)}/visibility` }],
  ["access", "read", { path: (name) => `/-/package/${encoded(name)}/access` }],
  ["attestations", "read", { path: (name) => `/-/npm/v1/attestations/${encoded(name)}@1.0.0` }],
  ["downloads", "read", { path: (name) => `/downloads/point/last-week/${name}` }],
  ["downloads by day", "read", { path: (name) => `/downloads/range/last-week/${name}` }],
  ["downloads by version", "read", { path: (name) => `/versions/${encoded(name)}/last-week` }],
  [
    "a file that is gone",
    "read",
    {
      method: "DELETE",
      path: (name) => `${inUrl(name)}/-/${file(name)}/-rev/1-x`.replace("1.0.0", "9.9.9"),
    },
  ],

  ["publish", "write", { method: "PUT", path: inUrl, body: publishing }],
  [
    "stage",
    "write",
    { method: "POST", path: (name) => `/-/stage/package/${encoded(name)}`, body: publishing },
  ],
  [
    "deprecate",
    "write",
    {
      method: "PUT",
      path: inUrl,
      body: (name) => ({ _id: name, versions: { "1.0.0": { deprecated: "x" } } }),
    },
  ],
  [
    "unpublish",
    "write",
    { method: "DELETE", path: (name) => `${inUrl(name)}/-rev/1-0000000000000000` },
  ],
  [
    "tag",
    "write",
    {
      method: "PUT",
      path: (name) => `/-/package/${encoded(name)}/dist-tags/next`,
      body: () => JSON.stringify("1.0.0"),
    },
  ],
  [
    "untag",
    "write",
    { method: "DELETE", path: (name) => `/-/package/${encoded(name)}/dist-tags/never` },
  ],

  [
    "owner add",
    "admin",
    {
      method: "PUT",
      path: (name) => `/-/package/${encoded(name)}/owners`,
      body: () => ({ user: "ann" }),
    },
  ],
  [
    "owner rm",
    "admin",
    { method: "DELETE", path: (name) => `/-/package/${encoded(name)}/owners/nobody` },
  ],
  [
    "visibility set",
    "admin",
    {
      method: "POST",
      path: (name) => `/-/package/${encoded(name)}/access`,
      body: (name) => ({ access: name === open ? "public" : "restricted" }),
    },
  ],
  [
    "tfa set",
    "admin",
    {
      method: "POST",
      path: (name) => `/-/package/${encoded(name)}/access`,
      body: () => ({ publish_requires_tfa: false }),
    },
  ],
  [
    "team grant",
    "admin",
    {
      method: "PUT",
      path: () => "/-/team/acme/readers/package",
      body: (name) => ({ package: name, permissions: "read-only" }),
    },
  ],
  [
    "team revoke",
    "admin",
    {
      method: "DELETE",
      path: () => "/-/team/acme/developers/package",
      body: (name) => ({ package: name }),
    },
  ],
  ["trust list", "admin", { path: (name) => `/-/package/${encoded(name)}/trust` }],
  [
    "trust revoke",
    "admin",
    {
      method: "DELETE",
      path: (name) => `/-/package/${encoded(name)}/trust/00000000-0000-4000-8000-000000000000`,
    },
  ],

  [
    "star",
    "star",
    { method: "PUT", path: () => "/-/user/v1/star", body: (name) => ({ name, package: name }) },
  ],
  [
    "star by name",
    "star",
    { method: "PUT", path: (name) => `/-/user/package/${encoded(name)}/star` },
  ],
  [
    "star in the document",
    "read",
    { method: "PUT", path: inUrl, body: (name) => ({ _id: name, users: { ann: true } }) },
  ],
];

const send = (role: Role, { method = "GET", path, body, headers = {} }: Ask, name: string) =>
  here.ask(path(name), {
    method,
    headers,
    token: tokens.get(role),
    ...(body && { body: body(name) }),
  });

const codeOf = (got: Got): string | undefined =>
  got.text.startsWith("{") ? got.json().code : undefined;
const changes = ({ method = "GET" }: Ask): boolean => method !== "GET" && method !== "HEAD";
const refusals = [
  "E_FORBIDDEN",
  "E_AUTH_REQUIRED",
  "E_AUTH_INVALID",
  "E_PACKAGE_NOT_FOUND",
  "E_ORG_NOT_FOUND",
];

/** An answer without what is its own or that of the name. */
const alike = (got: Got, name: string) => [
  got.status,
  got.text.replaceAll(name.slice(name.indexOf("/") + 1), "NAME").replace(/"requestId":"[^"]*"/, ""),
  Array.from(got.headers).filter(
    ([field]) => !["x-request-id", "date", "content-length"].includes(field),
  ),
];

describe.each(Object.keys(roles) as Role[])("attack 46: %s", (role) => {
  const rights = roles[role];

  test.each(routes)("%s of a package that everybody reads", async (_, right, ask) => {
    const got = await send(role, ask, open);
    if (right === "read" && changes(ask) && role === "anonymous")
      expect(got.status, got.text).toBe(401);
    else if (right === "read" || rights[right]) {
      expect(refusals, got.text).not.toContain(codeOf(got));
    } else {
      expect([401, 403, 404], got.text).toContain(got.status);
      expect(refusals, got.text).toContain(codeOf(got));
      expect(got.status === 401, got.text).toBe(role === "anonymous");
    }
  });

  test.each(routes)("%s of a restricted package", async (what, right, ask) => {
    const got = await send(role, ask, hidden);
    if (rights.read && rights[right]) expect(refusals, got.text).not.toContain(codeOf(got));
    else if (rights.read) {
      expect(got.status, got.text).toBe(403);
      expect(codeOf(got)).toBe("E_FORBIDDEN");
    } else if (role === "member without a team" && (what === "publish" || what === "stage")) {
      // who may make new names there learns that this one is taken, and no more
      expect([got.status, codeOf(got)], got.text).toEqual([404, "E_PACKAGE_NOT_FOUND"]);
    } else {
      expect([401, 403, 404], got.text).toContain(got.status);
      if (right === "read" && !changes(ask)) expect(got.status, got.text).toBe(404);
      // nothing tells it from a name that nobody ever published
      expect(alike(got, hidden)).toEqual(alike(await send(role, ask, ghost), ghost));
    }
  });

  test("attack 36: lists and counts hold what it may read, and no more", async () => {
    const expected = rights.read ? [hidden, open] : [open];
    const token = tokens.get(role);
    const get = async (path: string) => (await here.ask(path, { token })).json();
    const found = await get("/-/v1/search?text=findme");
    expect(found.total).toBe(expected.length);
    expect(found.objects.map((each: any) => each.package.name).toSorted()).toEqual(expected);
    expect((await get("/-/v1/search?text=hidden")).total).toBe(expected.length - 1);
    expect((await get("/-/v1/search?text=maintainer:ann&size=1")).total).toBe(expected.length);
    expect(Object.keys(await get("/-/org/acme/package"))).toEqual(expected);
    expect(Object.keys(await get("/-/user/ann/package"))).toEqual(expected);
    expect(
      (await get('/-/_view/starredByUser?key="ann"')).rows.map((row: any) => row.value),
    ).toEqual(expected);
    expect(await get("/-/user/ann/stars")).toEqual(expected);
    const changed = (await get("/_changes")).results.map((row: any) => row.id);
    expect([...new Set(changed)].toSorted((a: any, b: any) => a.localeCompare(b))).toEqual(
      expected,
    );
  });

  test("attack 16: what not everybody may read is kept by no shared cache", async () => {
    for (const name of [open, hidden])
      for (const path of [
        inUrl(name),
        `${inUrl(name)}/1.0.0`,
        `${inUrl(name)}/-/${file(name)}`,
        `/-/package/${encoded(name)}/dist-tags`,
      ]) {
        const got = await here.ask(path, { token: tokens.get(role) });
        const control = got.headers.get("cache-control") ?? "";
        if (name === open) expect(control, path).not.toMatch(/private|no-store/);
        else if (rights.read) {
          expect(control, path).toMatch(/private/);
          expect(got.headers.get("vary"), path).toContain("authorization");
        } else expect(control, path).toMatch(/no-store/);
        const etag = got.headers.get("etag");
        if (etag === null) continue;
        const again = await here.ask(path, {
          token: tokens.get(role),
          headers: { "if-none-match": etag },
        });
        expect(again.status, path).toBe(304);
        expect(again.headers.get("cache-control"), path).toBe(control);
      }
  });
});

describe("H8 a closed registry", () => {
  test("nobody who is not signed in learns of anything; at once, without a restart", async () => {
    await using closed = await place();
    const ann = await closed.signIn("ann");
    await closed.publish(ann, { name: "there", version: "1.0.0" });
    const { access } = closed.citadel;
    const operator = { principal: local, via: "cli" } as const;
    expect((await closed.ask("/there")).status).toBe(200);
    await access.set({ pattern: "*", read: ["$authenticated"] }, operator);
    const paths = ["/NAME", "/NAME/latest", "/NAME/-/NAME-1.0.0.tgz", "/-/package/NAME/dist-tags"];
    for (const path of paths) {
      const [one, other] = await Promise.all(
        ["there", "elsewhere"].map(async (name) => {
          const got = await closed.ask(path.replaceAll("NAME", name));
          return [got.status, got.text.replaceAll(name, "NAME").replace(/"requestId".*/, "")];
        }),
      );
      expect(one, path).toEqual(other);
      expect(one?.[0], path).toBe(401);
      expect((await closed.ask(path.replaceAll("NAME", "there"), { token: ann })).status).toBe(200);
    }
    expect((await closed.ask("/-/v1/search?text=there")).json().total).toBe(0);
    expect((await closed.ask("/-/v1/search?text=there", { token: ann })).json().total).toBe(1);
    const got = await closed.ask("/there", { token: ann });
    expect(got.headers.get("cache-control")).toContain("private");
    expect((await closed.ask("/-/package/there/visibility", { token: ann })).json()).toEqual({
      public: false,
    });
    await access.remove("*", operator);
    expect((await closed.ask("/there")).status).toBe(200);
  });

  test("new names are for whom the rule lists; owners go on with theirs", async () => {
    await using here = await place();
    const [ann, bob] = [await here.signIn("ann"), await here.signIn("bob")];
    await here.publish(bob, { name: "bobs", version: "1.0.0" });
    const operator = { principal: local, via: "cli" } as const;
    await here.citadel.access.set({ pattern: "*", write: ["ann"] }, operator);
    const status = async (token: string, name: string, version: string) =>
      (await here.publish(token, { name, version })).status;
    expect(await status(bob, "fresh", "1.0.0")).toBe(403);
    expect(await status(bob, "@bob/fresh", "1.0.0")).toBe(403);
    expect(await status(bob, "bobs", "1.0.1")).toBe(201);
    expect(await status(ann, "fresh", "1.0.0")).toBe(201);
    // named, ann may also write what is there
    expect(await status(ann, "bobs", "1.0.2")).toBe(201);
    await here.citadel.access.set({ pattern: "*", write: ["$authenticated"] }, operator);
    expect(await status(ann, "bobs", "1.0.3")).toBe(403);
  });
});

describe("attack 45: what a token may is what its user may at that moment", () => {
  test("out of the team, out of the organisation, no administrator any more", async () => {
    await using here = await place();
    const { orgs, accounts, registry } = here.citadel;
    const [ann, bob] = [await here.signIn("ann"), await here.signIn("bob")];
    const adam = await here.signIn("adam");
    await accounts.setAdmin("adam", true, who);
    const owner = async () => ({ principal: await accounts.byToken(ann), via: "npm" }) as const;
    await orgs.setMember("acme", "ann", undefined, await owner());
    await orgs.setMember("acme", "bob", undefined, await owner());
    const manifest = { name: "@acme/p", version: "1.0.0" };
    const document = publishDocument(base, manifest, pack(manifest), "latest");
    const body = { ...document, access: "restricted" };
    await here.ask("/@acme%2fp", { method: "PUT", token: ann, body });
    const status = async (token: string) => (await here.ask("/@acme%2fp", { token })).status;
    expect([await status(bob), await status(adam)]).toEqual([200, 200]);
    await orgs.removeFromTeam("acme", "developers", "bob", await owner());
    expect(await status(bob)).toBe(404);
    await registry.setTeam("@acme/p", "acme:developers", "read", await owner());
    await orgs.addToTeam("acme", "developers", "bob", await owner());
    expect(await status(bob)).toBe(200);
    await orgs.removeMember("acme", "bob", await owner());
    expect(await status(bob)).toBe(404);
    await accounts.setAdmin("adam", false, who);
    expect(await status(adam)).toBe(404);
  });
});

test("attack 36: how many packages there are is how many the caller may read", async () => {
  await using closed = await place();
  const ann = await closed.signIn("ann");
  for (const name of ["one", "two"]) await closed.publish(ann, { name, version: "1.0.0" });
  const count = async (token?: string) => (await closed.ask("/", { token })).json().doc_count;
  expect([await count(), await count(ann)]).toEqual([2, 2]);
  const operator = { principal: local, via: "cli" } as const;
  await closed.citadel.access.set({ pattern: "two", read: ["$authenticated"] }, operator);
  expect([await count(), await count(ann)]).toEqual([1, 2]);
  await closed.citadel.access.set({ pattern: "*", read: ["$authenticated"] }, operator);
  expect([await count(), await count(ann)]).toEqual([0, 2]);
});
