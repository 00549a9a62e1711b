// F1 to F5: the package API, driven by a client made from its own description, beside npm.
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { Validator } from "@seriousme/openapi-schema-validator";
import { OpenAPIClientAxios } from "openapi-client-axios";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";

import { openBrowser } from "../support/browser.ts";
import { serve, type Server } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { pack, publish, signIn, type Manifest } from "../support/packages.ts";
import { mustRun } from "../support/run.ts";
import { tempFolder, type Temp } from "../support/temp.ts";
import { place } from "./place.ts";

const password = "correct horse 1";
const bodyOf = (manifest: Manifest, more: object = {}) => {
  const { name, version } = manifest;
  return { name, version, tarball: pack(manifest).toString("base64"), ...more };
};
const post = (body: unknown, token?: string) => ({ method: "POST", body, token });

let temp: Temp;
let server: Server;
let client: any;
let token: string;
beforeAll(async () => {
  temp = await tempFolder("package-api");
  server = await serve({
    home: temp.path,
    env: { CITADEL_API_ORIGINS: "https://tools.example", REGISTRY_SECRET_KEY: "a".repeat(64) },
  });
  const definition = (await request(`${server.url}/api/v1/openapi.json`)).json() as never;
  const { valid, errors } = await new Validator().validate(structuredClone(definition));
  expect(errors).toBeUndefined();
  expect(valid).toBe(true);
  client = await new OpenAPIClientAxios({
    definition,
    axiosConfigDefaults: { validateStatus: () => true },
  }).init();
  const made = await client.register(null, { username: "ann", password });
  expect([made.status, made.data.user]).toEqual([201, "ann"]);
  token = (await client.login(null, { username: "ann", password })).data.token;
  client.defaults.headers.authorization = `Bearer ${token}`;
}, 60_000);
afterAll(async () => {
  await server?.stop();
  await temp?.remove();
});

describe("F2, F3: driven by a client that was made from the description", () => {
  test("what it publishes installs with npm, and what npm published it finds", async () => {
    const manifest = { name: "@ann/one", version: "1.0.0", main: "index.js" };
    const made = await client.publish(
      null,
      bodyOf(manifest, { description: "About one", license: "MIT", keywords: ["first"] }),
    );
    expect([made.status, made.data]).toMatchObject([201, { name: "@ann/one", repeated: false }]);
    const folder = join(temp.path, "project");
    await mkdir(folder);
    await mustRun("npm", ["init", "-y"], { cwd: folder });
    const from = [`--registry=${server.url}/`, `--cache=${join(temp.path, "cache")}`];
    await mustRun("npm", ["install", "@ann/one", ...from], { cwd: folder });

    await publish(server.url, await signIn(server.url, "bob"), {
      ...{ name: "two", version: "2.0.0", description: "by npm" },
    });
    const found = await client.getPackage({ name: "two" });
    expect(found.data).toMatchObject({ owners: ["bob"], tags: { latest: "2.0.0" } });
    const one = await client.getPackage({ name: "@ann/one" });
    expect(one.data).toMatchObject({
      ...{ description: "About one", license: "MIT", keywords: ["first"] },
      ...{ visibility: "public", downloads: { total: 1, week: 1, month: 1 } },
      versions: [{ version: "1.0.0", by: "ann", tags: ["latest"] }],
    });
    expect((await client.listVersions({ name: "@ann/one" })).data.items).toHaveLength(1);
    const version = await client.getVersion({ name: "@ann/one", version: "^1.0.0" });
    expect(version.data).toMatchObject({ version: "1.0.0", downloads: 1 });
    const bytes = await client.getTarball({ name: "@ann/one", version: "latest" }, null, {
      responseType: "arraybuffer",
    });
    const sent = pack(manifest);
    expect(Buffer.from(bytes.data).equals(sent)).toBe(true);

    const hits = await client.search({ q: "about one" });
    expect(hits.data).toMatchObject({ total: 1, items: [{ name: "@ann/one" }] });
    expect((await client.stats()).data).toMatchObject({
      ...{ packages: 2, versions: 2, downloads: { total: 2 } },
      top: [{ name: "@ann/one", downloads: 2 }],
    });
    expect((await client.health()).data).toMatchObject({ status: "ok", store: { ok: true } });
  }, 60_000);

  test("a version is taken back by its owner only, and its number stays taken", async () => {
    const manifest = { name: "@ann/gone", version: "1.0.0" };
    expect((await client.publish(null, bodyOf(manifest))).status).toBe(201);
    expect((await client.publish(null, bodyOf({ ...manifest, version: "1.0.1" }))).status).toBe(
      201,
    );
    const where = { name: "@ann/gone", version: "1.0.0" };
    const bob = await signIn(server.url, "bob");
    const headers = { authorization: `Bearer ${bob}` };
    expect((await client.deleteVersion(where, null, { headers })).status).toBe(403);
    expect((await client.deleteVersion(where)).status).toBe(204);
    expect((await client.deleteVersion(where)).status).toBe(404);
    expect((await client.publish(null, bodyOf(manifest))).data.code).toBe("E_VERSION_EXISTS");
  });

  test.each([
    ["nothing", {}, 400],
    ["a name that is none", { name: "../x" }, 400],
    ["no base64", { tarball: "%%%" }, 400],
    ["no tarball", { tarball: "aGVsbG8=" }, 400],
    ["an unknown field", { command: "rm" }, 400],
    ["another name than in the tarball", { name: "@ann/other" }, 400],
    ["dependencies that the tarball has not", { dependencies: { left: "1" } }, 400],
  ])("refuses %s", async (_, more, status) => {
    const body = { ...bodyOf({ name: "@ann/bad", version: "1.0.0" }), ...more };
    const got = await client.publish(null, Object.keys(more).length === 0 ? {} : body);
    expect([got.status, Object.keys(got.data)], JSON.stringify(got.data)).toEqual([
      status,
      expect.arrayContaining(["error", "code", "status", "retryable", "hint", "requestId"]),
    ]);
    expect((await client.getPackage({ name: "@ann/bad" })).status).toBe(404);
  });
});

