import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { pack } from "../support/packages.ts";
import { base, place, type Place } from "./place.ts";

const short = "application/vnd.npm.install-v1+json";

describe("B2 reading packages", () => {
  let here: Place;
  const manifest = {
    name: "@s/p",
    version: "1.0.0",
    description: "of the package",
    scripts: { install: "true" },
  };
  const tarball = pack(manifest);
  beforeAll(async () => {
    here = await place();
    const token = await here.signIn("ann");
    expect((await here.publish(token, manifest, tarball)).status).toBe(201);
    expect((await here.publish(token, { name: "plain", version: "2.0.0" })).status).toBe(201);
    expect(
      (await here.publish(token, { name: "plain", version: "2.1.0-rc.1" }, undefined, "next"))
        .status,
    ).toBe(201);
  });
  afterAll(() => here[Symbol.asyncDispose]());

  test.each([
    "/@s%2fp",
    "/@s%2Fp",
    "/@s/p",
    "/%40s%2fp",
    "/%40s/p",
    "/@s/p/",
    "/@s%2fp?write=true",
  ])("%s is the package @s/p", async (path) => {
    const got = await here.ask(path);
    expect(got.status).toBe(200);
    expect(got.json().name).toBe("@s/p");
  });

  test.each([
    [undefined, "full"],
    ["*/*", "full"],
    ["application/json", "full"],
    ["text/html", "full"],
    [`${short}; q=1.0, application/json; q=0.8, */*`, "short"],
    [`${short}, */*`, "full"],
    [`application/json; q=1.0, */*`, "full"],
    [short, "short"],
    [`${short};q=0.5`, "short"],
    [`${short};q=0.5, application/json;q=0.5`, "full"],
    [`${short};q=0`, "full"],
    [`${short.toUpperCase()}; Q=1.0, application/json;q=0.9`, "short"],
  ])("accept %s gives the %s form", async (accept, form) => {
    const got = await here.ask("/@s%2fp", accept === undefined ? {} : { headers: { accept } });
    expect(got.headers.get("content-type")).toBe(form === "short" ? short : "application/json");
    expect(Boolean(got.json().readme !== undefined)).toBe(form === "full");
    expect(Object.keys(got.json().time)).toContain("1.0.0");
    expect(got.headers.get("vary")).toBe("accept, accept-encoding");
    expect(got.json().versions["1.0.0"].dist.tarball).toBe(`${base}@s/p/-/p-1.0.0.tgz`);
  });

  test("gzip where it is accepted, and nonsense in accept-encoding is none", async () => {
    const plain = await here.ask("/plain");
    for (const field of ["gzip,deflate", "gzip;q=1.0, identity;q=0.5", "*", "br;q=0, gzip"]) {
      const got = await here.ask("/plain", { headers: { "accept-encoding": field } });
      expect(got.headers.get("content-encoding")).toBe("gzip");
      expect(new Uint8Array(gunzipSync(got.bytes))).toEqual(plain.bytes);
      expect(got.headers.get("content-length")).toBe(String(got.bytes.length));
    }
    for (const field of ["gzip/deflate", "gzip;q=0", "identity", ";;,=,q=9", ""])
      expect(
        (await here.ask("/plain", { headers: { "accept-encoding": field } })).headers.get(
          "content-encoding",
        ),
      ).toBeNull();
  });

  test("br is made in the background and served once it is there", async () => {
    for (let n = 0; n < 200; n++) {
      const got = await here.ask("/@s%2fp", { headers: { "accept-encoding": "br" } });
      if (got.headers.get("content-encoding") === "br") {
        expect(brotliDecompressSync(got.bytes).toString()).toContain('"@s/p"');
        expect(got.headers.get("etag")).toMatch(/-br"$/);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect.unreachable("no brotli");
  });

  test("etags: one per form and encoding, compared weakly, and they decide alone", async () => {
    const full = await here.ask("/plain");
    const abbreviated = await here.ask("/plain", { headers: { accept: short } });
    const etag = full.headers.get("etag") ?? "";
    expect(etag).toMatch(/^"[\w-]+"$/);
    expect(abbreviated.headers.get("etag")).not.toBe(etag);
    const gzip =
      (await here.ask("/plain", { headers: { "accept-encoding": "gzip" } })).headers.get("etag") ??
      "";
    expect(gzip).toBe(etag.replace(/"$/, '-gzip"'));

    for (const tag of [etag, `W/${etag}`, gzip, `"other", ${etag}`, "*"]) {
      const got = await here.ask("/plain", {
        headers: { "if-none-match": tag, "if-modified-since": "Thu, 01 Jan 1970 00:00:00 GMT" },
      });
      expect(got.status).toBe(304);
      expect(got.bytes).toHaveLength(0);
      expect(got.headers.get("etag")).toBe(tag === gzip ? gzip : etag);
      expect(got.headers.get("cache-control")).toBe("max-age=0, must-revalidate");
      expect(got.headers.get("vary")).toBe("accept, accept-encoding");
    }
    for (const tag of [
      '"other"',
      abbreviated.headers.get("etag") ?? "",
      etag.replaceAll('"', ""),
      `${etag}x`,
      "",
    ]) {
      const got = await here.ask("/plain", {
        headers: { "if-none-match": tag, "if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT" },
      });
      expect(got.status, tag).toBe(200);
    }
  });

  test("if-modified-since alone counts in whole seconds; cache-control: no-cache gets a body", async () => {
    const full = await here.ask("/plain");
    const modified = full.headers.get("last-modified") ?? "";
    expect((await here.ask("/plain", { headers: { "if-modified-since": modified } })).status).toBe(
      304,
    );
    const before = new Date(Date.parse(modified) - 1000).toUTCString();
    expect((await here.ask("/plain", { headers: { "if-modified-since": before } })).status).toBe(
      200,
    );
    expect(
      (await here.ask("/plain", { headers: { "if-modified-since": "nonsense" } })).status,
    ).toBe(200);
    const again = { "if-none-match": full.headers.get("etag") ?? "", "cache-control": "no-cache" };
    expect((await here.ask("/plain", { headers: again })).status).toBe(200);
  });

  test("vlt is told to look again", async () => {
    const headers = { "user-agent": "@vltpkg/registry-client/1.0.0-rc.23 Node.js/24" };
    const got = await here.ask("/plain", { headers });
    expect(got.headers.get("cache-control")).toBe("max-age=1, stale-while-revalidate=0");
  });

  test.each([
    ["/plain/2.0.0", "2.0.0"],
    ["/plain/latest", "2.0.0"],
    ["/plain/next", "2.1.0-rc.1"],
    ["/@s%2fp/1.0.0", "1.0.0"],
    ["/@s/p/latest", "1.0.0"],
  ])("GET %s is one manifest", async (path, version) => {
    const got = await here.ask(path);
    expect(got.status).toBe(200);
    expect(got.json()).toMatchObject({
      version,
      dist: { tarball: expect.stringContaining(`-${version}.tgz`) },
    });
    const brief = await here.ask(path, {
      headers: { accept: `${short}; q=1.0, application/json; q=0.8` },
    });
    // pnpm bugs asks so and reads what the short form lacks
    expect(brief.headers.get("content-type")).toBe("application/json");
    expect(brief.json()).toEqual(got.json());
    const again = await here.ask(path, {
      headers: { "if-none-match": got.headers.get("etag") ?? "" },
    });
    expect(again.status).toBe(304);
  });

  test.each([
    "/plain/9.9.9",
    "/plain/nope",
    "/nope",
    "/nope/latest",
    "/plain/-/plain-9.9.9.tgz",
    "/plain/-/p-1.0.0.tgz",
    "/plain/-/plain-2.0.0.tar",
    "/@s/p/-/plain-2.0.0.tgz",
    "/-/nope",
    "/plain/constructor",
    "/toString",
  ])("%s is a 404 in JSON", async (path) => {
    const got = await here.ask(path);
    expect(got.status).toBe(404);
    expect(got.headers.get("content-type")).toBe("application/json");
    expect(got.json()).toMatchObject({
      error: expect.any(String),
      code: expect.stringMatching(/^E_/),
      status: 404,
    });
    expect(got.headers.get("x-request-id")).toBe(got.json().requestId);
  });

  test.each([
    "/@s/p/-/p-1.0.0.tgz",
    "/@s%2fp/-/p-1.0.0.tgz",
    "/@s/p/-/@s/p-1.0.0.tgz",
    "/@s%2Fp/-/@s%2Fp-1.0.0.tgz",
  ])("%s is the tarball as it was published", async (path) => {
    const got = await here.ask(path);
    expect(got.status).toBe(200);
    expect(Buffer.from(got.bytes).equals(tarball)).toBe(true);
    expect(Object.fromEntries(got.headers)).toMatchObject({
      "content-type": "application/octet-stream",
      "content-length": String(tarball.length),
      "cache-control": "public, max-age=31536000, immutable",
      "accept-ranges": "bytes",
      "content-disposition": "attachment",
      "x-content-type-options": "nosniff",
      "content-security-policy": expect.stringContaining("sandbox"),
    });
    expect(got.headers.get("content-encoding")).toBeNull();
    const head = await here.ask(path, { method: "HEAD" });
    expect(head.status).toBe(200);
    expect(head.bytes).toHaveLength(0);
    expect(head.headers.get("content-length")).toBe(String(tarball.length));
    const again = await here.ask(path, {
      headers: { "if-none-match": got.headers.get("etag") ?? "" },
    });
    expect(again.status).toBe(304);
  });

  test.each([
    ["bytes=0-9", 206, 0, 10],
    ["bytes=10-", 206, 10, undefined],
    ["bytes=-5", 206, -5, undefined],
    ["bytes=0-999999999", 206, 0, undefined],
    ["bytes=999999999-", 416, 0, 0],
    ["bytes=-0", 416, 0, 0],
    ["bytes=5-2", 200, 0, undefined],
    ["bytes=0-1,4-5", 200, 0, undefined],
    ["lines=1-2", 200, 0, undefined],
    ["bytes=a-b", 200, 0, undefined],
  ])("range %s is a %i", async (range, status, start, end) => {
    const got = await here.ask("/@s/p/-/p-1.0.0.tgz", { headers: { range } });
    expect(got.status).toBe(status);
    expect(Buffer.from(got.bytes).equals(tarball.subarray(start, end))).toBe(true);
    if (status === 206)
      expect(got.headers.get("content-range")).toMatch(
        new RegExp(`^bytes \\d+-\\d+/${tarball.length}$`),
      );
    if (status === 416) expect(got.headers.get("content-range")).toBe(`bytes */${tarball.length}`);
  });

  test("if-range with another etag gives the whole", async () => {
    const headers = { range: "bytes=0-9", "if-range": '"other"' };
    expect((await here.ask("/@s/p/-/p-1.0.0.tgz", { headers })).status).toBe(200);
  });

  test("ping, search and the rest of what clients ask without an account", async () => {
    expect(await here.ask("/-/ping?write=true").then(({ text }) => text)).toBe("{}");
    expect((await here.ask("/-/whoami")).status).toBe(401);
    const bulk = await here.ask("/-/npm/v1/security/advisories/bulk", {
      method: "POST",
      body: { plain: ["2.0.0"] },
    });
    expect([bulk.status, bulk.text]).toEqual([200, "{}"]);
    expect(
      (await here.ask("/-/npm/v1/security/audits/quick", { method: "POST", body: {} })).status,
    ).toBe(410);
    const found = (await here.ask("/-/v1/search?text=plain&size=20&from=0&quality=0.65")).json();
    expect(found.total).toBe(1);
    expect(found.objects[0].package).toMatchObject({
      name: "plain",
      version: "2.0.0",
      publisher: { username: "ann" },
      maintainers: [{ username: "ann", email: "ann@example.invalid" }],
    });
    expect((await here.ask("/-/v1/search?text=&size=1000000000")).status).toBe(200);
    expect((await here.ask("/-/v1/search?text=plain&size=-1")).status).toBe(400);
    expect((await here.ask("/-/package/plain/dist-tags")).json()).toEqual({
      latest: "2.0.0",
      next: "2.1.0-rc.1",
    });
  });
});

test("B2 the bulk audit takes gzip, and caps what it unpacks to", async () => {
  await using here = await place();
  const { gzipSync } = await import("node:zlib");
  const send = (body: Uint8Array) =>
    here.ask("/-/npm/v1/security/advisories/bulk", {
      method: "POST",
      headers: { "content-encoding": "gzip", "content-type": "application/json" },
      body,
    });
  expect((await send(gzipSync('{"a":["1.0.0"]}'))).status).toBe(200);
  expect((await send(Buffer.from("not gzip"))).status).toBe(400);
  // H1, attack 25
  expect((await send(gzipSync(Buffer.alloc(64 * 2 ** 20, " ")))).status).toBe(413);
});
