// B6: what the dashboard is told of packages, and what hostile ones make of it.
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { base, place, type Place } from "../serve/place.ts";
import { behind, server, stock } from "../upstream/behind.ts";
import { osv } from "../support/osv.ts";
import { pack, publishDocument, tarOf, type Manifest, type TarEntry } from "../support/packages.ts";

const api = "/_dashboard/api/packages";
let here: Place;
let ann: string;
const get = async (path: string, token?: string) => {
  const got = await here.ask(`${api}/${path}`, { token });
  return [got.status, got.json()] as const;
};
const packed = (entries: readonly TarEntry[]): Buffer => gzipSync(tarOf(entries));
const publish = async (manifest: Manifest, tarball?: Buffer, tag?: string): Promise<void> => {
  const got = await here.publish(ann, manifest, tarball, tag);
  if (got.status !== 201) throw new Error(got.text);
};

beforeAll(async () => {
  here = await place();
  ann = await here.signIn("ann");
  await publish({ name: "dep", version: "1.0.0" });
  await publish({ name: "dep", version: "1.4.0" });
  await publish({ name: "dep", version: "2.0.0" });
  const one = (version: string, more: object = {}): Manifest => ({
    ...{ name: "@ann/one", version, description: "One.", license: "MIT", type: "module" },
    ...{
      types: "index.d.ts",
      engines: { node: ">=20" },
      repository: "git+https://h.example/o.git",
    },
    ...{ dependencies: { dep: "^1.0.0", gone: "1", here: "file:../here", alias: "npm:dep@2" } },
    ...more,
  });
  const files = (version: string): Record<string, string> => ({
    "README.md": `# One ${version}\n\n[guide](docs/guide.md) ![logo](img/logo.png)\n`,
    "lib/a.js": `first\n${version}\nlast\n`,
    "lib/same.js": "same\n",
    [version === "1.0.0" ? "old.js" : "new.js"]: "x\n",
  });
  for (const version of ["1.0.0", "1.1.0", "2.0.0-rc.1"]) {
    const scripts = version === "1.1.0" ? { scripts: { postinstall: "node build.js" } } : {};
    const manifest = one(version, scripts);
    await publish(
      manifest,
      pack(manifest, files(version)),
      version.includes("rc") ? "next" : "latest",
    );
  }
}, 60_000);
afterAll(() => here?.[Symbol.asyncDispose]());

