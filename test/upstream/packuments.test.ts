import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { tempFolder } from "../support/temp.ts";
import { until } from "../support/until.ts";
import { age, behind, pathOf, server, short, stock } from "./behind.ts";

const minute = 60_000;

test("B9: a packument comes from upstream with our addresses in it, and nothing else changed, in both forms", async () => {
  const there = await server();
  const names = ["plain", "@scope/name"];
  for (const name of names) {
    const { document } = stock(there, name, {
      versions: { "1.0.0": { config: { tarball: "kept" } }, "1.1.0-beta.1": {} },
      tags: { latest: "1.0.0", next: "1.1.0-beta.1" },
    });
    const here = await behind(there);
    for (const accept of ["application/json", short]) {
      const got = await here.ask(pathOf(name), { headers: { accept } });
      expect([got.status, got.headers.get("content-type")]).toEqual([200, accept]);
      expect(got.headers.get("citadel-upstream")).toBe("liar");
      const expected = structuredClone(document);
      for (const [version, manifest] of Object.entries<any>(expected.versions))
        manifest.dist.tarball = `http://localhost:4873/${name}/-/${name.split("/").at(-1)}-${version}.tgz`;
      expect(got.json()).toEqual(expected);
      expect(got.text).toBe(JSON.stringify(expected));
      expect(Object.keys(got.json().versions)).toEqual(["1.0.0", "1.1.0-beta.1"]);
    }
    expect(there.requests.map(({ url, headers }) => [url, headers.accept])).toEqual([
      [pathOf(name), "application/json"],
      [pathOf(name), expect.stringContaining(short)],
    ]);
    there.forget();
  }
});

test("B2: one manifest is whole whatever form is asked for", async () => {
  const there = await server();
  stock(there, "one", { versions: { "1.0.0": { bugs: { url: "https://bugs.example/one" } } } });
  const here = await behind(there);
  const got = await here.ask("/one/latest", { headers: { accept: short } });
  expect([got.status, got.headers.get("content-type")]).toEqual([200, "application/json"]);
  expect(got.json()).toMatchObject({ bugs: { url: "https://bugs.example/one" } });
  expect(there.requests.map(({ headers }) => headers.accept)).toEqual(["application/json"]);
});

test("B9: whatever else a packument holds, and however it is spaced, stays as it is", async () => {
  const there = await server();
  const here = await behind(there);
  const { document } = stock(there, "any", { versions: { "1.0.0": {}, "1.0.1": {} } });
  const anything = fc.dictionary(
    fc
      .string()
      .filter((key) => !/^(?:name|version|dist|dist-tags|versions|time|__proto__)$/.test(key)),
    fc.jsonValue({ maxDepth: 5 }),
  );
  let n = 0;
  await fc.assert(
    fc.asyncProperty(
      anything,
      anything,
      fc.integer({ min: 0, max: 4 }),
      async (top, inner, indent) => {
        const name = `any-${n++}`;
        const versions = Object.fromEntries(
          Object.entries<any>(document.versions).map(([version, { dist }]) => {
            const tarball = `${there.url}/${name}/-/${name}-${version}.tgz`;
            return [version, { ...inner, name, version, dist: { ...dist, ...inner, tarball } }];
          }),
        );
        const sent = {
          ...top,
          name,
          "dist-tags": document["dist-tags"],
          versions,
          time: document.time,
        };
        there.on(`/${name}`, (_request, response) =>
          response.end(JSON.stringify(sent, undefined, indent)),
        );
        const got = await here.ask(`/${name}`);
        const expected = structuredClone(sent) as any;
        for (const version of ["1.0.0", "1.0.1"])
          expected.versions[version].dist.tarball =
            `http://localhost:4873/${name}/-/${name}-${version}.tgz`;
        expect(got.json()).toEqual(JSON.parse(JSON.stringify(expected)));
        const one = await here.ask(`/${name}/1.0.1`);
        expect(one.json()).toEqual(JSON.parse(JSON.stringify(expected.versions["1.0.1"])));
      },
    ),
    { numRuns: 60 },
  );
});

