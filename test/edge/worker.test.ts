// E6: the Worker of templates/worker, in a real workerd, over a bucket that an export filled.
import { gunzipSync } from "node:zlib";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exportViews } from "@citadel/core/edge";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { operator } from "../core/registry-harness.ts";
import { seat, type ClientId } from "../clients/client.ts";
import { place, type Place } from "../serve/place.ts";
import { startWorker, type Worker } from "../servers/worker.ts";
import { root } from "../support/citadel.ts";
import { clientTools, installed, type ClientTools } from "../support/clients.ts";
import { request, type RequestOptions } from "../support/http.ts";
import { run } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";

const short = "application/vnd.npm.install-v1+json";
const who = { name: "local", via: "cli" } as const;

let worker: Worker;
let here: Place;
let tools: ClientTools;
const tokens: Record<"ann" | "bob" | "narrow" | "other", string> = {
  ...{ ann: "", bob: "", narrow: "", other: "" },
};

const ask = (path: string, options?: RequestOptions) => request(worker.url + path, options);
const publish = () => exportViews(here.citadel, worker.bucket, { base: `${worker.url}/` });

beforeAll(async () => {
  [worker, here, tools] = await Promise.all([startWorker(), place(), clientTools()]);
  const { accounts, registry } = here.citadel;
  tokens.ann = await here.signIn("ann");
  tokens.bob = await here.signIn("bob");
  const grant = { packages: "read", orgs: "none", manage: false } as const;
  const narrow = async (name: string) =>
    (await accounts.issue("ann", { grant: { ...grant, names: [name] } }, who)).token;
  tokens.narrow = await narrow("@acme/*");
  tokens.other = await narrow("@other/*");
  await here.publish(tokens.ann, { name: "leaf", version: "1.0.0" });
  await here.publish(tokens.ann, { name: "leaf", version: "1.1.0" });
  await here.publish(tokens.ann, { name: "leaf", version: "2.0.0-rc.1" }, undefined, "next");
  await here.publish(tokens.ann, {
    ...{ name: "@acme/open", version: "1.0.0", dependencies: { leaf: "^1.0.0" } },
  });
  await here.publish(tokens.ann, {
    ...{ name: "@acme/hidden", version: "1.0.0", dependencies: { "@acme/open": "1.0.0" } },
  });
  await registry.setVisibility("@acme/hidden", "restricted", operator);
  await publish();
});
afterAll(async () => {
  await worker?.stop();
  await here?.[Symbol.asyncDispose]();
});

describe("E6: installs from the Worker alone", () => {
  const installs = async (id: ClientId, token: string | undefined, spec: string) => {
    const folder = await tempFolder("edge");
    const person = { name: "ann", password: "" };
    const { client } = await seat(tools, id, { folder: folder.path, url: worker.url }, person);
    await client.configure(token);
    const project = join(folder.path, "project");
    const added = await client.add(project, [spec]);
    const module = (name: string) =>
      readFile(join(project, "node_modules", name, "index.js"), "utf8").catch(() => undefined);
    const direct = await module(spec.replace(/(?<=.)@.*/, ""));
    const again = added.code === 0 ? await client.frozen(project) : added;
    await folder.remove();
    return { added, again, direct };
  };

  test.each<ClientId>(["npm12", "npm10", "pnpm", "yarn4", "bun"])("%s", async (id) => {
    const open = await installs(id, undefined, "@acme/open");
    expect(open.added.code, open.added.output).toBe(0);
    expect(open.again.code, open.again.output).toBe(0);
    expect(open.direct).toContain("@acme/open@1.0.0");
  });

  test.each<ClientId>(["npm12", "pnpm"])("%s: a private package, with and without", async (id) => {
    const hidden = await installs(id, tokens.ann, "@acme/hidden");
    expect(hidden.added.code, hidden.added.output).toBe(0);
    expect(hidden.again.code, hidden.again.output).toBe(0);
    expect(hidden.direct).toContain("@acme/hidden@1.0.0");
    for (const token of [undefined, tokens.bob, tokens.other, "npm_unknown"]) {
      const refused = await installs(id, token, "@acme/hidden");
      expect(refused.added.code, refused.added.output).not.toBe(0);
      expect(refused.added.output).toMatch(token === "npm_unknown" ? /401/ : /404/);
    }
  });
});

test("E6: who may read what, in every spelling of a name", async () => {
  const spellings = ["/@acme%2fhidden", "/@acme%2Fhidden", "/@acme/hidden", "/%40acme%2fhidden"];
  const files = ["/-/hidden-1.0.0.tgz", "/-/@acme/hidden-1.0.0.tgz", "", "/latest", "/1.0.0"];
  for (const name of spellings)
    for (const path of files.map((file) => name + file)) {
      const answers = async (token: string | undefined) => (await ask(path, { token })).status;
      expect(await answers(tokens.ann), path).toBe(200);
      expect(await answers(tokens.narrow), path).toBe(200);
      expect(await answers(undefined), path).toBe(404);
      expect(await answers(tokens.bob), path).toBe(404);
      expect(await answers(tokens.other), path).toBe(404);
      expect(await answers("npm_0000000000000000000000000000000000000000"), path).toBe(401);
    }
  // neither tells whether there is something
  const [hidden, free] = await Promise.all(["/@acme/hidden", "/@acme/none"].map((one) => ask(one)));
  expect(hidden?.text().replace("hidden", "none")).toBe(free?.text());
  // a token that has died does not stop an install of what is everybody's
  expect((await ask("/leaf", { token: "npm_dead" })).status).toBe(200);
  expect((await ask("/leaf", { headers: { authorization: "Basic YTpi" } })).status).toBe(200);
});