describe("B6: a package", () => {
  test("all versions, the newest first by semver, with tags, dates, sizes, reasons", async () => {
    await here.ask("/@ann%2fone", {
      method: "PUT",
      token: ann,
      body: {
        ...(await here.ask("/@ann%2fone", { token: ann })).json(),
        ...{ name: "@ann/one", versions: { "1.0.0": { version: "1.0.0", deprecated: "old" } } },
      },
    });
    const [status, body] = await get("@ann/one");
    expect(status).toBe(200);
    expect(body).toMatchObject({
      ...{ name: "@ann/one", origin: "here", visibility: "public", owners: ["ann"], removed: [] },
      tags: { latest: "1.1.0", next: "2.0.0-rc.1" },
      versions: [
        { version: "2.0.0-rc.1", tags: ["next"], deprecated: null, by: "ann", attested: false },
        { version: "1.1.0", tags: ["latest"] },
        { version: "1.0.0", tags: [], deprecated: "old" },
      ],
    });
    expect(body.versions[0].size).toBeGreaterThan(100);
    expect(Date.parse(body.versions[0].time)).toBeGreaterThan(0);
  });

  test("a range takes what npm takes, and nonsense is said to be some", async () => {
    expect((await get("@ann/one/matching?range=^1.0.5"))[1].items).toEqual(["1.1.0"]);
    expect((await get("@ann/one/matching?range=%3E%3D2.0.0-rc.0"))[1].items).toEqual([
      "2.0.0-rc.1",
    ]);
    for (const bad of ["banana split", "1".repeat(5000)])
      expect((await get(`@ann/one/matching?range=${encodeURIComponent(bad)}`))[1]).toMatchObject({
        ...{ code: "E_BAD_REQUEST", status: 400 },
      });
  });

  test("one version: format, types, scripts on install, links, signature", async () => {
    const [, body] = await get("@ann/one/at/latest");
    expect(body).toMatchObject({
      ...{ version: "1.1.0", license: "MIT", repository: "https://h.example/o", by: "ann" },
      facts: {
        ...{ format: "module", types: true, engines: { node: ">=20" } },
        installScripts: [{ name: "postinstall", command: "node build.js" }],
        files: 6,
      },
      trust: { signature: "good", provenance: null },
      policy: { state: "none" },
      ...{ advisories: [], advised: null },
    });
    expect((await get("@ann/one/at/1.0.0"))[1].facts.installScripts).toEqual([]);
    expect((await get("@ann/one/at/9.9.9"))[1].code).toBe("E_VERSION_NOT_FOUND");
  });

  test("H2: where it says that it was built", async () => {
    const manifest = { name: "proven", version: "1.0.0" };
    const tarball = pack(manifest);
    const workflow = { repository: "https://h.example/o", ref: "refs/tags/v1", path: "ci.yml" };
    const statement = {
      subject: [
        {
          name: "pkg:npm/proven@1.0.0",
          digest: { sha512: createHash("sha512").update(tarball).digest("hex") },
        },
      ],
      predicateType: "https://slsa.dev/provenance/v1",
      predicate: {
        buildDefinition: {
          externalParameters: { workflow },
          resolvedDependencies: [{ digest: { gitCommit: "abc123" } }],
        },
      },
    };
    const data = JSON.stringify({
      mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
      verificationMaterial: { certificate: { rawBytes: "AA==" } },
      dsseEnvelope: {
        payload: Buffer.from(JSON.stringify(statement)).toString("base64"),
        payloadType: "application/vnd.in-toto+json",
        signatures: [{ sig: "AA==", keyid: "" }],
      },
    });
    const body = publishDocument(base, manifest, tarball);
    const type = "application/vnd.dev.sigstore.bundle.v0.3+json";
    body._attachments["proven-1.0.0.sigstore"] = { content_type: type, data, length: data.length };
    expect((await here.ask("/proven", { method: "PUT", token: ann, body })).status).toBe(201);
    expect((await get("proven/at/1.0.0"))[1].trust).toMatchObject({
      provenance: "https://slsa.dev/provenance/v1",
      built: {
        ...{ repository: "https://h.example/o", ref: "refs/tags/v1" },
        ...{ workflow: "ci.yml", commit: "abc123" },
      },
    });
    expect((await get("proven"))[1].versions[0].attested).toBe(true);
  });

  test("dependencies as npm would take them now, and who depends", async () => {
    const [, { items, total }] = await get("@ann/one/at/1.1.0/dependencies");
    expect(total).toBe(4);
    const named = Object.fromEntries(items.map((item: { name: string }) => [item.name, item]));
    expect(named).toMatchObject({
      dep: { resolved: "1.4.0", latest: "2.0.0", outdated: true, state: "found" },
      gone: { resolved: null, state: "missing" },
      here: { resolved: null, state: "address" },
      alias: { package: "dep", resolved: "2.0.0", outdated: false },
    });
    expect((await get("dep/dependents"))[1]).toEqual({
      total: 1,
      items: [{ name: "@ann/one", version: "1.1.0", kind: "dependencies", range: "^1.0.0" }],
    });
  });

  test("downloads of 90 days, today's too", async () => {
    const file = "/@ann/one/-/one-1.1.0.tgz";
    for (let n = 0; n < 3; n++) expect((await here.ask(file)).status).toBe(200);
    const [, body] = await get("@ann/one/downloads");
    expect(body.items).toHaveLength(90);
    expect(body).toMatchObject({ total: 3, versions: [{ version: "1.1.0", downloads: 3 }] });
    expect(body.items.at(-1).downloads).toBe(3);
  });
});