test("B9: etags differ per form, and a client that has the newest gets 304 without a request upstream", async () => {
  const there = await server();
  stock(there, "one", { versions: { "1.0.0": {} } });
  const here = await behind(there);
  const etags = [];
  for (const accept of ["application/json", short]) {
    const first = await here.ask("/one", { headers: { accept } });
    const etag = first.headers.get("etag") ?? "";
    etags.push(etag);
    const again = await here.ask("/one", { headers: { accept, "if-none-match": etag } });
    expect([again.status, again.text]).toEqual([304, ""]);
  }
  expect(new Set(etags).size).toBe(2);
  expect(there.count()).toBe(2);
});

test("B9: within freshness nobody is asked; afterwards one conditional request makes it fresh again", async () => {
  const there = await server();
  stock(there, "one", { versions: { "1.0.0": {} } });
  const here = await behind(there);
  for (let n = 0; n < 3; n++) expect((await here.ask("/one")).status).toBe(200);
  expect(there.count("/one")).toBe(1);
  await age(11 * minute, async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => here.ask("/one")));
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([200]));
    for (let n = 0; n < 3; n++) await here.ask("/one");
    expect(there.count("/one")).toBe(2);
    expect(there.requests[1]?.headers["if-none-match"]).toMatch(/^"[0-9a-f]{8}"$/);
  });
});

test("B9: of many clients at once one asks upstream", async () => {
  const there = await server();
  const { tarballs } = stock(there, "one", { versions: { "1.0.0": {} } });
  const here = await behind(there);
  const all = await Promise.all(Array.from({ length: 50 }, () => here.ask("/one")));
  expect(new Set(all.map(({ text }) => text)).size).toBe(1);
  const files = await Promise.all(
    Array.from({ length: 50 }, () => here.ask("/one/-/one-1.0.0.tgz")),
  );
  for (const { bytes } of files) expect(tarballs.get("1.0.0")?.equals(bytes)).toBe(true);
  expect([there.count("/one"), there.count("/one/-/one-1.0.0.tgz")]).toEqual([1, 1]);
});

test("B9: stale for less than its freshness it is served at once and renewed meanwhile; older it is renewed first", async () => {
  const there = await server();
  stock(there, "one", { versions: { "1.0.0": {} } });
  const here = await behind(there);
  const versions = async () => Object.keys((await here.ask("/one")).json().versions);
  await versions();
  stock(there, "one", { versions: { "1.0.0": {}, "2.0.0": {} } });
  await age(6 * minute, async () => {
    expect(await versions()).toEqual(["1.0.0"]);
    await until(async () => (await versions()).length === 2);
  });
  stock(there, "one", { versions: { "1.0.0": {}, "2.0.0": {}, "3.0.0": {} } });
  await age(60 * minute, async () => expect(await versions()).toHaveLength(3));
});

test("B9: a second server on the same store uses what the first one fetched, and its freshness", async () => {
  const there = await server();
  const { tarballs } = stock(there, "one", { versions: { "1.0.0": {} } });
  const temp = await tempFolder("upstream");
  onTestFinished(() => temp.remove());
  const store = `file:${temp.path}/store`;
  const first = await behind(there, {}, { store });
  await first.ask("/one");
  await first.ask("/one/-/one-1.0.0.tgz");
  await first[Symbol.asyncDispose]();
  const second = await behind(there, {}, { store });
  there.forget();
  expect((await second.ask("/one")).status).toBe(200);
  const file = await second.ask("/one/-/one-1.0.0.tgz");
  expect(tarballs.get("1.0.0")?.equals(file.bytes)).toBe(true);
  expect(there.count()).toBe(0);
  const { entries } = await second.citadel.store.driver.list({ prefix: "c/upstream/" });
  expect(entries.map(({ key }) => key.replace(/[0-9a-f]{12,}/g, "…"))).toEqual([
    "c/upstream/…/p/one/full/body",
    "c/upstream/…/p/one/full/state",
    "c/upstream/…/t/one/…",
  ]);
});