test("E6: both forms as the registry makes them, gzip or not, with 304 for what is known", async () => {
  for (const [accept, type] of [
    [short, short],
    ["application/json", "application/json"],
    ["*/*", "application/json"],
    [`${short}; q=1.0, application/json; q=0.8, */*`, short],
  ]) {
    const headers = { accept: accept ?? "", "accept-encoding": "gzip" };
    const packed = await ask("/leaf", { headers });
    expect(packed.headers).toMatchObject({
      "content-type": type,
      "content-encoding": "gzip",
      "content-length": String(packed.body.length),
      "cache-control": "public, max-age=60, stale-while-revalidate=300",
    });
    const plain = await ask("/leaf", { headers: { accept: accept ?? "" } });
    expect(plain.headers["content-encoding"]).toBeUndefined();
    const original = (await here.ask("/leaf", { headers: { accept: accept ?? "" } })).text;
    const text = original.replaceAll("http://localhost:4873/", `${worker.url}/`);
    expect(gunzipSync(packed.body).toString()).toBe(text);
    expect(plain.text()).toBe(text);
    for (const etag of [
      packed.headers.etag,
      plain.headers.etag,
      `"other", ${packed.headers.etag}`,
    ]) {
      const again = await ask("/leaf", { headers: { ...headers, "if-none-match": etag ?? "" } });
      expect([again.status, again.body.length], etag).toEqual([304, 0]);
      expect(again.headers.etag).toBe(packed.headers.etag);
    }
    const since = { "if-modified-since": packed.headers["last-modified"] ?? "" };
    expect((await ask("/leaf", { headers: { ...headers, ...since } })).status).toBe(304);
    const renewed = { "if-none-match": packed.headers.etag ?? "", "cache-control": "no-cache" };
    expect((await ask("/leaf", { headers: { ...headers, ...renewed } })).status).toBe(200);
    const head = await ask("/leaf", { method: "HEAD", headers });
    expect([head.status, head.body.length]).toEqual([200, 0]);
    expect(head.headers.etag).toBe(packed.headers.etag);
  }
  const hidden = await ask("/@acme%2fhidden", { token: tokens.ann });
  expect(hidden.headers["cache-control"]).toBe("private, max-age=0, must-revalidate");
  expect(hidden.headers.vary).toContain("authorization");
});

test("E6: tarballs whole, in ranges, and not again", async () => {
  const path = "/leaf/-/leaf-1.1.0.tgz";
  const whole = await ask(path);
  expect((await here.ask(path)).bytes).toEqual(new Uint8Array(whole.body));
  const size = whole.body.length;
  expect(whole.headers).toMatchObject({
    "content-type": "application/octet-stream",
    "content-length": String(size),
    "cache-control": "public, max-age=31536000, immutable",
    "accept-ranges": "bytes",
    "x-content-type-options": "nosniff",
  });
  expect(whole.headers["content-encoding"]).toBeUndefined();
  const etag = whole.headers.etag ?? "";
  for (const [range, start, end] of [
    ["bytes=0-9", 0, 10],
    ["bytes=10-", 10, size],
    ["bytes=-7", size - 7, size],
    [`bytes=5-${size + 100}`, 5, size],
    [`bytes=-${size + 100}`, 0, size],
  ] as const) {
    const part = await ask(path, { headers: { range } });
    expect(part.status, range).toBe(206);
    expect(part.headers["content-range"], range).toBe(`bytes ${start}-${end - 1}/${size}`);
    expect(part.body, range).toEqual(whole.body.subarray(start, end));
    const known = await ask(path, { headers: { range, "if-range": etag } });
    expect(known.status).toBe(206);
    const other = await ask(path, { headers: { range, "if-range": '"other"' } });
    expect([other.status, other.body.length]).toEqual([200, size]);
  }
  const beyond = await ask(path, { headers: { range: `bytes=${size}-` } });
  expect([beyond.status, beyond.headers["content-range"]]).toEqual([416, `bytes */${size}`]);
  for (const range of ["bytes=0-1,4-5", "lines=0-1", "bytes=9-2", "bytes=-"])
    expect((await ask(path, { headers: { range } })).status, range).toBe(200);
  expect((await ask(path, { headers: { "if-none-match": etag } })).status).toBe(304);
  const head = await ask(path, { method: "HEAD" });
  expect([head.status, head.headers["content-length"]]).toEqual([200, String(size)]);
  const hidden = await ask("/@acme/hidden/-/hidden-1.0.0.tgz", { token: tokens.ann });
  expect(hidden.headers["cache-control"]).toBe("private, max-age=31536000, immutable");
});