describe("B6: what is in a version", () => {
  test("README of that version, with links into its files", async () => {
    const [, { readme }] = await get("@ann/one/at/1.0.0/readme");
    expect(readme).toMatchObject({
      ...{ file: "README.md", from: "markdown", cut: false },
      headings: [{ level: 3, text: "One 1.0.0", id: "user-content-one-100" }],
    });
    expect(readme.html).toContain(
      'href="/_dashboard/package/@ann/one/v/1.0.0/files/docs/guide.md"',
    );
    expect(readme.html).toContain('src="/_dashboard/raw/@ann/one/1.0.0/img/logo.png"');
    expect((await get("@ann/one/at/1.0.0/readme"))[1].readme).toEqual(readme);
    expect((await get("dep/at/1.0.0/readme"))[1].readme).toBeNull();
  });

  test("files, and their content as text that nothing runs", async () => {
    const [, body] = await get("@ann/one/at/1.1.0/files");
    expect(body.items.map(({ path }: { path: string }) => path)).toEqual(
      ["README.md", "index.js", "lib/a.js", "lib/same.js", "new.js", "package.json"], // prettier-ignore
    );
    const got = await here.ask("/_dashboard/raw/@ann/one/1.1.0/lib/a.js");
    expect([got.status, got.text]).toEqual([200, "first\n1.1.0\nlast\n"]);
    expect(Object.fromEntries(got.headers)).toMatchObject({
      "content-type": "text/plain; charset=utf-8",
      "content-security-policy":
        "default-src 'none'; sandbox; form-action 'none'; frame-ancestors 'none'",
      "x-content-type-options": "nosniff",
      "cache-control": "private, no-cache",
    });
    const headers = { "if-none-match": got.headers.get("etag") ?? "" };
    expect((await here.ask("/_dashboard/raw/@ann/one/1.1.0/lib/a.js", { headers })).status).toBe(
      304,
    );
    expect((await here.ask("/_dashboard/raw/@ann/one/1.1.0?path=lib%2Fa.js")).text).toBe(got.text);
  });

  test("what changed between two versions, file by file and line by line", async () => {
    const [, body] = await get("@ann/one/compare/1.0.0/1.1.0");
    expect(body).toMatchObject({ from: "1.0.0", to: "1.1.0", total: 6, cut: false });
    const changes = body.items.map((one: { path: string; change: string }) => [
      one.path,
      one.change,
    ]);
    expect(Object.fromEntries(changes)).toEqual({
      ...{ "README.md": "changed", "index.js": "changed", "lib/a.js": "changed" },
      ...{ "new.js": "added", "old.js": "removed", "package.json": "changed" },
    });
    const file = async (path: string) =>
      (await get(`@ann/one/compare/1.0.0/1.1.0/file?path=${encodeURIComponent(path)}`))[1];
    expect((await file("lib/a.js")).hunks).toEqual([
      { before: 1, after: 1, lines: [" first", "-1.0.0", "+1.1.0", " last"] },
    ]);
    expect((await file("new.js")).hunks[0].lines).toEqual(["+x"]);
    expect((await file("lib/none.js")).code).toBe("E_NOT_FOUND");
  });
});

test("attack 46: what somebody may not read is not there, in any of the answers", async () => {
  const manifest = { name: "@ann/hidden", version: "1.0.0" };
  const body = { ...manifest, access: "restricted", tarball: pack(manifest).toString("base64") };
  expect((await here.ask("/api/v1/packages", { method: "POST", token: ann, body })).status).toBe(
    201,
  );
  const eve = await here.signIn("eve");
  const below = [
    "",
    "/matching?range=*",
    "/dependents",
    "/downloads",
    "/at/1.0.0",
    "/at/1.0.0/readme",
  ];
  const more = ["/at/1.0.0/dependencies", "/at/1.0.0/files", "/compare/1.0.0/1.0.0"];
  const paths = [
    ...[...below, ...more].map((path) => `${api}/@ann/hidden${path}`),
    `${api}/@ann/hidden/compare/1.0.0/1.0.0/file?path=index.js`,
    "/_dashboard/raw/@ann/hidden/1.0.0/index.js",
  ];
  for (const path of paths) {
    expect((await here.ask(path, { token: ann })).status, path).toBe(200);
    for (const token of [eve, undefined]) {
      const [one, other] = await Promise.all([
        here.ask(path, { token }),
        here.ask(path.replace("hidden", "nothing"), { token }),
      ]);
      expect([one.status, one.json().code], path).toEqual([404, other.json().code]);
    }
  }
  // who is signed in to the dashboard asks with a cookie
  const by = { username: "ann", password: "correct horse 1" };
  const session = await here.ask("/_dashboard/api/session", { method: "POST", body: by });
  const cookie = session.headers.get("set-cookie")?.split(";", 1)[0] ?? "";
  for (const path of paths)
    expect((await here.ask(path, { headers: { cookie } })).status, path).toBe(200);
  // nor is it named where others are
  const needs = { name: "@ann/open", version: "1.0.0", dependencies: { "@ann/hidden": "1" } };
  await publish(needs);
  const seen = await here.ask(`${api}/@ann/open/at/1.0.0/dependencies`, { token: eve });
  expect(seen.json().items[0]).toMatchObject({ state: "missing", resolved: null });
});

