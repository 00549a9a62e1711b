import { gunzipSync } from "node:zlib";
import { openCache, type Cache } from "@citadel/core/cache";
import {
  createViews,
  type PackageDocument,
  type VersionRecord,
  type ViewCache,
  type Views,
} from "@citadel/core/registry";
import { expect, onTestFinished, test } from "vitest";
import { serve } from "../support/citadel.ts";
import { oneProcess } from "../support/one-process.ts";
import { request } from "../support/http.ts";
import { tempFolder } from "../support/temp.ts";

const { citadel } = oneProcess();

const base = "http://127.0.0.1:4873/";
const forms = ["full", "short"] as const;

/** Manifests in a map, a document over them, and a way to publish. */
function registry() {
  const stored = new Map<string, Uint8Array>();
  const versions = new Map<string, VersionRecord>();
  const self = {
    reads: 0,
    email: "ada@example.test",
    document: undefined as unknown as PackageDocument,
    publish(version: string): void {
      const integrity = `sha512-${Buffer.alloc(64, version).toString("base64")}`;
      const manifest = {
        name: "@demo/kept",
        version,
        description: "x".repeat(99),
        dist: { integrity },
      };
      stored.set(version, Buffer.from(JSON.stringify(manifest)));
      versions.set(version, { manifest: version, integrity, size: 1, time: 1.7e12, by: "ada" });
      const rev = (self.document?.rev ?? 0) + 1;
      self.document = {
        name: "@demo/kept",
        ...{ rev, etag: `${rev}`, tip: `tip-${rev}`, modified: 1.7e12 + rev * 1000 },
        state: {
          ...{
            name: "@demo/kept",
            created: 1.7e12,
            owners: ["ada"],
            removed: new Map(),
            stars: [],
          },
          tags: new Map([["latest", version]]),
          versions: new Map(versions),
        },
      };
    },
    views(cache?: ViewCache): Views {
      return createViews({
        memory: 64e6,
        manifests: {
          put: () => Promise.reject(new Error("nobody writes here")),
          get(hash) {
            self.reads++;
            return Promise.resolve(stored.get(hash));
          },
        },
        email: () => Promise.resolve(self.email),
        ...(cache && { cache: () => Promise.resolve(cache) }),
      });
    },
  };
  for (let n = 0; n < 200; n++) self.publish(`1.0.${n}`);
  return self;
}

async function caches() {
  const folder = await tempFolder("cache-views");
  onTestFinished(() => folder.remove());
  return async (): Promise<Cache> => {
    const cache = openCache({
      tiers: ["memory:", `sqlite:${folder.path}/cache.db?deadline=10s`],
      dirs: { cache: folder.path },
      schemes: new Map(),
      memoryBytes: 1e6,
    });
    await cache.ready;
    onTestFinished(() => cache.close());
    return cache;
  };
}
const answers = async (views: Views, document: PackageDocument) =>
  Promise.all(
    forms.map(async (form) => {
      const view = await views.get(document, form, base);
      const plain = Buffer.from(view.pick([]).bytes).toString();
      const gzip = gunzipSync(view.pick(["gzip"]).bytes).toString();
      expect(gzip).toBe(plain);
      return { etag: view.etag, modified: view.modified, plain };
    }),
  );

test("A10, B2: after a restart views come from the cache, without reading a manifest", async () => {
  const open = await caches();
  const here = registry();
  const first = here.views(await open());
  const before = await answers(first, here.document);
  await expect.poll(async () => (await rowsOf(open)).length).toBe(2);
  await first.close();
  here.reads = 0;
  const again = here.views(await open());
  expect(await answers(again, here.document)).toEqual(before);
  expect(here.reads).toBe(0);
  // and the next version is added to what came from there
  here.publish("2.0.0");
  const after = await answers(again, here.document);
  expect(here.reads).toBe(3); // the new manifest for both forms, and for what the full one tells of the newest
  expect(after).toEqual(await answers(here.views(), here.document));
});
const rowsOf = async (open: () => Promise<Cache>) => (await open()).rows();

