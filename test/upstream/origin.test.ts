import { expect, test } from "vitest";
import { gzipSync } from "node:zlib";
import { pack } from "../support/packages.ts";
import { oneProcess } from "../support/one-process.ts";
import { tempFolder } from "../support/temp.ts";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { age, behind, pathOf, server, short, stock } from "./behind.ts";

const { citadel } = oneProcess();

const minute = 60_000;
const admin = { principal: { kind: "local", name: "local", admin: true }, via: "cli" } as const;

test("attack 20: names that are or were here, private patterns, and scopes that somebody holds never leave, by any route", async () => {
  const there = await server();
  const here = await behind(there, {}, { "upstream.private": ["secret", "@corp/*", "int-*"] });
  const ann = await here.signIn("ann");
  await here.publish(ann, { name: "here", version: "1.0.0" });
  await here.publish(ann, { name: "was", version: "1.0.0" });
  const rev = (await here.ask("/was")).json()._rev;
  await here.ask(`/was/-rev/${rev}`, { method: "DELETE", token: ann });
  await here.publish(ann, { name: "@team/one", version: "1.0.0" });
  await here.citadel.orgs.setMember("guild", "ann", "owner", {
    principal: { kind: "user", name: "ann", admin: false },
    via: "npm",
  });
  await here.citadel.access.set({ pattern: "ruled-*", claimed: true }, admin);
  there.forget();

  const names = [
    ...[
      "here",
      "was",
      "@team/two",
      "@ann/x",
      "@guild/x",
      "secret",
      "@corp/lib",
      "int-tool",
      "ruled-x",
    ],
  ];
  const audited = Object.fromEntries(names.map((name) => [name, ["1.0.0"]]));
  for (const name of names) {
    const base = name.slice(name.lastIndexOf("/") + 1);
    for (const path of [
      pathOf(name),
      `${pathOf(name)}/9.9.9`,
      `${pathOf(name)}/latest`,
      `/${name}/-/${base}-9.9.9.tgz`,
      `/-/package/${pathOf(name).slice(1)}/dist-tags`,
      `/-/npm/v1/attestations/${name}@9.9.9`,
      `/-/v1/search?text=${encodeURIComponent(name)}`,
      `/-/v1/search?text=${encodeURIComponent(`some ${name},words`)}`,
    ]) {
      await here.ask(path);
      await here.ask(path, { headers: { accept: short }, token: ann });
    }
    await here.ask(pathOf(name), { method: "PUT", token: ann, body: {} });
  }
  for (const text of ["scope:team", "@team", "@guild/", "corp", "@corp"])
    await here.ask(`/-/v1/search?text=${encodeURIComponent(text)}`);
  await here.ask("/-/npm/v1/security/advisories/bulk", { method: "POST", body: audited });
  expect(there.requests.map(({ url }) => url)).toEqual([]);
});

test("B9: what was published here hides nothing, and a package that is here is only from here", async () => {
  const there = await server();
  stock(there, "@free/one", { versions: { "9.0.0": {} } });
  const here = await behind(there, {}, { "upstream.private": ["mine"] });
  const ann = await here.signIn("ann");
  stock(there, "mine", { versions: { "9.0.0": {} } });
  await here.publish(ann, { name: "mine", version: "1.0.0" });
  expect(Object.keys((await here.ask("/mine")).json().versions)).toEqual(["1.0.0"]);
  expect((await here.ask("/mine/-/mine-9.0.0.tgz")).status).toBe(404);
  expect(there.count("/mine")).toBe(0);
});

test("B9, #686: a name that upstream has is refused unless it is claimed, by pattern or by an administrator", async () => {
  const there = await server();
  stock(there, "taken", { versions: { "1.0.0": {} } });
  stock(there, "@outside/one", { versions: { "1.0.0": {} } });
  const here = await behind(there, {}, { "upstream.private": ["claimed"] });
  stock(there, "claimed", { versions: { "1.0.0": {} } });
  const ann = await here.signIn("ann");
  const refused = await here.publish(ann, { name: "taken", version: "9.0.0" });
  expect([refused.status, refused.json().code]).toEqual([409, "E_NAME_UPSTREAM"]);
  expect(refused.json().error).toContain("liar");
  expect((await here.publish(ann, { name: "@outside/one", version: "9.0.0" })).status).toBe(409);
  // the scope is in use there: taking it would hide all of it
  expect((await here.ask("/@outside%2fone")).status).toBe(200);
  expect((await here.publish(ann, { name: "@outside/new", version: "1.0.0" })).status).toBe(409);
  expect((await here.publish(ann, { name: "@ann/new", version: "1.0.0" })).status).toBe(201);
  expect((await here.publish(ann, { name: "free-name", version: "1.0.0" })).status).toBe(201);
  expect((await here.publish(ann, { name: "claimed", version: "1.0.0" })).status).toBe(201);
  expect((await here.ask("/taken")).headers.get("citadel-upstream")).toBe("liar");

  there.on("*", (_request, response) => response.writeHead(500).end());
  const unsure = await here.publish(ann, { name: "who-knows", version: "1.0.0" });
  expect([unsure.status, unsure.json().code]).toEqual([503, "E_REMOTE_UNAVAILABLE"]);
});