describe("attacks 29, 30: files that somebody published", () => {
  const raw = (path: string) =>
    here.ask(`/_dashboard/raw/hostile/1.0.0?path=${encodeURIComponent(path)}`);
  const strange = "package/we\u0007ird \u202e<b>\nname.js";
  beforeAll(async () => {
    const manifest = { name: "hostile", version: "1.0.0" };
    const json = JSON.stringify(manifest);
    await publish(
      manifest,
      packed([
        { path: "package/package.json", content: json },
        { path: "package/page.html", content: "<script>alert(1)</script>" },
        {
          path: "package/picture.svg",
          content: "<svg xmlns='http://www.w3.org/2000/svg' onload='1'/>",
        },
        { path: "package/picture.png", content: "<script>alert(1)</script>" },
        { path: "package/binary.js", content: Buffer.from([1, 0, 2, 255]) },
        { path: "package/latin.txt", content: Buffer.from([0xe9, 0xff]) },
        { path: strange, content: "strange" },
        { path: "package/twice.js", content: "first" },
        { path: "package/twice.js", content: "last" },
        { path: "package/link", type: "SymbolicLink", linkpath: "package.json" },
      ]),
    );
  });

  test("nothing of them is a page, whatever it is called", async () => {
    const types = {
      "page.html": ["text/plain; charset=utf-8", null],
      "picture.svg": ["image/svg+xml", "attachment"],
      "picture.png": ["image/png", null],
      "binary.js": ["application/octet-stream", "attachment"],
      "latin.txt": ["application/octet-stream", "attachment"],
    };
    for (const [path, expected] of Object.entries(types)) {
      const { headers } = await raw(path);
      expect([headers.get("content-type"), headers.get("content-disposition")], path).toEqual(
        expected,
      );
      expect(headers.get("content-security-policy"), path).toContain("default-src 'none'; sandbox");
      expect(headers.get("x-content-type-options"), path).toBe("nosniff");
    }
  });

  test("names are looked up among those of the tarball, and lead nowhere else", async () => {
    const [, { items }] = await get("hostile/at/1.0.0/files");
    expect(items.map(({ path }: { path: string }) => path)).toContain(strange.slice(8));
    expect((await raw(strange.slice(8))).text).toBe("strange");
    expect((await raw("twice.js")).text).toBe("last");
    const outside = [
      "../package.json",
      "/etc/passwd",
      "link",
      "__proto__",
      "",
      "package/page.html",
    ];
    for (const path of outside) expect((await raw(path)).json().code, path).toBe("E_NOT_FOUND");
    for (const path of ["../../etc/passwd", "%2e%2e/x", "a//b", "..%2f..%2fx", "a%00b", "a%5cb"])
      expect((await here.ask(`/_dashboard/raw/hostile/1.0.0/${path}`)).status, path).toBe(400);
  });

  test("large and binary files are not compared, and a bomb is not unpacked", async () => {
    const version = (number: string, filler: number): Promise<void> => {
      const manifest = { name: "large", version: number };
      const content = `${"line\n".repeat(filler)}${number}`;
      return publish(manifest, pack(manifest, { "large.txt": content, "b.bin": `\0${number}` }));
    };
    await version("1.0.0", 300_000);
    await version("1.0.1", 300_000);
    const file = async (path: string) =>
      (await get(`large/compare/1.0.0/1.0.1/file?path=${path}`))[1];
    expect(await file("large.txt")).toEqual({ path: "large.txt", hunks: [], left: "large" });
    expect(await file("b.bin")).toEqual({ path: "b.bin", hunks: [], left: "binary" });
    const manifest = { name: "huge", version: "1.0.0" };
    await publish(manifest, pack(manifest, { "zero.txt": Buffer.alloc(12 * 2 ** 20) }));
    const got = await here.ask("/_dashboard/raw/huge/1.0.0/zero.txt");
    expect([got.status, got.json().code]).toEqual([413, "E_TOO_LARGE"]);
  });
});

