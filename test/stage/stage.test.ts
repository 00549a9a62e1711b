import { createHash } from "node:crypto";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

import { stageKind } from "@citadel/core/stage";
import { pack, publishDocument, tarOf, type Manifest } from "../support/packages.ts";
import { gzipSync } from "node:zlib";
import { tempFolder } from "../support/temp.ts";
import { authenticator } from "../support/totp.ts";
import { base, place, type Got, type Place } from "../serve/place.ts";

const one = { name: "one", version: "1.0.0" };
const scoped = { name: "@ann/ui", version: "2.0.0-rc.1" };
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const stage = (
  here: Place,
  token: string | undefined,
  manifest: Manifest,
  tarball = pack(manifest),
  tag = "latest",
): Promise<Got> =>
  here.ask(`/-/stage/package/${manifest.name.replace("/", "%2f")}`, {
    method: "POST",
    token,
    body: publishDocument(base, manifest, tarball, tag),
  });

async function staged(here: Place, token: string, manifest: Manifest, tarball?: Buffer) {
  const got = await stage(here, token, manifest, tarball);
  if (got.status !== 201) throw new Error(got.text);
  return got.json().stageId as string;
}

const approve = (here: Place, token: string, id: string): Promise<Got> =>
  here.ask(`/-/stage/${id}/approve`, { method: "POST", token });
const reject = (here: Place, token: string, id: string): Promise<Got> =>
  here.ask(`/-/stage/${id}`, { method: "DELETE", token });