test("E6: ping, keys, tags, single manifests; nothing is written", async () => {
  expect((await ask("/-/ping?write=true")).json()).toEqual({});
  const tags = { latest: "1.1.0", next: "2.0.0-rc.1" };
  expect((await ask("/-/package/leaf/dist-tags")).json()).toEqual(tags);
  expect((await ask("/-/package/@acme%2fopen/dist-tags")).json()).toEqual({ latest: "1.0.0" });
  expect((await ask("/-/package/@acme%2fhidden/dist-tags")).status).toBe(404);
  expect((await ask("/-/npm/v1/keys")).json()).toEqual((await here.ask("/-/npm/v1/keys")).json());
  for (const [spec, version] of [
    ["latest", "1.1.0"],
    ["next", "2.0.0-rc.1"],
    ["1.0.0", "1.0.0"],
  ])
    expect((await ask(`/leaf/${spec}`)).json()).toMatchObject({
      ...{ name: "leaf", version },
      dist: { tarball: `${worker.url}/leaf/-/leaf-${version}.tgz` },
    });
  for (const spec of ["constructor", "__proto__", "toString", "9.9.9"])
    expect((await ask(`/leaf/${spec}`)).status, spec).toBe(404);
  for (const method of ["PUT", "POST", "DELETE", "PATCH"]) {
    const refused = await ask("/leaf", { method, token: tokens.ann, body: "{}" });
    expect([refused.status, refused.headers.allow]).toEqual([405, "GET, HEAD"]);
    expect(refused.json()).toHaveProperty("error");
  }
});

test("E6 attacks 1, 2, 4: no path leads out of a package", async () => {
  const hostile = [
    "/..%2fedge%2findex.json",
    "/edge%2findex.json",
    "/edge/index.json",
    "/index.json",
    "/leaf/-/..%2fleaf%2ffull.json",
    "/leaf/-/leaf-..%2f..%2f..%2findex.json",
    "/leaf/-/leaf-%2e%2e%2ffull.json.tgz",
    "/@acme%2f..%2fleaf",
    "/@acme%2fhidden%2f..%2fopen",
    "/@..%2fleaf",
    "/@%2e%2e/leaf",
    "/tokens/000.json",
    "/%00leaf",
    "/leaf%5c..%5copen",
    "/%",
    "/leaf/-/leaf-1.0.0.tgz%00.json",
    "/__proto__",
    "/constructor",
    "/-/-/ping",
    `/${"a".repeat(300)}`,
    `/${"%2e/".repeat(900)}`,
    "//leaf",
    "/leaf//-/leaf-1.0.0.tgz",
  ];
  for (const path of hostile) {
    for (const token of [undefined, tokens.ann]) {
      const { status, headers, text } = await ask(path, { token });
      expect([400, 404], `${path} ${status} ${text()}`).toContain(status);
      expect(headers["content-type"]).toBe("application/json");
      expect(Object.keys(JSON.parse(text()) as object)).toEqual(["error"]);
    }
  }
});

test("E6: what was unpublished, became private or was revoked is gone with the next export", async () => {
  const { registry, accounts } = here.citadel;
  const tarball = "/leaf/-/leaf-1.0.0.tgz";
  expect((await ask(tarball)).status).toBe(200);
  await registry.unpublish("leaf", ["1.0.0"], operator);
  await registry.setVisibility("@acme/open", "restricted", operator);
  await accounts.revoke(tokens.narrow, who);
  await publish();
  expect((await ask(tarball)).status).toBe(404);
  expect((await ask("/leaf/1.0.0")).status).toBe(404);
  expect((await ask("/@acme/open")).status).toBe(404);
  expect((await ask("/@acme/open/-/open-1.0.0.tgz")).status).toBe(404);
  expect((await ask("/@acme/open", { token: tokens.ann })).status).toBe(200);
  expect((await ask("/@acme/hidden", { token: tokens.narrow })).status).toBe(401);
});

test("E6: below a path, and in a part of a bucket", async () => {
  const other = await startWorker({ PATH: "/npm/", PREFIX: "cdn/" });
  await exportViews(here.citadel, other.bucket, { base: `${other.url}/npm/` });
  const leaf = await request(`${other.url}/npm/leaf`);
  expect(leaf.text()).toContain(`${other.url}/npm/leaf/-/leaf-1.1.0.tgz`);
  expect((await request(`${other.url}/npm/-/ping`)).status).toBe(200);
  expect((await request(`${other.url}/leaf`)).status).toBe(404);
  await other.stop();
});

test("G6: the template has no error that TypeScript sees", async () => {
  const modules = await installed("worker");
  const folder = await tempFolder("edge-check");
  const config = join(folder.path, "tsconfig.json");
  await writeFile(
    config,
    JSON.stringify({
      extends: join(root, "templates/worker/tsconfig.json"),
      compilerOptions: { types: [] },
      include: [join(root, "templates/worker/src")],
      files: [join(modules, "@cloudflare/workers-types/index.d.ts")],
    }),
  );
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const checked = await run(process.execPath, [tsc, "-p", config]);
  expect(checked.output).toBe("");
  await folder.remove();
});
