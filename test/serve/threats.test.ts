import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { base, host, place, type Place } from "./place.ts";

describe("H1 who may come in", () => {
  let here: Place;
  let token: string;
  beforeAll(async () => {
    here = await place();
    token = await here.signIn("ann");
    await here.publish(token, { name: "one", version: "1.0.0" });
  });
  afterAll(() => here[Symbol.asyncDispose]());

  const paths = ["/one", "/one/-/one-1.0.0.tgz", "/-/ping", "/-/whoami", "/one/latest", "/"];

  test.each([
    "evil.example",
    "evil.example:4873",
    "localhost.evil.example",
    "",
    "a b",
    "127.0.0.1@evil",
    "[::1",
    "localhost:99999",
    "10.0.0.1",
  ])("DNS rebinding: the host %j is a 421 on every route", async (name) => {
    for (const path of paths) {
      const got = await here.ask(path, { headers: { host: name } });
      expect(got.status, path).toBe(421);
      expect(got.json().code).toBe("E_WRONG_HOST");
    }
  });

  test.each([
    "localhost",
    "LOCALHOST:1",
    "127.0.0.1:4873",
    "127.9.9.9",
    "[::1]:4873",
    "app.localhost:3000",
  ])("the host %j is this machine", async (name) => {
    const got = await here.ask("/one", { headers: { host: name } });
    expect(got.status).toBe(200);
    expect(got.json().versions["1.0.0"].dist.tarball).toBe(
      `http://${name.toLowerCase().replace(/:80$/, "")}/one/-/one-1.0.0.tgz`,
    );
  });

  test("a page of another site changes nothing, whatever it sends", async () => {
    const put = (headers: Record<string, string>) =>
      here.ask("/-/package/one/dist-tags/next", { method: "PUT", token, headers, body: '"1.0.0"' });
    for (const headers of [
      { origin: "https://evil.example" },
      { origin: "http://localhost:3000" },
      { origin: "null" },
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { origin: `http://${host}`, "sec-fetch-site": "cross-site" },
    ] as Record<string, string>[]) {
      const got = await put(headers);
      expect(got.status, JSON.stringify(headers)).toBe(403);
      expect(got.json().code).toBe("E_CROSS_ORIGIN");
    }
    expect((await put({})).status).toBe(201);
    expect((await put({ origin: `http://${host}`, "sec-fetch-site": "same-origin" })).status).toBe(
      201,
    );
    expect((await put({ "sec-fetch-site": "none" })).status).toBe(201);
  });

  test("no CORS anywhere", async () => {
    for (const method of ["GET", "OPTIONS"]) {
      const got = await here.ask("/one", {
        method,
        headers: { origin: "https://evil.example", "access-control-request-method": "PUT" },
      });
      for (const [name] of got.headers) expect(name).not.toMatch(/^access-control/);
    }
  });

  test.each([
    "Bearer",
    "Bearer a b",
    "Bearer a, Bearer b",
    "Basic !!!",
    "Basic Og==",
    "Digest x",
    "Bearer ümlaut",
    `Bearer ${"x".repeat(5000)}`,
  ])("H1, attack 39: authorization %s is a 400", async (authorization) => {
    for (const path of ["/-/whoami", "/one", "/one/-/one-1.0.0.tgz", "/one/latest"])
      expect(
        (
          await here.ask(path, {
            headers: {
              authorization: encodeURI(authorization)
                .replaceAll("%20", " ")
                .replaceAll("%C3", "\u00c3"),
            },
          })
        ).status,
      ).toBe(400);
  });

  test("every answer carries headers that keep a browser from running it", async () => {
    for (const path of [...paths, "/nope", "/-/nope", "/%2e%2e/x"]) {
      const { headers } = await here.ask(path);
      expect(headers.get("x-content-type-options"), path).toBe("nosniff");
      expect(headers.get("content-security-policy"), path).toMatch(/^default-src 'none'/);
    }
  });

  test("H1, attack 34: what was asked for comes back neither as markup nor as terminal control", async () => {
    for (const path of [
      "/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
      "/one/%3Cimg%20src=x%3E",
      "/-/user/org.couchdb.user:%3Cb%3E",
      "/one/-/%3Cb%3E.tgz",
      "/one/%C2%9B31m",
    ]) {
      const got = await here.ask(path);
      expect(got.status).toBeGreaterThanOrEqual(400);
      expect(got.headers.get("content-type")).toBe("application/json");
      expect(got.text).not.toMatch(/[<>]/);
      expect(got.json().error).not.toMatch(/\p{Cc}/u);
    }
  });

  test("the request id is the client's when it is harmless", async () => {
    const ask = async (id: string) =>
      (await here.ask("/nope", { headers: { "x-request-id": id } })).headers.get("x-request-id");
    expect(await ask("trace-1.2_3")).toBe("trace-1.2_3");
    expect(await ask('"><script>')).not.toContain("<");
    expect(await ask("x".repeat(100))).not.toContain("xxx");
    expect(
      (await here.ask("/one", { headers: { "x-request-id": "abc" } })).headers.get("x-request-id"),
    ).toBe("abc");
  });
});