test("F4: 413 past the limit, and nothing is kept", async () => {
  await using here = await place({ "limits.tarball": 2000 });
  const by = await here.signIn("ann");
  const body = { name: "big", version: "1.0.0", tarball: Buffer.alloc(3000).toString("base64") };
  const got = await here.ask("/api/v1/packages", post(body, by));
  expect([got.status, got.json().code]).toEqual([413, "E_TOO_LARGE"]);
});

test("F2: a large tarball comes in as a stream", async () => {
  const manifest = { name: "@ann/large", version: "1.0.0" };
  const tarball = pack(manifest, { "noise.txt": noise(3 * 2 ** 20) }).toString("base64");
  const got = await client.publish(null, { ...manifest, tarball });
  expect([got.status, got.data.name]).toEqual([201, "@ann/large"]);
  expect(got.data.size).toBeGreaterThan(2 ** 20);
});

test("attack 46, F2, F3: what somebody may not read does not exist", async () => {
  await using here = await place();
  const ann = await here.signIn("ann");
  const eve = await here.signIn("eve");
  const hidden = bodyOf({ name: "@ann/hidden", version: "1.0.0" }, { access: "restricted" });
  expect((await here.ask("/api/v1/packages", post(hidden, ann))).status).toBe(201);
  const at = "/api/v1/packages/@ann/hidden";
  for (const path of [at, `${at}/versions`, `${at}/1.0.0`, `${at}/1.0.0/tarball`]) {
    expect((await here.ask(path, { token: ann })).status, path).toBe(200);
    for (const other of [eve, undefined])
      expect((await here.ask(path, { token: other })).status, path).toBe(404);
  }
  const counts = async (by?: string) => [
    (await here.ask("/api/v1/search?q=hidden", { token: by })).json().total,
    (await here.ask("/api/v1/stats", { token: by })).json().packages,
  ];
  expect([await counts(ann), await counts(eve), await counts()]).toEqual([
    [1, 1],
    [0, 0],
    [0, 0],
  ]);
  expect((await here.ask(`${at}/1.0.0`, { method: "DELETE", token: eve })).status).toBe(404);
  expect((await here.ask("/api/v1/packages", post(hidden))).status).toBe(401);
});

test("F4, attack 32: pages of configured web sites only, and only below /api/v1", async () => {
  const ask = (origin: string, path: string, method = "GET", more = {}) =>
    request(server.url + path, { method, headers: { origin, ...more } });
  const friend = "https://tools.example";
  const preflight = await ask(friend, "/api/v1/packages", "OPTIONS");
  expect([preflight.status, preflight.headers["access-control-allow-origin"]]).toEqual([
    204,
    friend,
  ]);
  const read = await ask(friend, "/api/v1/health");
  expect(read.headers["access-control-allow-origin"]).toBe(friend);
  expect(read.headers["access-control-allow-credentials"]).toBeUndefined();
  const enemy = "https://evil.example";
  expect((await ask(enemy, "/api/v1/health")).headers).not.toHaveProperty(
    "access-control-allow-origin",
  );
  expect((await ask(enemy, "/api/v1/packages", "OPTIONS")).headers).not.toHaveProperty(
    "access-control-allow-origin",
  );
  const json = { "content-type": "application/json" };
  const login = (origin: string) =>
    request(`${server.url}/api/v1/auth/login`, {
      ...{ method: "POST", headers: { origin, ...json } },
      body: JSON.stringify({ username: "ann", password }),
    });
  expect((await login(friend)).status).toBe(200);
  expect((await login(enemy)).status).toBe(403);
  expect((await ask(friend, "/-/v1/login", "POST", json)).status).toBe(403);
});

test("F5: REGISTRY_SECRET_KEY is the key of the server", async () => {
  const got = await request(`${server.url}/_auth/.well-known/jwks.json`);
  expect(got.json()).toMatchObject({ keys: [{ alg: "RS256" }] });
  await expect(stat(join(temp.path, "data/server.key"))).rejects.toThrow(/ENOENT/);
});

test("F4: the page that shows the API says every operation, and is quiet in a real browser", async ({
  skip,
}) => {
  const browser = await openBrowser();
  if (!browser) return skip("no chromium here");
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  const said: string[] = [];
  page.on("console", (message) => said.push(message.text()));
  page.on("request", (one) => said.push(...(one.url().startsWith(server.url) ? [] : [one.url()])));
  await page.goto(`${server.url}/api/v1/docs`);
  const headings = await page.locator("h2").allTextContents();
  expect(headings).toHaveLength(12);
  await page.locator("summary", { hasText: "Body" }).first().click();
  expect(await page.locator("pre").first().textContent()).toContain("tarball");
  expect(said).toEqual([]);
});

/** Bytes that no compression makes smaller. */
function noise(length: number): string {
  let state = 1;
  let text = "";
  while (text.length < length) {
    state = (state * 48_271) % 2_147_483_647;
    text += state.toString(36);
  }
  return text;
}