test("A10: a view that is superseded leaves the cache, and is never found for a newer document", async () => {
  const open = await caches();
  const here = registry();
  const cache = await open();
  const views = here.views(cache);
  const old = here.document;
  await answers(views, old);
  await expect.poll(async () => (await cache.rows()).length).toBe(2);
  const keys = (await cache.rows()).map(({ key }) => key);
  here.publish("2.0.0");
  await answers(views, here.document);
  await views.close();
  await expect
    .poll(async () => (await cache.rows()).some(({ key }) => keys.includes(key)))
    .toBe(false);
  expect(await cache.rows()).toHaveLength(2);
  const fresh = here.views(await open());
  const [full] = await answers(fresh, here.document);
  expect(Object.keys(JSON.parse(full!.plain).versions)).toContain("2.0.0");
});

test("A10: what a view shows besides its document is part of what it is kept under", async () => {
  const open = await caches();
  const here = registry();
  const views = here.views(await open());
  await answers(views, here.document);
  await views.close();
  here.email = "new@example.test";
  const [full] = await answers(here.views(await open()), here.document);
  expect(JSON.parse(full!.plain).maintainers).toEqual([{ name: "ada", email: "new@example.test" }]);
});

test("A10: damage, another view's bytes, and a cache that fails give the same answers", async () => {
  const here = registry();
  const right = await answers(here.views(), here.document);
  const other = registry();
  other.publish("3.0.0");
  const kept = new Map<string, Uint8Array>();
  const remember: ViewCache = {
    get: () => Promise.resolve(undefined),
    put: async (key, { body }) => void kept.set(key, body),
    drop: () => Promise.resolve(),
    touch: () => {},
  };
  const views = other.views(remember);
  await answers(views, other.document);
  await expect.poll(() => kept.size).toBe(2);
  const [another] = [...kept.values()];
  const bodies = [
    new Uint8Array(),
    Buffer.from("\n"),
    Buffer.from('{"fragments":[],"runs":[],"tail":[0,0]}\n'),
    another!,
    another!.subarray(0, -9),
  ];
  for (const body of bodies)
    for (const get of [
      () => Promise.resolve({ etag: "e", fetched: 0, fresh: Infinity, body }),
      () => Promise.reject(new Error("out of order")),
    ])
      expect(await answers(here.views({ ...remember, get }), here.document)).toEqual(right);
  const none = createViews({
    manifests: { put: () => Promise.resolve(""), get: () => Promise.resolve(undefined) },
    ...{ memory: 1e6, email: () => Promise.resolve("") },
    cache: () => Promise.reject(new Error("cannot be opened")),
  });
  await expect(none.get(here.document, "short", base)).rejects.toThrow("manifest");
});

test("A10, G1: the same answers with every cache, none, and after a restart", async () => {
  const home = await tempFolder("cache-serve");
  onTestFinished(() => home.remove());
  for (const version of ["1.0.0", "1.1.0"]) {
    const args = ["local:publish", "kept", version, "demo", "-f", "-", "--as", "x.js"];
    expect((await citadel(home.path, args, { input: `x = "${version}"` })).code).toBe(0);
  }
  const url = "https://npm.example.test/";
  const ask = async (env: NodeJS.ProcessEnv) => {
    const server = await serve({
      home: home.path,
      env: { CITADEL_SERVER_PUBLIC_URL: url, ...env },
    });
    try {
      return await Promise.all(
        ["application/json", "application/vnd.npm.install-v1+json"].map(async (accept) => {
          const headers = { accept, host: new URL(url).host };
          const answer = await request(`${server.url}/@demo%2fkept`, { headers });
          expect(answer.status).toBe(200);
          return [answer.headers["etag"], answer.body.toString()];
        }),
      );
    } finally {
      await server.stop();
    }
  };
  const tier = `sqlite:${home.path}/tier.db`;
  const first = await ask({ CITADEL_CACHE: tier });
  const stats = await citadel(home.path, ["local:stats", "--json"], {
    env: { CITADEL_CACHE: tier },
  });
  expect(JSON.parse(stats.stdout).cache).toMatchObject([
    { tier: "sqlite", state: "up", entries: 2 },
  ]);
  expect(await ask({ CITADEL_CACHE: tier })).toEqual(first);
  expect(await ask({ CITADEL_CACHE: "redis://127.0.0.1:1" })).toEqual(first);
  expect(await ask({ CITADEL_CACHE: "memory:" })).toEqual(first);
  expect(await ask({ CITADEL_CACHE: `file:${home.path}/tier` })).toEqual(first);
});