describe("H1, attack 1: paths that climb", () => {
  const climbing = [
    "..",
    ".",
    "%2e%2e",
    "%2e",
    ".%2e",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e%2f",
    "..%5c",
    "%5c",
    "a%00b",
    "%00",
    "%",
    "%zz",
    "%c0%ae%c0%ae",
    "%e0%80%ae",
    "\\..\\",
    "%2f",
    "a%2f%2fb",
    "%0d%0aset-cookie:x",
    "%252e%252e%252f",
    "....//",
    "..;",
    "%7f",
  ];
  const routes: readonly [method: string, route: (part: string) => string][] = [
    ["GET", (p) => `/${p}`],
    ["GET", (p) => `/@s/${p}`],
    ["GET", (p) => `/@s%2f${p}`],
    ["GET", (p) => `/@${p}/x`],
    ["GET", (p) => `/one/${p}`],
    ["GET", (p) => `/one/-/${p}`],
    ["GET", (p) => `/one/-/${p}.tgz`],
    ["GET", (p) => `/one/-/one-${p}.tgz`],
    ["GET", (p) => `/one/-/@s/${p}`],
    ["HEAD", (p) => `/${p}/-/one-1.0.0.tgz`],
    ["PUT", (p) => `/${p}`],
    ["PUT", (p) => `/@s%2f${p}`],
    ["PUT", (p) => `/one/-rev/${p}`],
    ["DELETE", (p) => `/${p}/-rev/1-x`],
    ["DELETE", (p) => `/one/-/${p}/-rev/1-x`],
    ["GET", (p) => `/-/package/${p}/dist-tags`],
    ["PUT", (p) => `/-/package/one/dist-tags/${p}`],
    ["DELETE", (p) => `/-/package/one/dist-tags/${p}`],
    ["GET", (p) => `/-/package/${p}/owners`],
    ["DELETE", (p) => `/-/package/one/owners/${p}`],
    ["GET", (p) => `/-/user/${p}`],
    ["GET", (p) => `/-/user/org.couchdb.user:${p}`],
    ["PUT", (p) => `/-/user/org.couchdb.user:${p}`],
    ["DELETE", (p) => `/-/user/token/${p}`],
    ["GET", (p) => `/-/${p}`],
    ["GET", (p) => `/-/v1/${p}`],
  ];

  test.each(routes.map(([method, route]) => [method, route("…"), route] as const))(
    "%s %s is a 400, 404 or a conflict of nothing, and says so in JSON",
    async (method, _, route) => {
      await using here = await place();
      const token = await here.signIn("ann");
      await here.publish(token, { name: "one", version: "1.0.0" });
      const before = await here.citadel.store.driver.list({ limit: 1000 });
      for (const part of climbing) {
        // decoded once these are odd tags and no more
        const word = part === "..;" || part.startsWith("%25");
        if (word && method === "PUT" && route("").includes("dist-tags")) continue;
        const path = route(part);
        const body = method === "PUT" ? '"1.0.0"' : undefined;
        const got = await here.ask(path, { method, token, body });
        expect([400, 404, 409], `${method} ${path}: ${got.status} ${got.text}`).toContain(
          got.status,
        );
        if (method !== "HEAD") expect(got.json().error).toMatch(/\S/);
        expect(got.headers.get("set-cookie")).toBeNull();
      }
      const after = await here.citadel.store.driver.list({ limit: 1000 });
      expect(after.entries.map(({ key }) => key)).toEqual(before.entries.map(({ key }) => key));
    },
  );

  test("a request target that is no path", async () => {
    await using here = await place();
    for (const path of ["http://evil.example/one", "*", "one", "", `/${"x".repeat(5000)}`])
      expect((await here.ask(path)).status, path.slice(0, 30)).toBe(400);
  });
});

describe("H1 behind a proxy", () => {
  const far = {
    "x-forwarded-host": "registry.example",
    "x-forwarded-proto": "https",
    "x-forwarded-for": "203.0.113.9, 198.51.100.7",
  };
  const urlOf = async (here: Place, sent: object) => {
    const got = await here.ask("/one", sent);
    return got.status === 200 ? (got.json().versions["1.0.0"].dist.tarball as string) : got.status;
  };

  test("forwarded headers count from trusted proxies only", async () => {
    await using here = await place({
      "server.trustProxy": ["10.0.0.0/8", "::1"],
      "server.hosts": ["registry.example"],
    });
    await here.citadel.registry.publish(await release(), operator);
    expect(await urlOf(here, { headers: far, from: "10.1.2.3" })).toBe(
      "https://registry.example/one/-/one-1.0.0.tgz",
    );
    expect(await urlOf(here, { headers: far, from: "::ffff:10.1.2.3" })).toBe(
      "https://registry.example/one/-/one-1.0.0.tgz",
    );
    expect(await urlOf(here, { headers: far, from: "192.0.2.1" })).toBe(
      `${base}one/-/one-1.0.0.tgz`,
    );
    expect(
      await urlOf(here, { headers: { ...far, "x-forwarded-host": "evil.example" }, from: "::1" }),
    ).toBe(421);
  });

  test("the public URL wins, its path prefix is understood, and so is the root", async () => {
    await using here = await place({ "server.publicUrl": "https://registry.example/npm/" });
    await here.citadel.registry.publish(await release(), operator);
    for (const path of ["/npm/one", "/one"]) {
      const got = await here.ask(path, { headers: { host: "registry.example" } });
      expect(got.json().versions["1.0.0"].dist.tarball).toBe(
        "https://registry.example/npm/one/-/one-1.0.0.tgz",
      );
    }
    expect((await here.ask("/npm/-/ping", { headers: { host: "registry.example" } })).status).toBe(
      200,
    );
    expect((await here.ask("/npm/one/-/one-1.0.0.tgz")).status).toBe(200);
  });

  async function release() {
    const { release: make } = await import("../core/registry-harness.ts");
    return make({ name: "one", version: "1.0.0" });
  }
  const operator = {
    principal: { kind: "local", name: "local", admin: true },
    via: "cli",
  } as const;
});