test("B9: only a real 404 is `not found`, is believed for a short time, and goes away", async () => {
  const there = await server();
  const here = await behind(there);
  for (let n = 0; n < 3; n++) {
    const got = await here.ask("/late");
    expect([got.status, got.json().code]).toEqual([404, "E_PACKAGE_NOT_FOUND"]);
  }
  expect(there.count("/late")).toBe(1);
  stock(there, "late", { versions: { "1.0.0": {} } });
  await age(minute, async () => expect((await here.ask("/late")).status).toBe(200));
});

test.each([
  ["hangs", 504, "E_REMOTE_TIMEOUT", (_q: unknown, _r: any) => {}],
  ["stops", 504, "E_REMOTE_TIMEOUT", (_q: unknown, r: any) => r.writeHead(200).write('{"name":')],
  ["500", 503, "E_REMOTE_UNAVAILABLE", (_q: unknown, r: any) => r.writeHead(500).end("oops")],
  ["429", 503, "E_REMOTE_UNAVAILABLE", (_q: unknown, r: any) => r.writeHead(429).end()],
  ["closes", 503, "E_REMOTE_UNAVAILABLE", (_q: unknown, r: any) => r.destroy()],
  ["401", 502, "E_REMOTE_ANSWER", (_q: unknown, r: any) => r.writeHead(401).end("{}")],
  ["html", 502, "E_REMOTE_ANSWER", (_q: unknown, r: any) => r.end("<html>login</html>")],
  ["empty", 502, "E_REMOTE_ANSWER", (_q: unknown, r: any) => r.end("")],
  [
    "cut json",
    502,
    "E_REMOTE_ANSWER",
    (_q: unknown, r: any) => r.end('{"name":"one","versions":{'),
  ],
  [
    "other name",
    502,
    "E_REMOTE_ANSWER",
    (_q: unknown, r: any) => r.end('{"name":"two","versions":{"1.0.0":{}}}'),
  ],
  ["304 to nothing", 502, "E_REMOTE_ANSWER", (_q: unknown, r: any) => r.writeHead(304).end()],
  [
    "deep",
    502,
    "E_REMOTE_ANSWER",
    (_q: unknown, r: any) =>
      r.end(`{"name":"one","x":${"[".repeat(100_000)}${"]".repeat(100_000)},"versions":{}}`),
  ],
  [
    "twice",
    502,
    "E_REMOTE_ANSWER",
    (_q: unknown, r: any) =>
      r.end('{"name":"one","versions":{"1.0.0":{}},"vers\\u0069ons":{"6.6.6":{}}}'),
  ],
  [
    "private",
    502,
    "E_REMOTE_ADDRESS",
    (_q: unknown, r: any) => r.writeHead(302, { location: "http://169.254.169.254/x" }).end(),
  ],
] as const)(
  "B9: an upstream that answers wrongly (%s) is %i, never 404, and the next good answer counts",
  async (_what, status, code, lie) => {
    const there = await server();
    const here = await behind(there);
    there.on("/one", lie);
    const got = await here.ask("/one");
    expect([got.status, got.json().code]).toEqual([status, code]);
    if (got.json().retryable) expect(Number(got.headers.get("retry-after"))).toBeGreaterThan(0);
    stock(there, "one", { versions: { "1.0.0": {} } });
    expect((await here.ask("/one")).status).toBe(200);
    // once it is here, the same failure serves what is here
    there.on("/one", lie);
    await age(60 * minute, async () => {
      const stale = await here.ask("/one");
      expect([stale.status, Object.keys(stale.json().versions)]).toEqual([200, ["1.0.0"]]);
    });
  },
);

