import { createHash } from "node:crypto";
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { createViews, type PackageDocument, type VersionRecord } from "@citadel/core/registry";
import fc from "fast-check";
import { expect, test } from "vitest";

/** Manifests in a map: the view's only source. */
function manifests() {
  const stored = new Map<string, Uint8Array>();
  let reads = 0;
  return {
    get reads() {
      return reads;
    },
    put(bytes: Uint8Array): Promise<string> {
      const hash = createHash("sha256").update(bytes).digest("base64url");
      stored.set(hash, bytes);
      return Promise.resolve(hash);
    },
    get(hash: string): Promise<Uint8Array | undefined> {
      reads++;
      return Promise.resolve(stored.get(hash));
    },
  };
}

const base = "http://127.0.0.1:4873/";
const name = "@demo/views";

async function record(
  store: ReturnType<typeof manifests>,
  version: string,
  extra: object = {},
): Promise<VersionRecord> {
  const integrity = `sha512-${createHash("sha512").update(version).digest("base64")}`;
  const manifest = { name, version, ...extra, dist: { integrity, fileCount: 1 } };
  const hash = await store.put(Buffer.from(JSON.stringify(manifest)));
  return { manifest: hash, integrity, size: 10, time: 1_700_000_000_000, by: "ada" };
}

function document(
  rev: number,
  versions: ReadonlyMap<string, VersionRecord>,
  tags: ReadonlyMap<string, string>,
): PackageDocument {
  return {
    name,
    rev,
    etag: String(rev),
    tip: createHash("sha256").update(`${rev}`).digest("base64url"),
    modified: 1_700_000_000_000 + rev * 1000,
    state: {
      name,
      created: 1_700_000_000_000,
      tags,
      owners: ["ada"],
      versions,
      removed: new Map(),
      stars: [],
    },
  };
}

const make = (store: ReturnType<typeof manifests>) =>
  createViews({
    manifests: store,
    memory: 64 << 20,
    email: (user) => Promise.resolve(`${user}@example.test`),
  });

test("B2: a view spliced from the one before equals a view built from nothing, in every encoding", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          { weight: 5, arbitrary: fc.record({ add: fc.integer({ min: 1, max: 90 }) }) },
          fc.record({ remove: fc.nat() }),
          fc.record({ deprecate: fc.nat(), message: fc.string({ minLength: 1 }) }),
        ),
        { minLength: 1, maxLength: 8 },
      ),
      async (steps) => {
        const store = manifests();
        const grown = make(store);
        const versions = new Map<string, VersionRecord>();
        let next = 0;
        for (const [rev, step] of [{ add: 1 }, ...steps].entries()) {
          if ("add" in step)
            for (let n = 0; n < step.add; n++) {
              const version = `1.0.${next++}`;
              versions.set(version, await record(store, version, { scripts: { install: "x" } }));
            }
          const all = [...versions.keys()];
          if ("remove" in step && all.length > 1) versions.delete(all[step.remove % all.length]!);
          if ("deprecate" in step) {
            const version = all[step.deprecate % all.length]!;
            versions.set(version, { ...versions.get(version)!, deprecated: step.message });
          }
          const tags = new Map([["latest", [...versions.keys()].at(-1)!]]);
          const now = document(rev + 1, new Map(versions), tags);
          for (const form of ["full", "short"] as const) {
            const spliced = await grown.get(now, form, base);
            const fresh = await make(store).get(now, form, base);
            const plain = Buffer.from(spliced.pick([]).bytes).toString("utf8");
            expect(plain).toBe(Buffer.from(fresh.pick([]).bytes).toString("utf8"));
            expect(spliced.etag).toBe(fresh.etag);
            const packed = spliced.pick(["gzip"]);
            expect(gunzipSync(packed.bytes).toString("utf8")).toBe(plain);
            expect(Object.keys(JSON.parse(plain).versions)).toEqual([...versions.keys()]);
          }
        }
      },
    ),
    { numRuns: 40 },
  );
});

test("B2: a publish into a large package reads one manifest and keeps the compressed runs", async () => {
  const store = manifests();
  const views = make(store);
  const versions = new Map<string, VersionRecord>();
  for (let n = 0; n < 1000; n++)
    versions.set(`1.0.${n}`, await record(store, `1.0.${n}`, { description: "x".repeat(200) }));
  await views.get(document(1, new Map(versions), new Map([["latest", "1.0.999"]])), "short", base);
  const before = store.reads;
  versions.set("1.0.1000", await record(store, "1.0.1000"));
  const view = await views.get(
    document(2, new Map(versions), new Map([["latest", "1.0.1000"]])),
    "short",
    base,
  );
  expect(store.reads - before).toBe(1);
  const doc = JSON.parse(gunzipSync(view.pick(["gzip"]).bytes).toString("utf8"));
  expect(doc["dist-tags"]).toEqual({ latest: "1.0.1000" });
  expect(Object.keys(doc.versions)).toHaveLength(1001);
  expect(doc.versions["1.0.1000"].dist.tarball).toBe(`${base}@demo/views/-/views-1.0.1000.tgz`);
});

test("B2: both forms have their own etag, and an etag stands for one public URL", async () => {
  const store = manifests();
  const views = make(store);
  const versions = new Map([["1.0.0", await record(store, "1.0.0")]]);
  const now = document(1, versions, new Map([["latest", "1.0.0"]]));
  const full = await views.get(now, "full", base);
  const short = await views.get(now, "short", base);
  const other = await views.get(now, "full", "https://npm.example.test/");
  expect(new Set([full.etag, short.etag, other.etag]).size).toBe(3);
  expect(views.peek(now, "full", base)).toBe(full);
  expect(views.peek(document(2, versions, new Map()), "full", base)).toBeUndefined();
});

test("B2: brotli and zstd are there for a later request and say the same", async () => {
  const store = manifests();
  const views = make(store);
  const versions = new Map<string, VersionRecord>();
  for (let n = 0; n < 50; n++)
    versions.set(`1.0.${n}`, await record(store, `1.0.${n}`, { description: "text ".repeat(50) }));
  const now = document(1, versions, new Map([["latest", "1.0.0"]]));
  const view = await views.get(now, "full", base);
  const plain = Buffer.from(view.pick([]).bytes);
  expect(view.pick(["gzip", "br", "zstd"]).encoding).toBe("gzip");
  for (const [encoding, decode] of [
    ["br", brotliDecompressSync],
    ["zstd", zstdDecompressSync],
  ] as const) {
    await expect.poll(() => view.pick([encoding]).encoding).toBe(encoding);
    expect(decode(view.pick([encoding]).bytes).equals(plain)).toBe(true);
  }
});