test("B9, #686: the command line claims a name in so many words", async () => {
  const there = await server();
  stock(there, "taken", { versions: { "1.0.0": {} } });
  const temp = await tempFolder("claim");
  try {
    await writeFile(join(temp.path, "x.js"), "1");
    const env = { CITADEL_UPSTREAM: there.url };
    const args = ["local:publish", "taken", "9.0.0", "-", "-f", join(temp.path, "x.js")];
    const refused = await citadel(temp.path, args, { env });
    expect(refused.code).toBe(5);
    expect(refused.stderr).toContain("E_NAME_UPSTREAM");
    expect((await citadel(temp.path, [...args, "--claim"], { env })).code).toBe(0);
  } finally {
    await temp.remove();
  }
});

test("attack 19: who may not read here makes nobody ask outside; who may, does", async () => {
  const there = await server();
  stock(there, "one", { versions: { "1.0.0": {} } });
  const here = await behind(there);
  const ann = await here.signIn("ann");
  await here.citadel.access.set({ pattern: "*", read: ["$authenticated"] }, admin);
  there.forget();
  for (const path of [
    ...["/one", "/one/latest", "/one/-/one-1.0.0.tgz", "/-/package/one/dist-tags"],
    ...["/-/npm/v1/attestations/one@1.0.0", "/-/v1/search?text=one", "/no/such"],
  ])
    expect([path, (await here.ask(path)).status >= 400 || path.includes("search")]).toEqual([
      path,
      true,
    ]);
  await here.ask("/-/npm/v1/security/advisories/bulk", {
    method: "POST",
    body: { one: ["1.0.0"] },
  });
  expect(there.requests.map(({ url }) => url)).toEqual([]);
  expect((await here.ask("/one", { token: ann })).status).toBe(200);
  expect((await here.ask("/one/-/one-1.0.0.tgz", { token: ann })).status).toBe(200);
});

test("B9: search shows what is here first, then what upstream finds, without doubles and within a deadline (attack 52)", async () => {
  const there = await server();
  const here = await behind(there, {}, { "upstream.private": ["lib-mine", "hidden"] });
  const ann = await here.signIn("ann");
  await here.publish(ann, { name: "lib-mine", version: "1.0.0", description: "a lib" });
  const hit = (name: string, more = {}) => ({
    package: { name, version: "1.0.0", description: "", maintainers: [], ...more },
    score: { final: 1, detail: { quality: 1, popularity: 1, maintenance: 1 } },
  });
  const objects = [
    hit("lib-a"),
    hit("lib-mine"),
    hit("hidden"),
    { package: { name: "broken" } },
    hit("../x"),
    hit("lib-b"),
  ];
  there.on("*", (_request, response) => response.end(JSON.stringify({ objects, total: 40 })));
  const got = await here.ask("/-/v1/search?text=lib&size=10");
  expect(got.json().objects.map((one: any) => one.package.name)).toEqual([
    "lib-mine",
    "lib-a",
    "lib-b",
  ]);
  expect(got.json().total).toBe(41);
  expect(there.requests[0]?.url).toBe("/-/v1/search?text=lib&size=9&from=0");
  await here.ask("/-/v1/search?text=lib&size=10&from=10");
  expect(there.requests[1]?.url).toBe("/-/v1/search?text=lib&size=10&from=9");
  // whatever somebody asks for, a page has an end
  await here.ask("/-/v1/search?text=lib&size=1000000000&from=10");
  expect(there.requests[2]?.url).toBe("/-/v1/search?text=lib&size=250&from=9");
  for (const lie of [
    (_q: unknown, r: any) => r.writeHead(500).end(),
    (_q: unknown, r: any) => r.end("[1,2"),
    () => {},
  ]) {
    there.on("*", lie);
    const alone = await here.ask("/-/v1/search?text=lib");
    expect([alone.status, alone.json().objects.length]).toEqual([200, 1]);
  }
});