test("B9: a 304 about other content is not believed", async () => {
  const there = await server();
  stock(there, "one", { versions: { "1.0.0": {} } });
  const here = await behind(there);
  await here.ask("/one");
  const { document } = stock(there, "one", { versions: { "1.0.0": {}, "2.0.0": {} } });
  there.on("/one", (request, response) => {
    if (request.headers["if-none-match"]) response.writeHead(304, { etag: '"other"' }).end();
    else response.end(JSON.stringify(document));
  });
  await age(60 * minute, async () => {
    expect(Object.keys((await here.ask("/one")).json().versions)).toHaveLength(2);
  });
});

test("B9: an upstream that is down is not asked again and again; one request finds out when it is back", async () => {
  const there = await server();
  const here = await behind(there);
  there.on("*", (_request, response) => response.writeHead(503).end());
  for (let n = 0; n < 20; n++) expect((await here.ask(`/p${n}`)).status).toBe(503);
  expect(there.count()).toBe(5);
  const [status] = here.citadel.upstream?.status() ?? [];
  expect(status).toMatchObject({ name: "liar", state: "open", failures: 5 });
  const closed = await here.ask("/one");
  expect(Number(closed.headers.get("retry-after"))).toBeGreaterThan(0);
  stock(there, "one", { versions: { "1.0.0": {} } });
  await age(5 * minute, async () => {
    const all = await Promise.all(Array.from({ length: 10 }, () => here.ask("/one")));
    expect(all.map(({ status: got }) => got)).toContain(200);
  });
  expect(here.citadel.upstream?.status()[0]).toMatchObject({ state: "closed" });
});

test("B9: versions that cannot stand in an address, and odd names, are left out and harm nobody", async () => {
  const there = await server();
  const { document } = stock(there, "one", { versions: { "1.0.0": {} } });
  const versions = { ...document.versions };
  for (const odd of ["../../x", "1.0.0/../..", 'a"b', "latest", ""])
    versions[odd] = { ...document.versions["1.0.0"], version: odd };
  const text = JSON.stringify({ ...document, versions }).replace(
    '"versions":{',
    '"versions":{"__proto__":{"version":"9.9.9"},"constructor":{},',
  );
  there.on("/one", (_request, response) => response.end(text));
  const here = await behind(there);
  const got = await here.ask("/one");
  expect(Object.keys(got.json().versions)).toEqual(["1.0.0"]);
});

test("B9: GET /P/V, /P/latest, ranges and dist-tags; what is missing is looked for upstream once more", async () => {
  const there = await server();
  stock(there, "one", {
    versions: { "1.0.0": {}, "1.2.0": {}, "2.0.0-rc.1": {} },
    tags: { latest: "1.2.0", next: "2.0.0-rc.1" },
  });
  const here = await behind(there);
  for (const [spec, version] of [
    ["latest", "1.2.0"],
    ["1.0.0", "1.0.0"],
    ["next", "2.0.0-rc.1"],
    ["^1.0.0", "1.2.0"],
  ] as const) {
    const got = await here.ask(`/one/${encodeURIComponent(spec)}`);
    expect([got.status, got.json().version], spec).toEqual([200, version]);
    expect(got.json().dist.tarball).toBe(`http://localhost:4873/one/-/one-${version}.tgz`);
  }
  const tags = await here.ask("/-/package/one/dist-tags");
  expect(tags.json()).toEqual({ latest: "1.2.0", next: "2.0.0-rc.1" });

  stock(there, "one", { versions: { "1.0.0": {}, "1.2.0": {}, "3.0.0": {} } });
  expect((await here.ask("/one/3.0.0")).status).toBe(404); // asked a moment ago
  await age(30_000, async () => {
    there.forget();
    expect((await here.ask("/one/3.0.0")).status).toBe(200);
    for (let n = 0; n < 5; n++) expect((await here.ask("/one/4.0.0")).status).toBe(404);
    expect(there.count("/one")).toBe(1);
  });
});