describe("H6 staged publishing", () => {
  test("H6: a staged version is nowhere until it is approved, then it is a version like any other", async () => {
    await using here = await place();
    const ann = await here.signIn("ann");
    const tarball = pack(scoped);
    const id = await staged(here, ann, scoped, tarball);
    expect(id).toMatch(uuid);
    expect((await here.ask("/@ann%2fui")).status).toBe(404);
    expect((await here.ask("/@ann/ui/-/ui-2.0.0-rc.1.tgz", { token: ann })).status).toBe(404);

    const item = (await here.ask(`/-/stage/${id}`, { token: ann })).json();
    expect(item).toEqual({
      id,
      packageName: "@ann/ui",
      version: "2.0.0-rc.1",
      tag: "latest",
      createdAt: expect.stringMatching(/^\d{4}-.*Z$/),
      actor: "ann",
      actorType: "user",
      shasum: createHash("sha1").update(tarball).digest("hex"),
      status: "pending",
    });
    const content = await here.ask(`/-/stage/${id}/tarball`, { token: ann });
    expect(Buffer.from(content.bytes).equals(tarball)).toBe(true);

    const done = await approve(here, ann, id);
    expect([done.status, done.json()]).toMatchObject([201, { ok: true, id: "@ann/ui" }]);
    const document = (await here.ask("/@ann%2fui")).json();
    expect(document["dist-tags"]).toEqual({ latest: "2.0.0-rc.1" });
    expect(document.versions["2.0.0-rc.1"]).toMatchObject({
      _npmUser: { name: "ann", email: "ann@example.invalid", approver: { name: "ann" } },
      dist: { shasum: item.shasum },
    });
    expect((await here.ask(`/-/stage/${id}`, { token: ann })).status).toBe(404);
    expect((await approve(here, ann, id)).status).toBe(404);
  });

  test("H6, B6: what waits is shown in the dashboard to those who may decide, and to nobody else; a reason stands in the history", async () => {
    await using here = await place();
    const [ann, eve] = [await here.signIn("ann"), await here.signIn("eve")];
    await here.publish(ann, one);
    const id = await staged(here, ann, { ...one, version: "1.1.0", license: "MIT" });
    const at = `/_dashboard/api/packages/one/at/staged:${id}`;
    expect((await here.ask(`${at}/files`, { token: ann })).json()).toMatchObject({
      ...{ name: "one", version: "1.1.0", cut: false },
      items: expect.arrayContaining([{ path: "index.js", size: expect.any(Number) }]),
    });
    expect((await here.ask(at, { token: ann })).json()).toMatchObject({ license: "MIT" });
    const compared = `/_dashboard/api/packages/one/compare/1.0.0/staged:${id}`;
    expect((await here.ask(compared, { token: ann })).json()).toMatchObject({ total: 2 });
    for (const token of [eve, undefined])
      for (const path of [at, `${at}/files`, compared, `/_dashboard/raw/one/staged:${id}/index.js`])
        expect([path, (await here.ask(path, { token })).status]).toEqual([path, 404]);
    // under another name it is nothing either
    await here.publish(ann, { name: "two", version: "1.0.0" });
    expect((await here.ask(at.replace("one", "two"), { token: ann })).status).toBe(404);
    const decline = (reason: string) =>
      here.ask(`/-/stage/${id}?reason=${reason}`, { method: "DELETE", token: ann });
    expect((await decline("x".repeat(501))).status).toBe(400);
    expect((await decline("too%20early")).status).toBe(204);
    const told: unknown[] = [];
    for await (const { changes } of here.citadel.store.ledger(stageKind()).history(id.slice(0, 8)))
      told.push(...changes.flatMap(({ events }) => events));
    expect(told).toContainEqual({ type: "remove", id, outcome: "rejected", reason: "too early" });
  });

  test("H6: the version says who staged and who approved it, and so does the history", async () => {
    await using here = await place();
    const [ann, bob] = [await here.signIn("ann"), await here.signIn("bob")];
    await here.publish(ann, one);
    const owners = await here.ask("/-/package/one/owners", {
      method: "PUT",
      token: ann,
      body: { user: "bob" },
    });
    expect(owners.status).toBe(200);
    const id = await staged(here, bob, { ...one, version: "1.1.0" });
    expect((await approve(here, ann, id)).status).toBe(201);
    const manifest = (await here.ask("/one/1.1.0")).json();
    expect(manifest._npmUser).toEqual({
      name: "bob",
      email: "bob@example.invalid",
      approver: { name: "ann", email: "ann@example.invalid" },
    });
    const [entry] = await Array.fromAsync(here.citadel.registry.packages.history("one"));
    expect(entry?.changes).toMatchObject([
      { who: { name: "ann" }, events: [{ type: "publish", staged: { id, by: "bob" } }] },
    ]);
  });

  test("H6: it keeps its tag, and its readme", async () => {
    await using here = await place();
    const ann = await here.signIn("ann");
    await here.publish(ann, one);
    const next = { ...one, version: "2.0.0-beta.1" };
    const document = { ...publishDocument(base, next, pack(next), "beta"), readme: "# A beta" };
    const got = await here.ask("/-/stage/package/one", {
      method: "POST",
      token: ann,
      body: document,
    });
    expect((await approve(here, ann, got.json().stageId)).status).toBe(201);
    const read = (await here.ask("/one")).json();
    expect(read["dist-tags"]).toEqual({ latest: "1.0.0", beta: "2.0.0-beta.1" });
    const { record } = await here.citadel.registry.resolve("one", "2.0.0-beta.1", {
      principal: { kind: "local", name: "local", admin: true },
      via: "cli",
    });
    const readme = await here.citadel.store.manifests.get(record.readme ?? "");
    expect(Buffer.from(readme ?? []).toString()).toBe("# A beta");
  });

  test("H6: a new package has the visibility that it was staged with", async () => {
    await using here = await place();
    const ann = await here.signIn("ann");
    const document = publishDocument(base, scoped, pack(scoped));
    const got = await here.ask("/-/stage/package/@ann%2fui", {
      method: "POST",
      token: ann,
      body: { ...document, access: "restricted" },
    });
    expect((await approve(here, ann, got.json().stageId)).status).toBe(201);
    expect((await here.ask("/@ann%2fui")).status).toBe(404);
    expect((await here.ask("/@ann%2fui", { token: ann })).status).toBe(200);
  });

  test("H6: what publish would refuse is refused when it is staged", async () => {
    await using here = await place();
    const [ann, bob] = [await here.signIn("ann"), await here.signIn("bob")];
    await here.publish(ann, one);
    const other = gzipSync(
      tarOf([{ path: "package/package.json", content: '{"name":"one","version":"9.9.9"}' }]),
    );
    const got = await Promise.all([
      stage(here, ann, one, pack(one, { "new.js": "1" })),
      stage(here, bob, { ...one, version: "1.0.1" }),
      stage(here, undefined, { ...one, version: "1.0.1" }),
      stage(here, ann, { ...one, version: "1.0.1" }, other),
      stage(here, ann, { name: "Upper", version: "1.0.0" }),
      here.ask("/-/stage/package/one", { method: "POST", token: ann, body: { name: "one" } }),
    ]);
    expect(got.map(({ status }) => status)).toEqual([409, 403, 401, 400, 400, 400]);
    expect((await here.ask("/-/stage", { token: ann })).json()).toEqual({ items: [], total: 0 });
  });

  test("H6: a version taken meanwhile is a conflict, and the item stays until it is rejected", async () => {
    await using here = await place();
    const ann = await here.signIn("ann");
    const id = await staged(here, ann, one, pack(one, { "a.js": "staged" }));
    await here.publish(ann, one);
    const late = await approve(here, ann, id);
    expect([late.status, late.json().code]).toEqual([409, "E_VERSION_EXISTS"]);
    expect((await here.ask(`/-/stage/${id}`, { token: ann })).json().status).toBe("pending");
    expect((await reject(here, ann, id)).status).toBe(204);
    expect((await reject(here, ann, id)).status).toBe(404);
  });

  test("H6: lists page by page, and of one package", async () => {
    await using here = await place({ "stage.perPackage": 10 });
    const ann = await here.signIn("ann");
    for (const version of ["1.0.0", "1.0.1", "1.0.2"]) await staged(here, ann, { ...one, version });
    await staged(here, ann, scoped);
    const list = async (query: string) => {
      const { items, total } = (await here.ask(`/-/stage${query}`, { token: ann })).json();
      return [total, ...items.map((item: { version: string }) => item.version)];
    };
    expect(await list("")).toEqual([4, "1.0.0", "1.0.1", "1.0.2", "2.0.0-rc.1"]);
    expect(await list("?page=0&perPage=3")).toEqual([4, "1.0.0", "1.0.1", "1.0.2"]);
    expect(await list("?page=1&perPage=3")).toEqual([4, "2.0.0-rc.1"]);
    expect(await list("?package=%40ann%2fui")).toEqual([1, "2.0.0-rc.1"]);
    expect(await list("?page=-1&perPage=1e9")).toEqual([
      4,
      "1.0.0",
      "1.0.1",
      "1.0.2",
      "2.0.0-rc.1",
    ]);
  });

  test("H6: a package has a bounded number of them; more are E_STAGE_FULL", async () => {
    await using here = await place({ "stage.perPackage": 2 });
    const ann = await here.signIn("ann");
    const id = await staged(here, ann, one);
    await staged(here, ann, { ...one, version: "1.0.1" });
    const full = await stage(here, ann, { ...one, version: "1.0.2" });
    expect([full.status, full.json().code]).toEqual([409, "E_STAGE_FULL"]);
    await reject(here, ann, id);
    expect((await stage(here, ann, { ...one, version: "1.0.2" })).status).toBe(201);
  });

  test("H6: the collector keeps what is pending, and takes what was rejected or is too old", async () => {
    await using here = await place({ "store.grace": 0, "stage.expiry": 3_600_000 }, "sqlite");
    const ann = await here.signIn("ann");
    const kept = await staged(here, ann, one);
    const gone = await staged(here, ann, { ...one, version: "1.0.1" });
    await reject(here, ann, gone);
    const tarballs = async (): Promise<number> => {
      const page = await here.citadel.store.driver.list({ prefix: "b/" });
      return page.entries.length;
    };
    await new Promise((resolve) => setTimeout(resolve, 20));
    await here.citadel.collect();
    expect(await tarballs()).toBe(1);
    expect((await approve(here, ann, kept)).status).toBe(201);
    expect((await here.ask("/one/-/one-1.0.0.tgz")).status).toBe(200);
    expect((await here.citadel.verify()).items).toEqual([]);
  });

  test("H6: what nobody decides on expires", async () => {
    await using here = await place({ "store.grace": 0, "stage.expiry": 40 }, "sqlite");
    const ann = await here.signIn("ann");
    const id = await staged(here, ann, one);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect((await here.ask(`/-/stage/${id}`, { token: ann })).status).toBe(404);
    expect((await approve(here, ann, id)).status).toBe(404);
    expect(await here.citadel.registry.stages.expire()).toBe(1);
    await here.citadel.collect();
    expect((await here.citadel.store.driver.list({ prefix: "b/" })).entries).toEqual([]);
  });

  test("H6: a large tarball is staged without being held in memory, and comes back whole", async () => {
    await using here = await place({}, "sqlite");
    const ann = await here.signIn("ann");
    const tarball = pack(one, { "noise.bin": noise(3 * 2 ** 20) }, 0);
    const id = await staged(here, ann, one, tarball);
    expect((await approve(here, ann, id)).status).toBe(201);
    const got = await here.ask("/one/-/one-1.0.0.tgz");
    expect(Buffer.from(got.bytes).equals(tarball)).toBe(true);
  });
});

