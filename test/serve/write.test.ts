import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";

import { pack, publishDocument, type PublishDocument } from "../support/packages.ts";
import { age } from "../upstream/behind.ts";
import { base, place, type Place } from "./place.ts";

const one = { name: "one", version: "1.0.0" };

/** What the registry holds of a package, as a client sees it. */
const read = async (here: Place, name: string) =>
  (await here.ask(`/${name.replace("/", "%2f")}?write=true`)).json();

describe("B2 publish", () => {
  test("stores it, says the revision, and refuses the same number", async () => {
    await using here = await place();
    const token = await here.signIn("ann");
    const got = await here.publish(token, one);
    expect(got.status).toBe(201);
    expect(got.json()).toMatchObject({
      ok: true,
      success: true,
      id: "one",
      rev: expect.stringMatching(/^1-/),
    });
    const other = await here.publish(token, one, pack(one, { "new.js": "1" }));
    expect(other.status).toBe(409);
    expect(other.json().error).toBe(
      "You cannot publish over the previously published versions: 1.0.0.",
    );
  });

  test("a repeat whose answer got lost succeeds", async () => {
    await using here = await place();
    const token = await here.signIn("ann");
    const tarball = pack(one);
    await here.publish(token, one, tarball);
    expect((await here.publish(token, one, tarball)).status).toBe(201);
  });

  test("F4, H12: past limits.storage nothing more goes in, and administrators hear of it, once", async () => {
    await using here = await place({ "limits.storage": 20_000 });
    const token = await here.signIn("ann");
    const publish = async (version: string, bytes: number) => {
      const tarball = pack({ ...one, version }, { "big.bin": randomBytes(bytes) });
      return [tarball, await here.publish(token, { ...one, version }, tarball)] as const;
    };
    expect((await publish("1.0.0", 10_000))[1].status).toBe(201);
    const [second, got] = await publish("1.1.0", 8500);
    expect(got.status).toBe(201);
    for (const version of ["2.0.0", "2.0.1"]) {
      const [, refused] = await publish(version, 4000);
      expect([refused.status, refused.json().code]).toEqual([507, "E_STORAGE_QUOTA"]);
    }
    // a repeat whose answer got lost takes no room
    expect((await here.publish(token, { ...one, version: "1.1.0" }, second)).status).toBe(201);
    const told = await Array.fromAsync(here.citadel.notices.after(0));
    expect(told.map(({ type, data }) => [type, data["state"], data["limit"]])).toEqual([
      ["storage.quota", "nearly", 20_000],
      ["storage.quota", "full", 20_000],
    ]);
    const { principal } = { principal: { kind: "local", name: "local", admin: true } } as const;
    await here.citadel.registry.unpublish("one", ["1.0.0"], { principal, via: "cli" });
    await age(6000, async () => expect((await publish("2.0.2", 4000))[1].status).toBe(201));
  });

  test("a stranger, a nobody and a dead token are refused", async () => {
    await using here = await place();
    const [ann, bob] = [await here.signIn("ann"), await here.signIn("bob")];
    await here.publish(ann, one);
    const next = { ...one, version: "1.0.1" };
    expect((await here.publish(bob, next)).status).toBe(403);
    const anonymous = await here.ask("/one", { method: "PUT", body: {} });
    expect([anonymous.status, anonymous.headers.get("www-authenticate")]).toEqual([
      401,
      expect.stringMatching(/^Bearer/),
    ]);
    expect((await here.publish("npm_nonsense", next)).status).toBe(401);
  });

  const broken: readonly [string, (document: PublishDocument) => unknown][] = [
    ["another name in the document", (d) => (d.name = "two")],
    ["another _id", (d) => (d._id = "two")],
    ["no version", (d) => (d.versions = {})],
    ["two versions", (d) => (d.versions["2.0.0"] = { ...one, version: "2.0.0" })],
    ["versions that are a list", (d) => Object.assign(d, { versions: [] })],
    ["a version that is null", (d) => Object.assign(d, { versions: { "1.0.0": null } })],
    ["a tag to another version", (d) => (d["dist-tags"]["next"] = "2.0.0")],
    ["a tag that is a range", (d) => (d["dist-tags"] = { "1.x": "1.0.0" })],
    ["a wrong length", (d) => (only(d).length += 1)],
    ["data that is not base64", (d) => (only(d).data = `!!!!${only(d).data.slice(4)}`)],
    ["data that is a number", (d) => Object.assign(only(d), { data: 5 })],
    ["two tarballs", (d) => (d._attachments["two-1.0.0.tgz"] = { ...only(d) })],
    ["no tarball among its files", (d) => (d._attachments = { "one-1.0.0.sigstore": only(d) })],
    [
      "another integrity",
      (d) => Object.assign(d.versions["1.0.0"]?.["dist"] ?? {}, { integrity: "sha512-AAAA" }),
    ],
    ["another shasum", (d) => Object.assign(d.versions["1.0.0"]?.["dist"] ?? {}, { shasum: "00" })],
    [
      "dependencies that the tarball has not",
      (d) => Object.assign(d.versions["1.0.0"] ?? {}, { dependencies: { evil: "1" } }),
    ],
    ["a version that is none", (d) => (d.versions = { one: { ...one, version: "one" } })],
    ["bytes that are no tarball", (d) => Object.assign(only(d), { data: "AAAA", length: 3 })],
    ["a depth without end", (d) => Object.assign(d, { deep: 0 })],
  ];
  const only = (document: PublishDocument) => {
    const [attachment] = Object.values(document._attachments);
    if (!attachment) throw new Error("no attachment");
    return attachment;
  };

  const deep = "[".repeat(5000) + "]".repeat(5000);

  // each twice: read as a whole, and as a stream
  test.each(
    broken.flatMap(([what, spoil]) => [
      [what, false, spoil] as const,
      [what, true, spoil] as const,
    ]),
  )("refuses %s (streamed: %s) and keeps nothing", async (_, streamed, spoil) => {
    await using here = await place();
    const token = await here.signIn("ann");
    const document = publishDocument(base, one, pack(one));
    spoil(document);
    if (streamed) Object.assign(document, { padding: "x".repeat(2 ** 20) });
    const body = JSON.stringify(document).replace('"deep":0', `"deep":${deep}`);
    const got = await here.ask("/one", { method: "PUT", token, body });
    expect(got.status, got.text).toBe(400);
    expect(got.json().error).toMatch(/\S/);
    expect((await here.ask("/one")).status).toBe(404);
    expect(await spooled(here)).toEqual([]);
  });

  test.each([
    "{",
    "",
    "[]",
    "null",
    '"x"',
    "{}",
    '{"_attachments":1}',
    '{"_id":7}',
    '{"_id":"other","users":{}}',
    '{"_id":"one"}',
    '{"__proto__":{"polluted":1}}',
    '{"a":{"__proto__":1}}',
    "\u0000",
  ])("the body %j is a 4xx, and the process lives", async (body) => {
    await using here = await place();
    const token = await here.signIn("ann");
    await here.publish(token, one);
    for (const padding of ["", " ".repeat(2 ** 20)]) {
      const got = await here.ask("/one", { method: "PUT", token, body: body + padding });
      expect(got.status, got.text).toBe(400);
    }
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test("a large one is streamed: equal bytes, whatever the order of its fields", async () => {
    await using here = await place({}, "sqlite");
    const token = await here.signIn("ann");
    const tarball = pack(one, { "blob.bin": randomBytes(3 * 2 ** 20) }, 1);
    const { _attachments, ...rest } = publishDocument(base, one, tarball);
    const got = await here.ask("/one", { method: "PUT", token, body: { _attachments, ...rest } });
    expect(got.status, got.text).toBe(201);
    expect(Buffer.from((await here.ask("/one/-/one-1.0.0.tgz")).bytes).equals(tarball)).toBe(true);
    expect(await spooled(here)).toEqual([]);
  });

  test("F4 the limit on tarballs holds, streamed and not, and is named", async () => {
    await using here = await place({ "limits.tarball": 4096 });
    const token = await here.signIn("ann");
    for (const size of [8192, 4 * 2 ** 20]) {
      const got = await here.publish(token, one, pack(one, { "blob.bin": randomBytes(size) }));
      expect(got.status).toBe(413);
      expect(got.json()).toMatchObject({
        code: "E_TOO_LARGE",
        error: expect.stringContaining("4096"),
      });
    }
    const huge = await here.ask("/one", {
      method: "PUT",
      token,
      headers: { "content-length": "99999999999" },
      body: "{",
    });
    expect(huge.status).toBe(413);
    expect(await spooled(here)).toEqual([]);
  });

  test("a compressed body is read, and one that stops early leaves nothing", async () => {
    await using here = await place();
    const token = await here.signIn("ann");
    const body = gzipSync(
      JSON.stringify(publishDocument(base, one, pack(one, { x: randomBytes(2 ** 21) }))),
    );
    const send = (bytes: Uint8Array) =>
      here.ask("/one", {
        method: "PUT",
        token,
        headers: { "content-encoding": "gzip" },
        body: bytes,
      });
    expect((await send(body.subarray(0, body.length - 100_000))).status).toBe(400);
    expect(await spooled(here)).toEqual([]);
    expect((await send(body)).status).toBe(201);
    const odd = await here.ask("/one", {
      method: "PUT",
      token,
      headers: { "content-encoding": "compress" },
      body,
    });
    expect(odd.status).toBe(400);
  });

  const spooled = (here: Place) => readdir(join(here.folder, "data/tmp")).catch(() => []);
});

describe("B2 documents that come back", () => {
  test("deprecate takes nothing but the message", async () => {
    await using here = await place();
    const token = await here.signIn("ann");
    await here.publish(token, one);
    const document = await read(here, "one");
    document.versions["1.0.0"].deprecated = "use two";
    document.versions["1.0.0"].scripts = { postinstall: "evil" };
    document["dist-tags"] = { latest: "6.6.6" };
    expect((await here.ask("/one", { method: "PUT", token, body: document })).status).toBe(200);
    const after = await read(here, "one");
    expect(after.versions["1.0.0"]).toMatchObject({ deprecated: "use two" });
    expect(after.versions["1.0.0"].scripts).toBeUndefined();
    expect(after["dist-tags"]).toEqual({ latest: "1.0.0" });
    expect(after._rev).not.toBe(document._rev);
    expect((await here.ask("/one/latest")).json().deprecated).toBe("use two");

    after.versions["1.0.0"].deprecated = "";
    await here.ask("/one", { method: "PUT", token, body: after });
    expect((await read(here, "one")).versions["1.0.0"].deprecated).toBeUndefined();
    const stranger = await here.signIn("bob");
    expect(
      (await here.ask("/one", { method: "PUT", token: stranger, body: document })).status,
    ).toBe(403);
  });

  test("star sets the caller's own entry alone", async () => {
    await using here = await place();
    const [ann, bob] = [await here.signIn("ann"), await here.signIn("bob")];
    await here.publish(ann, one);
    const { _id, _rev } = await read(here, "one");
    const users = { bob: true, carl: true };
    const got = await here.ask("/one", { method: "PUT", token: bob, body: { _id, _rev, users } });
    expect([got.status, got.json().ok]).toEqual([200, true]);
    expect((await read(here, "one")).users).toEqual({ bob: true });
    await here.ask("/one", { method: "PUT", token: bob, body: { _id, _rev, users: {} } });
    expect((await read(here, "one")).users).toBeUndefined();
  });

  test("unpublish as npm does it: the PUT with a revision, then the file; the number stays taken", async () => {
    await using here = await place();
    const token = await here.signIn("ann");
    await here.publish(token, one);
    await here.publish(token, { ...one, version: "1.1.0" });
    const document = await read(here, "one");
    delete document.versions["1.1.0"];
    document["dist-tags"].latest = "1.0.0";
    const put = (rev: string, body: unknown = document) =>
      here.ask(`/one/-rev/${rev}`, { method: "PUT", token, body });
    expect((await put("1-stale")).status).toBe(409);
    expect((await put(document._rev)).status).toBe(200);
    expect((await put(document._rev)).status).toBe(409);
    const after = await read(here, "one");
    expect(Object.keys(after.versions)).toEqual(["1.0.0"]);
    expect(after["dist-tags"]).toEqual({ latest: "1.0.0" });
    const file = (version: string) =>
      here.ask(`/one/-/one-${version}.tgz/-rev/${after._rev}`, { method: "DELETE", token });
    expect((await file("1.1.0")).status).toBe(200);
    expect((await file("1.0.0")).status).toBe(409);
    expect((await file("9.9.9")).status).toBe(404);
    expect((await here.ask("/one/-/one-1.1.0.tgz")).status).toBe(404);
    expect((await here.publish(token, { ...one, version: "1.1.0" })).status).toBe(409);
  });

  test("the whole package goes by DELETE with its revision", async () => {
    await using here = await place();
    const [ann, bob] = [await here.signIn("ann"), await here.signIn("bob")];
    await here.publish(ann, one);
    const { _rev } = await read(here, "one");
    expect((await here.ask(`/one/-rev/${_rev}`, { method: "DELETE", token: bob })).status).toBe(
      403,
    );
    expect((await here.ask("/one/-rev/0-x", { method: "DELETE", token: ann })).status).toBe(409);
    expect((await here.ask(`/one/-rev/${_rev}`, { method: "DELETE", token: ann })).status).toBe(
      200,
    );
    expect((await here.ask("/one")).status).toBe(404);
    expect((await here.publish(ann, one)).status).toBe(409);
  });

  test("owners: npm's PUT, pnpm's routes, and yarn 1, which would lose all but one", async () => {
    await using here = await place();
    const [ann, bob] = [await here.signIn("ann"), await here.signIn("bob")];
    await here.publish(ann, one);
    const owners = async () =>
      (await read(here, "one")).maintainers.map(({ name }: { name: string }) => name);
    const put = async (token: string, maintainers: unknown, rev?: string) =>
      (
        await here.ask(`/one/-rev/${rev ?? (await read(here, "one"))._rev}`, {
          method: "PUT",
          token,
          body: { maintainers },
        })
      ).status;
    const both = [
      { name: "ann", email: "" },
      { name: "bob", email: "" },
    ];
    expect(await put(bob, both)).toBe(403);
    expect(await put(ann, both)).toBe(200);
    expect(await owners()).toEqual(["ann", "bob"]);
    expect(await put(ann, [{ name: "bob" }], "undefined")).toBe(409);
    expect(await put(ann, [])).toBe(400);
    expect(await put(ann, [{ name: "nobody" }])).toBe(404);
    expect(await put(ann, [{ name: "constructor" }])).toBe(404);
    expect(await owners()).toEqual(["ann", "bob"]);

    expect((await here.ask("/-/package/one/owners")).json()).toContainEqual({
      username: "bob",
      email: "bob@example.invalid",
    });
    expect(
      (await here.ask("/-/package/one/owners/ann", { method: "DELETE", token: bob })).status,
    ).toBe(200);
    expect(
      (await here.ask("/-/package/one/owners/bob", { method: "DELETE", token: bob })).status,
    ).toBe(400);
    expect(
      (
        await here.ask("/-/package/one/owners", {
          method: "PUT",
          token: bob,
          body: { user: "ann" },
        })
      ).status,
    ).toBe(200);
    expect(await owners()).toEqual(["bob", "ann"]);
  });

  test("tags move, go, and never point nowhere", async () => {
    await using here = await place();
    const token = await here.signIn("ann");
    await here.publish(token, { ...one, name: "@s/p" });
    for (const name of ["@s%2fp", "@s/p"]) {
      const tag = (path: string, sent = {}) =>
        here.ask(`/-/package/${name}/dist-tags${path}`, { token, ...sent });
      expect((await tag("/next", { method: "PUT", body: '"1.0.0"' })).status).toBe(201);
      expect((await tag("/pr%2F12", { method: "POST", body: '"1.0.0"' })).status).toBe(201);
      expect((await tag("")).json()).toEqual({ latest: "1.0.0", next: "1.0.0", "pr/12": "1.0.0" });
      expect((await tag("/next", { method: "PUT", body: '"9.9.9"' })).status).toBe(404);
      expect((await tag("/next", { method: "PUT", body: "1" })).status).toBe(400);
      expect((await tag("/1.x", { method: "PUT", body: '"1.0.0"' })).status).toBe(400);
      expect((await tag("/latest", { method: "DELETE" })).status).toBe(403);
      expect((await tag("/next", { method: "DELETE" })).status).toBe(200);
      expect((await tag("/next", { method: "DELETE" })).status).toBe(404);
      expect((await tag("/pr%2f12", { method: "DELETE" })).status).toBe(200);
    }
    expect(
      (await here.ask("/-/package/@s%2fp/dist-tags/next", { method: "PUT", body: '"1.0.0"' }))
        .status,
    ).toBe(401);
  });
});

describe("B3 accounts by the couch endpoint", () => {
  const user = (name: string, more: object = {}) => ({
    _id: `org.couchdb.user:${name}`,
    name,
    password: "correct horse 1",
    type: "user",
    roles: [],
    ...more,
  });
  const login = (here: Place, name: string, body: object, sent = {}) =>
    here.ask(`/-/user/org.couchdb.user:${name}`, { method: "PUT", body, ...sent });

  test("signs up, logs in again, says who one is, logs out", async () => {
    await using here = await place();
    const first = await login(here, "ann", user("ann", { email: "ann@example.invalid" }));
    expect(first.status).toBe(201);
    const again = await login(here, "ann", user("ann"));
    expect(again.status).toBe(201);
    const [one, two] = [first.json().token, again.json().token];
    expect(one).not.toBe(two);
    expect((await here.ask("/-/whoami", { token: one })).json()).toEqual({ username: "ann" });
    const basic = {
      authorization: `Basic ${Buffer.from("ann:correct horse 1").toString("base64")}`,
    };
    expect((await here.ask("/-/whoami", { headers: basic })).json()).toEqual({ username: "ann" });

    const bob = await here.signIn("bob");
    expect((await here.ask(`/-/user/token/${one}`, { method: "DELETE", token: bob })).status).toBe(
      404,
    );
    expect((await here.ask(`/-/user/token/${one}`, { method: "DELETE" })).status).toBe(401);
    expect((await here.ask(`/-/user/token/${one}`, { method: "DELETE", token: one })).status).toBe(
      200,
    );
    expect((await here.ask("/-/whoami", { token: one })).status).toBe(401);
    expect((await here.ask("/-/whoami", { token: two })).status).toBe(200);
  });

  test("a wrong password is a 401 with Basic, and changes nothing", async () => {
    await using here = await place();
    await here.signIn("ann");
    const wrong = await login(here, "ann", user("ann", { password: "guess" }));
    expect(wrong.status).toBe(401);
    expect(wrong.headers.get("www-authenticate")).toMatch(/^Basic/);
    expect(wrong.json().token).toBeUndefined();
    expect((await login(here, "ann", user("bob"))).status).toBe(400);
    expect((await login(here, "ann", user("ann"))).status).toBe(201);
  });

  test("the way over a 409: GET the user, PUT with its revision and Basic", async () => {
    await using here = await place();
    await here.signIn("ann");
    const { _rev, ...found } = (await here.ask("/-/user/org.couchdb.user:ann?write=true")).json();
    expect(found).toEqual({
      _id: "org.couchdb.user:ann",
      name: "ann",
      email: "",
      type: "user",
      roles: [],
      date: expect.any(String),
    });
    const put = (password: string) =>
      here.ask(`/-/user/org.couchdb.user:ann/-rev/${_rev}`, {
        method: "PUT",
        headers: { authorization: `Basic ${Buffer.from(`ann:${password}`).toString("base64")}` },
        body: user("ann", { _rev, password }),
      });
    expect((await put("correct horse 1")).status).toBe(201);
    expect((await put("wrong")).status).toBe(401);
    const token = await here.signIn("bob");
    for (const name of ["nobody", "constructor"])
      expect((await here.ask(`/-/user/org.couchdb.user:${name}`, { token })).status).toBe(404);
    const seen = await here.ask("/-/user/org.couchdb.user:ann", { token });
    expect(seen.json()).toMatchObject({ name: "ann", email: "ann@example.invalid" });
  });

  test.each([
    ["an object for a name", { name: {}, password: "x" }],
    ["a number for a password", { name: "ann", password: 1 }],
    ["nothing", {}],
    ["a name in upper case", { name: "Ann", password: "correct horse 1" }],
  ])("%s is a 400", async (_, body) => {
    await using here = await place();
    const { name } = body as { name?: unknown };
    expect((await login(here, typeof name === "string" ? name : "ann", body)).status).toBe(400);
  });

  test("__proto__ is no user, and the process lives", async () => {
    await using here = await place();
    expect((await login(here, "__proto__", user("__proto__"))).status).toBe(400);
    expect((await here.ask("/-/user/org.couchdb.user:__proto__")).status).toBe(404);
    expect((await here.ask("/-/ping")).status).toBe(200);
  });

  test("sign-up is open on loopback only, and never behind a proxy", async () => {
    const attempt = async (settings: Readonly<Record<string, unknown>>, headers = {}) => {
      await using here = await place(settings);
      return (await login(here, "ann", user("ann"), { headers })).status;
    };
    expect(await attempt({})).toBe(201);
    expect(await attempt({}, { "x-forwarded-for": "203.0.113.9" })).toBe(401);
    expect(await attempt({ "server.host": ["0.0.0.0"] })).toBe(401);
    expect(await attempt({ "server.publicUrl": "https://registry.example/" })).toBe(401);
    expect(await attempt({ "server.host": ["0.0.0.0"], "server.signup": "open" })).toBe(201);
    expect(await attempt({ "server.signup": "closed" })).toBe(401);
  });

  test("H8, attack 42: sign-up closes with the first administrator, whom no sign-up makes", async () => {
    await using here = await place();
    expect((await login(here, "ann", user("ann"))).status).toBe(201);
    expect(await here.citadel.accounts.user("ann")).toMatchObject({ admin: false });
    await here.citadel.accounts.setAdmin("ann", true, { name: "local", via: "cli" });
    expect((await login(here, "bob", user("bob"))).status).toBe(401);
    expect((await login(here, "ann", user("ann"))).status).toBe(201);
  });

  test("a dead token does not stop the install of a public package", async () => {
    await using here = await place();
    await here.publish(await here.signIn("ann"), one);
    expect((await here.ask("/one", { token: "npm_dead" })).status).toBe(200);
    expect((await here.ask("/one/-/one-1.0.0.tgz", { token: "npm_dead" })).status).toBe(200);
    expect((await here.ask("/missing", { token: "npm_dead" })).status).toBe(401);
  });
});