test("attack 15: nothing of an upstream's header fields reaches a client", async () => {
  const there = await server();
  const { document, tarballs } = stock(there, "one", { versions: { "1.0.0": {} } });
  const evil = {
    "set-cookie": "session=evil",
    "content-security-policy": "script-src *",
    "access-control-allow-origin": "*",
    "x-evil": "1",
    "content-type": "text/html",
    "cache-control": "public, max-age=31536000",
  };
  there.on("/one", (_request, response) =>
    response.writeHead(200, evil).end(JSON.stringify(document)),
  );
  there.on("/one/-/one-1.0.0.tgz", (_request, response) =>
    response.writeHead(200, evil).end(tarballs.get("1.0.0")),
  );
  const here = await behind(there);
  for (const path of ["/one", "/one/1.0.0", "/one/-/one-1.0.0.tgz"]) {
    const { status, headers } = await here.ask(path);
    expect(status).toBe(200);
    for (const name of ["set-cookie", "access-control-allow-origin", "x-evil"])
      expect(headers.get(name), `${path} ${name}`).toBeNull();
    expect(headers.get("content-security-policy")).not.toContain("*");
    expect(headers.get("content-type")).not.toContain("html");
  }
});

test("B9: what a client sends to us is not handed on; credentials of the setting are", async () => {
  const there = await server();
  stock(there, "one", { versions: { "1.0.0": {} } });
  const here = await behind(there, { token: "upstream-token" });
  const headers = { authorization: "Bearer client-token", cookie: "a=b", "npm-otp": "123456" };
  await here.ask("/one", { headers });
  await here.ask("/one/-/one-1.0.0.tgz", { headers });
  for (const request of there.requests) {
    expect(request.headers.authorization).toBe("Bearer upstream-token");
    expect(JSON.stringify(request.headers)).not.toMatch(/client-token|123456|a=b/);
  }
  expect(there.count()).toBe(2);
});

test("B9: the most specific pattern decides whom a name belongs to; two equal ones are refused at start", async () => {
  const [all, scoped] = [await server(), await server()];
  stock(all, "one", { versions: { "1.0.0": {} } });
  stock(all, "@deep/one", { versions: { "1.0.0": {} } });
  stock(scoped, "@deep/one", { versions: { "2.0.0": {} } });
  const registries = [
    { name: "all", url: all.url },
    { name: "deep", url: scoped.url, packages: ["@deep/*"] },
  ];
  const here = await behind(all, {}, { "upstream.registries": registries });
  expect((await here.ask("/one")).headers.get("citadel-upstream")).toBe("all");
  const deep = await here.ask("/@deep%2fone");
  expect([deep.headers.get("citadel-upstream"), Object.keys(deep.json().versions)]).toEqual([
    "deep",
    ["2.0.0"],
  ]);
  expect((await here.ask("/@deep%2ftwo")).status).toBe(404);
  expect(all.count("/@deep%2fone") + all.count("/@deep%2ftwo")).toBe(0);

  const twice = [registries[0], { name: "other", url: scoped.url, packages: ["one", "*"] }];
  await expect(behind(all, {}, { "upstream.registries": twice })).rejects.toMatchObject({
    code: "E_CONFIG",
    message: expect.stringMatching(/all.*other/),
  });
});

test("B9: the document that upstream sends may be large, and not too large", async () => {
  const there = await server();
  const versions = Object.fromEntries(
    Array.from({ length: 3000 }, (_, n) => [`1.0.${n}`, { description: "x".repeat(300) }]),
  );
  stock(there, "large", { versions });
  const here = await behind(there, { timeouts: { whole: "60s", idle: "60s" } });
  const got = await here.ask("/large", { headers: { "accept-encoding": "gzip" } });
  expect(got.status).toBe(200);
  there.on("/endless", (_request, response) => {
    const piece = "x".repeat(2 ** 20);
    response.writeHead(200).write('{"name":"endless","readme":"');
    let open = true;
    response.on("close", () => (open = false));
    const more = () => {
      while (open) if (!response.write(piece)) return void response.once("drain", more);
    };
    more();
  });
  const endless = await here.ask("/endless");
  expect([endless.status, endless.json().code]).toEqual([502, "E_REMOTE_ANSWER"]);
}, 60_000);