describe("H6 who may", () => {
  test("attack 26: a stranger finds no staged package, whatever it tries", async () => {
    await using here = await place();
    const [ann, eve] = [await here.signIn("ann"), await here.signIn("eve")];
    await here.publish(ann, one);
    const id = await staged(here, ann, { ...one, version: "1.1.0" });
    const made = "00000000-0000-4000-8000-000000000000";
    for (const guess of [id, made, `${id.slice(0, 8)}${made.slice(8)}`]) {
      const got = await Promise.all([
        here.ask(`/-/stage/${guess}`, { token: eve }),
        here.ask(`/-/stage/${guess}/tarball`, { token: eve }),
        approve(here, eve, guess),
        reject(here, eve, guess),
      ]);
      expect(got.map(({ status }) => status)).toEqual([404, 404, 404, 404]);
      // the answer to a foreign id and that to one that never was differ in nothing
      expect(got[0]?.json().error).toBe(`there is no staged package "${guess}"`);
    }
    for (const odd of ["__proto__", "..%2f..", "x".repeat(300), "%00"])
      expect([400, 404]).toContain((await here.ask(`/-/stage/${odd}`, { token: ann })).status);
    expect((await here.ask("/-/stage", { token: eve })).json()).toEqual({ items: [], total: 0 });
    expect((await here.ask("/-/stage?package=one", { token: eve })).json().total).toBe(0);
    const nobody = await Promise.all([
      here.ask(`/-/stage/${id}`),
      here.ask("/-/stage"),
      here.ask(`/-/stage/${id}/approve`, { method: "POST" }),
      here.ask(`/-/stage/${id}`, { method: "DELETE" }),
    ]);
    expect(nobody.map(({ status }) => status)).toEqual([401, 401, 401, 401]);
    expect((await here.ask("/one")).json()["dist-tags"]).toEqual({ latest: "1.0.0" });
  });

  test("attack 26: a token that may only stage does not publish, approve, tag or look at others", async () => {
    await using here = await place();
    const ann = await here.signIn("ann");
    await here.publish(ann, one);
    const made = await here.ask("/-/npm/v1/tokens", {
      method: "POST",
      token: ann,
      body: {
        password: "correct horse 1",
        name: "ci",
        packages: ["one"],
        packages_and_scopes_permission: "read-write-stage-only",
      },
    });
    expect(made.status, made.text).toBe(200);
    const { token } = made.json();
    const next = { ...one, version: "1.1.0" };
    expect((await here.publish(token, next)).status).toBe(403);
    expect((await stage(here, token, scoped)).status).toBe(403);
    const id = await staged(here, token, next);
    const foreign = await staged(here, ann, scoped);
    expect((await here.ask(`/-/stage/${id}`, { token })).json().version).toBe("1.1.0");
    expect((await here.ask(`/-/stage/${foreign}`, { token })).status).toBe(404);
    expect((await here.ask("/-/stage", { token })).json().total).toBe(1);
    expect((await approve(here, token, id)).status).toBe(403);
    const tagged = await here.ask("/-/package/one/dist-tags/latest", {
      method: "PUT",
      token,
      body: '"1.0.0"',
    });
    expect(tagged.status).toBe(403);
    expect((await approve(here, ann, id)).status).toBe(201);
  });

  test.each(["auth-only", "auth-and-writes"])(
    "attack 26: with %s, staging needs no code, approving and rejecting do, and no machine approves",
    async (mode) => {
      await using here = await place();
      const ann = await here.signIn("ann");
      await here.publish(ann, one);
      const password = "correct horse 1";
      const profile = (body: object) =>
        here.ask("/-/npm/v1/user", { method: "POST", token: ann, body });
      const machine = await here.ask("/-/npm/v1/tokens", {
        method: "POST",
        token: ann,
        body: { password, bypass_2fa: true },
      });
      const begun = await profile({ tfa: { mode, password } });
      const app = authenticator(begun.json().tfa);
      const recovery = (await profile({ tfa: [app.code()] })).json().tfa as string[];

      const [first, second] = [
        await staged(here, ann, { ...one, version: "1.1.0" }),
        await staged(here, machine.json().token, { ...one, version: "1.2.0" }),
      ];
      for (const got of [await approve(here, ann, first), await reject(here, ann, first)])
        expect([got.status, got.headers.get("www-authenticate")]).toEqual([401, "OTP"]);
      for (const got of [
        await approve(here, machine.json().token, first),
        await reject(here, machine.json().token, first),
      ])
        expect(got.status).toBe(403);
      const with_ = (code: string | undefined) => ({
        token: ann,
        headers: { "npm-otp": code ?? "" },
      });
      const path = `/-/stage/${first}/approve`;
      expect((await here.ask(path, { method: "POST", ...with_("000000") })).status).toBe(401);
      const done = await here.ask(path, { method: "POST", ...with_(recovery[0]) });
      expect(done.status, done.text).toBe(201);
      const replayed = await here.ask(`/-/stage/${second}`, {
        method: "DELETE",
        ...with_(recovery[0]),
      });
      expect(replayed.status).toBe(401);
      const gone = await here.ask(`/-/stage/${second}`, {
        method: "DELETE",
        ...with_(recovery[1]),
      });
      expect(gone.status).toBe(204);
    },
  );

  test("attack 26: of many approvals at once one wins, and nothing is published twice", async () => {
    await using here = await place({}, "sqlite");
    const ann = await here.signIn("ann");
    const id = await staged(here, ann, one);
    const got = await Promise.all(Array.from({ length: 8 }, () => approve(here, ann, id)));
    const won = got.filter(({ status }) => status === 201);
    expect(won).toHaveLength(1);
    for (const { status } of got.filter((one) => !won.includes(one)))
      expect([404, 409]).toContain(status);
    const history = await Array.fromAsync(here.citadel.registry.packages.history("one"));
    expect(history).toHaveLength(1);
  });

  test("attack 26: of approvals on two servers over one store one wins", async () => {
    const temp = await tempFolder("two-servers");
    const store = {
      "store.documents": `sqlite:${join(temp.path, "registry.db")}`,
      "store.blobs": `file:${join(temp.path, "blobs")}`,
    };
    {
      await using left = await place(store, "sqlite");
      await using right = await place(store, "sqlite");
      const ann = await left.signIn("ann");
      for (let n = 0; n < 4; n++) {
        const id = await staged(left, ann, { ...one, version: `1.0.${n}` });
        const got = await Promise.all([left, right, left, right].map((at) => approve(at, ann, id)));
        expect(got.filter(({ status }) => status === 201)).toHaveLength(1);
        for (const { status } of got) expect([201, 404, 409]).toContain(status);
        expect((await right.ask(`/-/stage/${id}`, { token: ann })).status).toBe(404);
      }
      const history = await Array.fromAsync(right.citadel.registry.packages.history("one"));
      expect(history).toHaveLength(4);
    }
    await temp.remove();
  });

  test("attack 26: what somebody began to publish nobody else touches, until that has ended", async () => {
    await using here = await place();
    const ann = await here.signIn("ann");
    const id = await staged(here, ann, one);
    const ledger = here.citadel.store.ledger(stageKind());
    const claim = (until: number) =>
      ledger.change(id.slice(0, 8), { name: "bob", via: "npm" }, () => [
        { type: "claim", id, until, attempt: "other" },
      ]);
    await claim(Date.now() + 60_000);
    expect((await here.ask(`/-/stage/${id}`, { token: ann })).json().status).toBe("publishing");
    for (const got of [await approve(here, ann, id), await reject(here, ann, id)])
      expect([got.status, got.json().code]).toEqual([409, "E_CONFLICT"]);
    // a server that died in the middle leaves this
    await claim(Date.now() - 1);
    expect((await approve(here, ann, id)).status).toBe(201);
  });

  test("attack 24, attack 25: bombs and tarballs that are too large are refused when they are staged", async () => {
    await using here = await place({ "limits.tarball": "64KiB" });
    const ann = await here.signIn("ann");
    const large = await stage(here, ann, one, pack(one, { "noise.bin": noise(2 ** 17) }, 0));
    expect([large.status, large.json().code]).toEqual([413, "E_TOO_LARGE"]);
    const bomb = await here.ask("/-/stage/package/one", {
      method: "POST",
      token: ann,
      headers: { "content-encoding": "gzip" },
      body: gzipSync(Buffer.alloc(80 * 2 ** 20, " ")),
    });
    expect(bomb.status).toBe(413);
    expect((await here.ask("/-/stage", { token: ann })).json().total).toBe(0);
  });

  test("attack 26: what is being approved cannot be rejected, and what was rejected is never published", async () => {
    await using here = await place({}, "sqlite");
    const ann = await here.signIn("ann");
    for (let n = 0; n < 6; n++) {
      const manifest = { ...one, version: `1.0.${n}` };
      const id = await staged(here, ann, manifest);
      const [yes, no] = await Promise.all([approve(here, ann, id), reject(here, ann, id)]);
      expect([yes.status === 201, no.status === 204].filter(Boolean)).toHaveLength(1);
      const found = await here.ask(`/one/1.0.${n}`);
      expect(found.status).toBe(yes.status === 201 ? 200 : 404);
    }
  });
});

/** Bytes that do not compress, the same every time. */
function noise(size: number): Buffer {
  const parts: Buffer[] = [];
  for (let n = 0; n * 64 < size; n++) parts.push(createHash("sha512").update(String(n)).digest());
  return Buffer.concat(parts).subarray(0, size);
}