test("B9, H2: audits, attestations and keys pass through; names of ours do not", async () => {
  const there = await server();
  stock(there, "one", { versions: { "1.0.0": {} } });
  const here = await behind(there, {}, { "upstream.private": ["mine"] });
  const advisory = {
    id: 1,
    title: "bad",
    severity: "high",
    url: "https://x.example/",
    vulnerable_versions: "<2",
  };
  let told: unknown;
  there.on("/-/npm/v1/security/advisories/bulk", (request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      told = JSON.parse(Buffer.concat(parts).toString());
      response.end(
        JSON.stringify({ one: [advisory], mine: [advisory], other: [advisory], __proto__: 1 }),
      );
    });
  });
  const bulk = await here.ask("/-/npm/v1/security/advisories/bulk", {
    method: "POST",
    headers: { "content-encoding": "gzip", "content-type": "application/json" },
    body: gzipSync(JSON.stringify({ one: ["1.0.0"], mine: ["1.0.0"], "@corp/x": ["1.0.0"] })),
  });
  expect([bulk.status, bulk.json()]).toEqual([200, { one: [advisory] }]);
  expect(told).toEqual({ one: ["1.0.0"], "@corp/x": ["1.0.0"] });

  const bundles = {
    attestations: [{ predicateType: "https://slsa.dev/provenance/v1", bundle: {} }],
  };
  there.on("/-/npm/v1/attestations/one@1.0.0", (_request, response) =>
    response.end(JSON.stringify(bundles)),
  );
  expect((await here.ask("/-/npm/v1/attestations/one@1.0.0")).json()).toEqual(bundles);
  expect((await here.ask("/-/npm/v1/attestations/one@2.0.0")).status).toBe(404);

  const key = {
    keyid: "SHA256:x",
    key: "AAAA",
    keytype: "ecdsa-sha2-nistp256",
    scheme: "ecdsa-sha2-nistp256",
    expires: null,
  };
  there.on("/-/npm/v1/keys", (_request, response) =>
    response.end(JSON.stringify({ keys: [key, { keyid: 1 }] })),
  );
  expect((await here.ask("/-/npm/v1/keys")).json().keys).toContainEqual(key);
  expect(there.count("/-/npm/v1/keys")).toBe(1);
});