describe("B6: packages of other registries, with no more of them than is shown", () => {
  const versions = {
    "1.0.0": { license: "MIT", dependencies: { below: "^1.0.0" }, deprecated: "old" },
    "1.1.0": { license: "MIT", dependencies: { below: "^1.0.0", absent: "1" } },
    "2.0.0": { license: "GPL-3.0-only" },
  };
  const local = { principal: { kind: "local", name: "local", admin: true }, via: "cli" } as never;

  test("versions, what one needs, its files and README; one tarball is fetched, and none twice", async () => {
    const there = await server();
    stock(there, "far", { versions });
    stock(there, "below", { versions: { "1.0.0": {}, "1.5.0": {}, "2.0.0": {} } });
    await using proxy = await behind(there);
    const ask = async (path: string) => {
      const got = await proxy.ask(`${api}/far${path}`);
      return [got.status, got.json()] as const;
    };
    const [status, overview] = await ask("");
    expect([status, overview]).toMatchObject([
      200,
      { origin: "liar", owners: [], tags: { latest: "2.0.0" }, removed: [] },
    ]);
    expect(overview.versions).toMatchObject([
      { version: "2.0.0", time: "2020-01-02T00:00:00.000Z", refused: null },
      { version: "1.1.0", deprecated: null },
      { version: "1.0.0", deprecated: "" },
    ]);
    const [, details] = await ask("/at/1.0.0");
    expect(details).toMatchObject({ origin: "liar", deprecated: "old", license: "MIT" });
    expect(details.trust).toMatchObject({ signature: "none", provenance: null });
    const [, { items }] = await ask("/at/1.1.0/dependencies");
    expect(items).toMatchObject([
      { name: "below", resolved: "1.5.0", latest: "2.0.0", outdated: true, state: "found" },
      { name: "absent", state: "missing" },
    ]);
    expect(there.requests.some(({ url }) => url?.endsWith(".tgz"))).toBe(false);
    for (let n = 0; n < 2; n++) {
      expect((await ask("/at/1.1.0/files"))[1].items).toHaveLength(2);
      expect((await ask("/at/1.1.0/readme"))[1].readme).toBeNull();
      const raw = await proxy.ask("/_dashboard/raw/far/1.1.0/index.js");
      expect(raw.text).toContain("far@1.1.0");
    }
    const fetched = there.requests.filter(({ url }) => url?.endsWith(".tgz"));
    expect(fetched.map(({ url }) => url)).toEqual(["/far/-/far-1.1.0.tgz"]);
  });

  test("what the policy and the advisories say", async () => {
    const there = await server();
    stock(there, "far", { versions });
    await using proxy = await behind(there);
    const policies = await proxy.citadel.policies();
    const rule = { kind: "license", pattern: "*", list: "only", ids: ["MIT"], unknown: "deny" };
    await policies.apply(local, { type: "rule", rule } as never);
    await (
      await proxy.citadel.advisories()
    ).import(
      local,
      (async function* () {
        yield {
          path: "one.json",
          text: osv({ id: "GHSA-p6mc-m468-83gw", name: "far", events: [{ introduced: "1.1.0" }] }),
        };
      })(),
    );
    const ask = async (path: string) => (await proxy.ask(`${api}/far${path}`)).json();
    const { versions: items } = await ask("");
    expect(items).toMatchObject([
      { version: "2.0.0", refused: expect.stringContaining("GPL-3.0-only") },
      { version: "1.1.0", refused: null },
      { version: "1.0.0", refused: null },
    ]);
    expect((await ask("/at/2.0.0")).code).toBe("E_POLICY");
    expect(await ask("/at/1.1.0")).toMatchObject({
      policy: { state: "allowed" },
      advisories: [{ id: "GHSA-p6mc-m468-83gw", severity: "high" }],
    });
    const { advisories, advised } = await ask("/at/1.0.0");
    expect([advisories, Date.parse(advised) > 0]).toEqual([[], true]);
  });

  test("an upstream that does not answer makes no page wait", async () => {
    const there = await server();
    stock(there, "far", { versions });
    there.on("/below", () => {});
    await using proxy = await behind(there, {
      timeouts: { connect: 1000, first: 20_000, idle: 20_000, whole: 20_000 },
    });
    const got = await proxy.ask(`${api}/far/at/1.0.0/dependencies`);
    expect(got.json().items).toMatchObject([{ name: "below", state: "late" }]);
  });
});