test("H3, attack 18: a version that upstream takes back is hidden everywhere, says who had it, and an exception lets it through", async () => {
  const there = await server();
  stock(there, "one", {
    versions: { "1.0.0": {}, "1.0.1": {} },
    tags: { latest: "1.0.1", old: "1.0.0" },
  });
  const here = await behind(there);
  const ann = await here.signIn("ann");
  const tarball = await here.ask("/one/-/one-1.0.1.tgz", { token: ann });
  await here.ask("/one/-/one-1.0.1.tgz", { from: "192.0.2.7" });
  await here.ask("/one/-/one-1.0.0.tgz", { token: ann });
  await here.ask("/one");
  stock(there, "one", { versions: { "1.0.0": {} } });
  const { upstream } = here.citadel;
  const policies = await here.citadel.policies();
  await age(60 * minute, async () => {
    expect(Object.keys((await here.ask("/one")).json().versions)).toEqual(["1.0.0"]);
    expect((await here.ask("/one/1.0.1")).status).toBe(404);
    expect((await here.ask("/one/-/one-1.0.1.tgz")).status).toBe(404);
    expect((await here.ask("/-/package/one/dist-tags")).json()).toEqual({ latest: "1.0.0" });
    const [entry, ...more] = (await upstream?.quarantined("one")) ?? [];
    expect(more).toEqual([]);
    expect(entry).toMatchObject({ version: "1.0.1", origin: "liar" });
    const who = entry?.downloads.map(({ who: name, count }) => [name, count]);
    expect(who).toEqual(
      expect.arrayContaining([
        ["ann", 1],
        [expect.stringMatching(/^#[0-9a-f]{12}$/), 1],
      ]),
    );
    expect(JSON.stringify(entry)).not.toContain("192.0.2.7");

    await policies.apply(admin, {
      type: "except",
      grant: { pattern: "one", range: "1.0.1", reason: "we looked at it" },
    });
    const shown = (await here.ask("/one")).json();
    expect(Object.keys(shown.versions)).toEqual(["1.0.0", "1.0.1"]);
    expect(shown.versions["1.0.1"].dist.tarball).toBe("http://localhost:4873/one/-/one-1.0.1.tgz");
    expect(shown.time["1.0.1"]).toBe("2020-01-02T00:00:00.000Z");
    expect(shown["dist-tags"]).toEqual({ latest: "1.0.0" });
    expect((await here.ask("/one/-/one-1.0.1.tgz")).bytes).toEqual(tarball.bytes);
  });
  await here.citadel.collect({ grace: 0 });
  expect(await here.citadel.verify()).toMatchObject({ items: [] });

  stock(there, "one", { versions: { "1.0.0": {}, "1.0.1": {} } });
  await age(180 * minute, async () => {
    await here.ask("/one");
    expect(await upstream?.quarantined("one")).toEqual([]);
  });
  // H12: all of it is told
  const told = await Array.fromAsync(here.citadel.notices.after(0));
  const data = { name: "one", version: "1.0.1", upstream: "liar" };
  expect(told.map(({ type, data: what }) => [type, what])).toEqual([
    ["package.quarantined", data],
    ["package.released", { ...data, by: "local" }],
    ["package.released", data],
  ]);
});

test("H3, attack 18: a package that upstream takes back as a whole is gone, with every version in quarantine", async () => {
  const there = await server();
  stock(there, "one", { versions: { "1.0.0": {}, "2.0.0": {} } });
  const here = await behind(there);
  await here.ask("/one/-/one-1.0.0.tgz");
  there.on("/one", (_request, response) => response.writeHead(404).end("{}"));
  await age(60 * minute, async () => {
    expect((await here.ask("/one/-/one-1.0.0.tgz")).status).toBe(404);
    expect((await here.ask("/one")).status).toBe(404);
    const versions = (await here.citadel.upstream?.quarantined("one"))?.map(
      ({ version }) => version,
    );
    expect(versions).toEqual(["1.0.0", "2.0.0"]);
  });
});

test("H3: the policy holds on packument, version, tags, search and tarball of both forms, and says why", async () => {
  const there = await server();
  const now = Date.now();
  const iso = (ms: number): string => new Date(ms).toISOString();
  const { document } = stock(there, "one", {
    versions: { "1.0.0": {}, "1.1.0": {}, "1.2.0": {}, "2.0.0": {}, "3.0.0": {}, "4.0.0-rc.1": {} },
    tags: { latest: "3.0.0", next: "4.0.0-rc.1", lts: "1.2.0" },
    time: {
      "1.2.0": undefined,
      "2.0.0": iso(now - 2 * 86_400_000),
      "3.0.0": iso(now - 3_600_000),
      "4.0.0-rc.1": iso(now - 60_000),
    },
  });
  const { time: _, ...corgi } = document;
  there.on("/one", (request, response) =>
    response.end(JSON.stringify(request.headers.accept?.includes(short) ? corgi : document)),
  );
  there.on("/-/v1/search?text=one&size=20&from=0", (_request, response) =>
    response.end(
      JSON.stringify({
        objects: [
          { package: { name: "one", version: "3.0.0", date: iso(now), maintainers: [] } },
          { package: { name: "two", version: "1.0.0", date: iso(0), maintainers: [] } },
        ],
        total: 2,
      }),
    ),
  );
  const here = await behind(there);
  const policies = await here.citadel.policies();
  await policies.apply(admin, {
    type: "rule",
    rule: { kind: "age", pattern: "*", age: 86_400_000 },
  });
  await policies.apply(admin, {
    type: "rule",
    rule: { kind: "block", pattern: "one", range: "1.1.0", reason: "it is bad" },
  });

  for (const accept of ["application/json", short]) {
    const got = (await here.ask("/one", { headers: { accept } })).json();
    expect(Object.keys(got.versions)).toEqual(["1.0.0", "2.0.0"]);
    expect(got["dist-tags"]).toEqual({ latest: "2.0.0", next: "2.0.0", lts: "1.0.0" });
    if (got.time) expect(Object.keys(got.time)).toEqual(["created", "modified", "1.0.0", "2.0.0"]);
  }
  expect((await here.ask("/-/package/one/dist-tags")).json().latest).toBe("2.0.0");
  expect((await here.ask("/one/latest")).json().version).toBe("2.0.0");
  for (const [version, why] of [
    ["1.1.0", "it is bad"],
    ["1.2.0", "no date"],
    ["3.0.0", "24 h"],
  ] as const)
    for (const path of [`/one/${version}`, `/one/-/one-${version}.tgz`]) {
      const refused = await here.ask(path);
      expect([path, refused.status, refused.json().code]).toEqual([path, 403, "E_POLICY"]);
      expect(refused.json().error).toContain(why);
    }
  expect(there.requests.filter(({ url }) => url?.endsWith(".tgz"))).toEqual([]);
  expect((await here.ask("/one/-/one-2.0.0.tgz")).status).toBe(200);
  const found = (await here.ask("/-/v1/search?text=one")).json().objects;
  expect(found.map((one: any) => one.package.name)).toEqual(["two"]);
  const listed = await (await here.citadel.refusals()).list();
  expect(listed.find(({ version }) => version === "3.0.0")).toMatchObject({
    name: "one",
    count: 2,
  });

  // what is too young today is there tomorrow, without a request that says so
  there.forget();
  await age(86_400_000, async () => {
    const got = (await here.ask("/one")).json();
    expect(Object.keys(got.versions)).toEqual(["1.0.0", "2.0.0", "3.0.0", "4.0.0-rc.1"]);
    expect(got["dist-tags"]).toMatchObject({ latest: "3.0.0", next: "4.0.0-rc.1" });
  });

  await policies.apply(admin, { type: "rule", rule: { kind: "block", pattern: "one" } });
  const nothing = await here.ask("/one");
  expect([nothing.status, nothing.json().code]).toEqual([403, "E_POLICY"]);
  const [last] = await (await here.citadel.refusals()).list();
  expect(last).toMatchObject({ name: "one", origin: "liar", rule: "block:one", count: 3 });
});

test("B9: stats show an upstream as a backend, and one that is down as such", async () => {
  const there = await server();
  there.on("/-/ping", (_request, response) => response.end("{}"));
  const temp = await tempFolder("stats");
  try {
    const stats = async () => {
      const ran = await citadel(temp.path, ["local:stats", "--json"], {
        env: { CITADEL_UPSTREAM: there.url },
      });
      return JSON.parse(ran.stdout).backends.find(({ role }: any) => role === "upstream");
    };
    expect(await stats()).toMatchObject({ ok: true, url: `${there.url}/` });
    await there[Symbol.asyncDispose]();
    expect(await stats()).toMatchObject({
      ok: false,
      error: expect.stringContaining("cannot be reached"),
    });
  } finally {
    await temp.remove();
  }
});

test("B9: a token may lie in a file; settings never show it", async () => {
  const temp = await tempFolder("token");
  try {
    await writeFile(join(temp.path, "token"), "from-file\n");
    const there = await server();
    stock(there, "one", { versions: { "1.0.0": {} } });
    const here = await behind(there, { tokenFile: join(temp.path, "token") });
    await here.ask("/one");
    expect(there.requests[0]?.headers.authorization).toBe("Bearer from-file");
    await expect(behind(there, { tokenFile: join(temp.path, "none") })).rejects.toMatchObject({
      code: "E_CONFIG",
    });
    const env = {
      CITADEL_UPSTREAM: JSON.stringify([{ name: "x", url: there.url, token: "very-secret" }]),
    };
    for (const args of [
      ["config"],
      ["config", "--json"],
      ["config", "--get", "upstream.registries"],
    ]) {
      const ran = await citadel(temp.path, args, { env });
      expect(ran.code).toBe(0);
      expect(ran.stdout + ran.stderr).not.toContain("very-secret");
    }
    const bad = {
      CITADEL_UPSTREAM: JSON.stringify([{ name: "x", url: there.url, tokn: "very-secret" }]),
    };
    const wrong = await citadel(temp.path, ["config"], { env: bad });
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).not.toContain("very-secret");
  } finally {
    await temp.remove();
  }
});

test("B9: a publish here does not care what the tarball of upstream is", async () => {
  const there = await server();
  stock(there, "one", { versions: { "1.0.0": {} } });
  const here = await behind(there);
  await here.ask("/one");
  const ann = await here.signIn("ann");
  const own = pack({ name: "@ann/one", version: "1.0.0" });
  expect((await here.publish(ann, { name: "@ann/one", version: "1.0.0" }, own)).status).toBe(201);
  expect(own.equals((await here.ask("/@ann/one/-/one-1.0.0.tgz")).bytes)).toBe(true);
});
