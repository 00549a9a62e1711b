import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { local, type Caller } from "@citadel/core/access";
import { findDirs, loadSettings, type Citadel } from "@citadel/core";
import { openCitadel } from "@citadel/core/open";
import { packageKind, tarballOf, type JsonObject, type PackageState } from "@citadel/core/registry";
import { localRegistry, type LocalRegistry } from "@citadel/plugin-local";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { citadel as run, citadelEnv, root } from "../support/citadel.ts";
import { pack, sha512, tarOf, type Manifest } from "../support/packages.ts";
import { tempFolder } from "../support/temp.ts";

const folder = await tempFolder("local-export");
afterAll(() => folder.remove());
let made = 0;
const newPath = (end = ""): string => join(folder.path, `${++made}${end}`);
const formats = ["json", "tar", "tar.gz", "tar.zst"] as const;
const caller: Caller = { principal: local, via: "cli" };

interface Place extends AsyncDisposable {
  readonly home: string;
  readonly citadel: Citadel;
  readonly registry: LocalRegistry;
}

/** A registry of its own, in memory unless a process has to find it. */
async function place(store?: "memory:"): Promise<Place> {
  const home = newPath();
  const env = { CITADEL_HOME: home };
  const dirs = findDirs(env);
  const { settings } = loadSettings({ env, cwd: folder.path, dirs, flags: { store } });
  const modules = ["memory", "sqlite", "file"].map((name): [string, string] => [
    name,
    join(root, `drivers/${name}/dist/index.js`),
  ]);
  const citadel = await openCitadel({ settings, schemes: new Map(modules), dirs });
  const registry = localRegistry(citadel);
  return { home, citadel, registry, [Symbol.asyncDispose]: () => registry.close() };
}

async function publish({ citadel }: Place, manifest: Manifest, files = {}, tags = ["latest"]) {
  const tarball = tarballOf(pack(manifest, files));
  const { name, version } = manifest;
  const json = manifest as unknown as JsonObject;
  await citadel.registry.publish({ name, version, manifest: json, tarball, tags }, caller);
}

/** Packages with all that a package can have. */
async function fill(at: Place): Promise<void> {
  const { registry } = at.citadel;
  const readme = { "README.md": "# hello\n\näöü 😀\n" };
  for (const version of ["1.0.0", "1.1.0", "2.0.0-rc.1", "2.0.0"])
    await publish(at, { name: "@demo/a", version, bin: "./index.js", 7: "seven" }, readme);
  await publish(at, { name: "@demo/a", version: "3.0.0-0" }, {}, ["next"]);
  await publish(at, { name: "plain", version: "1.0.0", dependencies: { "@demo/a": "^1.0.0" } });
  await publish(at, { name: "large", version: "1.0.0" }, { "blob.bin": randomBytes(700_000) });
  await publish(at, { name: `@${"s".repeat(100)}/${"n".repeat(100)}`, version: "1.0.0" });
  const odd = JSON.parse('{"name":"odd","version":"1.0.0","x":{"__proto__":1}}') as Manifest;
  await publish(at, odd);
  await publish(at, { name: "gone", version: "1.0.0" });
  await registry.deprecate("@demo/a", new Map([["1.0.0", "too \u0007 old"]]), caller);
  await registry.unpublish("@demo/a", ["1.1.0"], caller);
  await registry.unpublish("gone", "all", caller);
  await registry.star("plain", true, caller);
  await registry.setVisibility("@demo/a", "restricted", caller);
  await registry.setTeam("@demo/a", "demo:core#2", "read", caller);
  await registry.setTfa("plain", "automation", caller);
}

/** Everything that the documents say. */
/** But for signatures: each registry makes its own. */
async function states({ citadel }: Place): Promise<string[]> {
  const { encode } = packageKind();
  const plain = (state: PackageState): PackageState => ({
    ...state,
    versions: new Map(
      Array.from(state.versions, ([version, { signature, ...record }]) => {
        expect(signature).toBeDefined();
        return [version, record];
      }),
    ),
  });
  const { items } = await citadel.registry.packages.list();
  const documents = items.map(({ name }) => citadel.registry.packages.read(name));
  return (await Promise.all(documents)).flatMap((document) =>
    document ? [encode(plain(document.state))] : [],
  );
}

const problems = async ({ citadel }: Place) => (await citadel.verify()).items;
const leftovers = async ({ home }: Place): Promise<string[]> =>
  readdir(join(home, "cache/tmp")).catch(() => []);

/** One registry that many tests export. */
async function filled(): Promise<{
  source: Place;
  files: Record<(typeof formats)[number], string>;
}> {
  const source = await place("memory:");
  await fill(source);
  const files = { json: "", tar: "", "tar.gz": "", "tar.zst": "" };
  for (const format of formats) {
    files[format] = newPath(`.${format}`);
    await source.registry.exportData(files[format]);
  }
  return { source, files };
}
const { source, files } = await filled();
afterAll(() => source.registry.close());

describe("A8 export and import", () => {
  test.each(formats)("%s brings everything back, and a second time nothing", async (format) => {
    await using target = await place("memory:");
    const progress: string[] = [];
    const onProgress = ({ phase }: { phase: string }) => void progress.push(phase);
    const imported = await target.registry.importData(files[format], { onProgress });
    expect(imported).toMatchObject({
      format,
      packages: { added: 6, changed: 0, unchanged: 0 },
      versions: { added: 8, unchanged: 0 },
      dryRun: false,
    });
    expect([...new Set(progress)]).toEqual(["verifying", "storing", "applying"]);
    expect(await states(target)).toEqual(await states(source));
    expect(await problems(target)).toEqual([]);
    expect(await leftovers(target)).toEqual([]);
    for (const name of ["@demo/a", "plain", "large"]) {
      const [, scope = "", bare = name] = /^@(.*)\/(.*)$/.exec(name) ?? [];
      const [there, here] = await Promise.all(
        [source, target].map(({ registry }) => registry.resolvePackage(scope, bare, "latest")),
      );
      expect(here?.uuid).toBe(there?.uuid);
      expect(await here?.content()).toEqual(await there?.content());
    }

    const before = (await target.citadel.registry.packages.read("@demo/a"))?.rev;
    expect(await target.registry.importData(files[format])).toMatchObject({
      packages: { added: 0, changed: 0, unchanged: 6 },
      versions: { added: 0, unchanged: 8 },
      bytes: 0,
    });
    expect((await target.citadel.registry.packages.read("@demo/a"))?.rev).toBe(before);

    // a number that is taken stays taken, and owners are those of the export
    await expect(publish(target, { name: "gone", version: "1.0.0" })).rejects.toMatchObject({
      code: "E_VERSION_EXISTS",
    });
    const again = newPath(".json");
    await target.registry.exportData(again);
    const packagesIn = async (path: string) =>
      (JSON.parse(await readFile(path, "utf8")) as { packages: unknown }).packages;
    expect(await packagesIn(again)).toEqual(await packagesIn(files.json));
  });

  test("the JSON document has the promised fields; a sorted one is as good", async () => {
    const document = JSON.parse(await readFile(files.json, "utf8")) as Document;
    expect(Object.keys(document)).toEqual([
      "version",
      "exportedAt",
      "config",
      "packages",
      "secrets",
      "cache",
    ]);
    const plain = document.packages.find(({ name }) => name === "plain");
    const content = Buffer.from(plain?.versions[0]?.content ?? "", "base64");
    expect(gunzipSync(content).toString()).toContain('"@demo/a": "^1.0.0"');
    expect(document.config).toMatchObject({ store: { documents: "memory:" } });

    const sorted = newPath(".json");
    await writeFile(sorted, `\uFEFF${JSON.stringify(sortedKeys(document), null, 1)}`);
    await using target = await place("memory:");
    await target.registry.importData(sorted);
    expect(await states(target)).toHaveLength(6);
    expect(await problems(target)).toEqual([]);
  });

  test("A8: what the caches hold is in it, without bodies; an import looks at its form", async () => {
    await using source = await place("memory:");
    const cache = await source.citadel.cache();
    await cache.ready;
    await cache.put("views/some", { etag: "e", body: Buffer.from("a finished answer") });
    for (const end of [".json", ".tar"]) {
      const path = newPath(end);
      await source.registry.exportData(path);
      const text = await readFile(path, "latin1");
      expect(text).toContain("views/some");
      expect(text).not.toContain("a finished answer");
      expect(text).not.toContain(Buffer.from("a finished answer").toString("base64"));
      await using target = await place("memory:");
      await target.registry.importData(path);
      expect(await (await target.citadel.cache()).get("views/some")).toBeUndefined();
      if (end === ".tar") continue;
      const document = JSON.parse(text) as { cache: object[] };
      expect(document.cache).toMatchObject([{ key: "views/some", size: 17, access_count: 0 }]);
      const poisoned = newPath(end);
      const cached = document.cache.map((row) => ({ ...row, body: "AAAA" }));
      await writeFile(poisoned, JSON.stringify({ ...document, cache: cached }));
      await expect(target.registry.importData(poisoned)).rejects.toThrow("cache");
    }
  });

  test("tar itself reads the archive; compressed ones hold the same", async () => {
    const list = await promisify(execFile)("tar", ["-tf", files.tar]);
    const lines = list.stdout.trim().split("\n");
    expect(lines[0]).toBe("citadel-export.json");
    expect(lines.at(-1)).toBe("index.json");
    expect(lines).toContain("packages/@demo/a/2.0.0/package.tgz");
    expect(lines).toContain(`packages/@${"s".repeat(100)}/${"n".repeat(100)}/package.json`);
    const sizes = [
      gunzipSync(await readFile(files["tar.gz"])),
      zstdDecompressSync(await readFile(files["tar.zst"])),
    ];
    for (const { length } of sizes) expect(length).toBe((await stat(files.tar)).size);
    expect((await stat(files.tar)).mode & 0o777).toBe(0o600);
  });

  test("what is here stays as it is: tags, owners, deprecations; what is missing comes", async () => {
    await using target = await place("memory:");
    await using other = await place("memory:");
    const at = { name: "@demo/a", version: "2.0.0", bin: "./index.js", 7: "seven" };
    await publish(target, at, { "README.md": "# hello\n\näöü 😀\n" });
    await target.citadel.registry.deprecate("@demo/a", new Map([["2.0.0", "mine"]]), caller);
    await publish(target, { name: "@demo/a", version: "0.0.1" });
    const imported = await target.registry.importData(files.tar);
    expect(imported).toMatchObject({ packages: { added: 5, changed: 1 }, versions: { added: 7 } });
    const { state } = (await target.citadel.registry.packages.read("@demo/a")) ?? {};
    expect(Object.fromEntries(state?.tags ?? [])).toEqual({ latest: "0.0.1", next: "3.0.0-0" });
    expect(state?.versions.get("2.0.0")?.deprecated).toBe("mine");
    expect(state?.versions.get("1.0.0")?.deprecated).toBe("too \u0007 old");
    expect([...(state?.versions.keys() ?? [])]).toHaveLength(5);
    expect(await problems(target)).toEqual([]);
    // and goes on from there
    const path = newPath(".tar.zst");
    await target.registry.exportData(path);
    await other.registry.importData(path);
    expect(await states(other)).toEqual(await states(target));
  });

  test("a conflict refuses everything, in a dry run too, and names all versions", async () => {
    await using target = await place("memory:");
    await publish(target, { name: "plain", version: "1.0.0" });
    await publish(target, { name: "@demo/a", version: "1.0.0" });
    await publish(target, { name: "@demo/a", version: "2.0.0" });
    await target.citadel.registry.unpublish("@demo/a", ["2.0.0"], caller);
    const before = await states(target);
    for (const dryRun of [true, false])
      for (const format of formats)
        await expect(target.registry.importData(files[format], { dryRun })).rejects.toMatchObject({
          code: "E_VERSION_EXISTS",
          conflicts: ["@demo/a@1.0.0", "@demo/a@2.0.0 (unpublished)", "plain@1.0.0"],
        });
    expect(await states(target)).toEqual(before);
  });

  test("a dry run adds nothing and says what would be added", async () => {
    await using target = await place("memory:");
    const imported = await target.registry.importData(files.tar, { dryRun: true });
    expect(imported).toMatchObject({
      packages: { added: 6 },
      versions: { added: 8 },
      dryRun: true,
    });
    expect(await states(target)).toEqual([]);
    expect((await target.citadel.store.driver.list()).entries).toEqual([]);
  });

  test("a damaged object of the store ends the export, which leaves what was there", async () => {
    await using from = await place("memory:");
    await publish(from, { name: "a", version: "1.0.0" });
    const path = newPath(".tar");
    await from.registry.exportData(path);
    const good = await readFile(path);
    const { driver } = from.citadel.store;
    const blobs = async () => (await driver.list({ prefix: "b/" })).entries;
    const [before] = await blobs();
    await publish(from, { name: "b", version: "1.0.0" });
    const damaged = (await blobs()).find(({ key }) => key !== before?.key);
    await driver.put(damaged?.key ?? "", randomBytes(damaged?.size ?? 0));
    await expect(from.registry.exportData(path)).rejects.toMatchObject({
      code: "E_INTEGRITY",
      message: expect.stringContaining(damaged?.key ?? "?"),
    });
    expect((await readFile(path)).equals(good)).toBe(true);
  });

  test("stopped half-way it leaves no file, and no package", async () => {
    const stop = new AbortController();
    const dir = newPath();
    await mkdir(dir);
    const path = join(dir, "out.tar");
    const onProgress = () => stop.abort(new Error("enough"));
    await expect(
      source.registry.exportData(path, { signal: stop.signal, onProgress }),
    ).rejects.toThrow("enough");
    expect(await readdir(dir)).toEqual([]);
    await using target = await place("memory:");
    await expect(
      target.registry.importData(files.tar, { signal: AbortSignal.abort(new Error("enough")) }),
    ).rejects.toThrow("enough");
    expect(await states(target)).toEqual([]);
    expect(await leftovers(target)).toEqual([]);
  });
});

interface Document {
  version: unknown;
  config: object;
  secrets: unknown[];
  packages: {
    name: string;
    owners: unknown;
    tags: Record<string, string>;
    removed: { manifest: Record<string, unknown> }[];
    versions: {
      [field: string]: unknown;
      version: string;
      content?: string;
      manifest: Record<string, unknown>;
    }[];
  }[];
}

const sortedKeys = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(sortedKeys);
  // what is in a manifest keeps its order, which is part of its hash
  const entries = Object.entries(value).map(([key, one]) => [
    key,
    key === "manifest" ? one : sortedKeys(one),
  ]);
  return Object.fromEntries(entries.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)));
};

describe("A8 what is not as it was exported is refused, and nothing is added", () => {
  const other = pack({ name: "@demo/a", version: "1.0.0" }).toString("base64");
  type Package = Document["packages"][number];
  type Version = Package["versions"][number];
  const wrong: Record<
    string,
    [code: string, (document: Document, a: Package, v: Version) => void]
  > = {
    "another format version": ["E_INVALID_DOCUMENT", (d) => (d.version = 2)],
    "no format version": ["E_INVALID_DOCUMENT", (d) => delete d.version],
    "no packages": ["E_INVALID_DOCUMENT", (d) => delete (d as { packages?: unknown }).packages],
    secrets: ["E_INVALID_DOCUMENT", (d) => d.secrets.push({})],
    "other content": ["E_INTEGRITY", (_, __, v) => (v.content = other)],
    "no content": ["E_INVALID_DOCUMENT", (_, __, v) => delete v.content],
    "content that is not base64": ["E_INVALID_DOCUMENT", (_, __, v) => (v.content += "~~")],
    "content that is not a tarball": [
      "E_INVALID_TARBALL",
      (_, __, v) => {
        v.content = "AAAA";
        v["integrity"] = sha512(Buffer.alloc(3));
        v.manifest["dist"] = { integrity: sha512(Buffer.alloc(3)) };
      },
    ],
    "another size": ["E_INTEGRITY", (_, __, v) => (v["size"] = 1)],
    "another integrity": [
      "E_INTEGRITY",
      (_, __, v) => (v["integrity"] = `sha512-${"A".repeat(86)}==`),
    ],
    "an integrity that is none": ["E_INVALID_DOCUMENT", (_, __, v) => (v["integrity"] = "sha1-x")],
    "another manifest": ["E_INTEGRITY", (_, __, v) => (v.manifest["7"] = "eight")],
    "a manifest with other dependencies": [
      "E_MANIFEST_MISMATCH",
      (_, __, v) => (v.manifest["dependencies"] = { evil: "1.0.0" }),
    ],
    "a manifest with other hashes": [
      "E_INTEGRITY",
      (_, __, v) => (v.manifest["dist"] = { integrity: "sha512-x", tarball: "http://evil/" }),
    ],
    "a manifest without publisher": [
      "E_INVALID_DOCUMENT",
      (_, __, v) => delete v.manifest["_npmUser"],
    ],
    "no manifest": ["E_INVALID_DOCUMENT", (_, __, v) => delete v["manifest" as string]],
    "another readme": ["E_INTEGRITY", (_, __, v) => (v["readme"] = "other")],
    "another time form": ["E_INVALID_DOCUMENT", (_, __, v) => (v["time"] = "yesterday")],
    "a version twice": ["E_INVALID_DOCUMENT", (_, a, v) => a.versions.push(v)],
    "a package twice": ["E_INVALID_DOCUMENT", (d, a) => d.packages.push(a)],
    "a tag to nowhere": ["E_INVALID_DOCUMENT", (_, a) => (a.tags["beta"] = "9.9.9")],
    "a tag that is a range": ["E_INVALID_TAG", (_, a) => (a.tags["1.x"] = "1.0.0")],
    "no latest": ["E_INVALID_DOCUMENT", (_, a) => delete a.tags["latest"]],
    "no owners": ["E_INVALID_DOCUMENT", (_, a) => (a.owners = [])],
    "another name": ["E_INVALID_DOCUMENT", (_, a) => (a.name = "@demo/b")],
    "a name that leads out": ["E_INVALID_NAME", (_, a) => (a.name = "../../etc")],
    "an unpublished version with another manifest": [
      "E_INTEGRITY",
      (_, a) => ((a.removed[0] as { manifest: JsonObject }).manifest["x"] = 1),
    ],
  };
  test.each(Object.entries(wrong))("JSON with %s", async (_, [code, change]) => {
    const document = JSON.parse(await readFile(files.json, "utf8")) as Document;
    const a = document.packages.find(({ name }) => name === "@demo/a") as Package;
    change(document, a, a.versions[0] as Version);
    const path = newPath(".json");
    await writeFile(path, JSON.stringify(document));
    await using target = await place("memory:");
    await expect(target.registry.importData(path)).rejects.toMatchObject({ code });
    expect((await target.citadel.store.driver.list()).entries).toEqual([]);
    expect(await leftovers(target)).toEqual([]);
  });

  test("a tar that somebody made: files that have no place, links, paths that lead out", async () => {
    const head = {
      path: "citadel-export.json",
      content: JSON.stringify({ version: 1, exportedAt: new Date().toISOString(), config: {} }),
    };
    const hostile = [
      [],
      [{ path: "other.json", content: "{}" }],
      [head],
      [head, { path: "../../evil", content: "x" }],
      [head, { path: "packages/a/1.0.0/package.tgz", content: "x" }],
      [head, { path: "packages/a/1.0.0/manifest.json", content: "not JSON" }],
      [head, { path: "packages/a/package.json", content: "{}" }],
      [head, { path: "packages/a/package.json", type: "SymbolicLink", linkpath: "/etc/passwd" }],
      [head, { path: "packages", type: "Directory" }],
      [head, { path: "index.json", content: '{"packages":0,"versions":0,"bytes":0,"sha256":""}' }],
      [{ ...head, content: '{"version":7}' }],
    ] as const;
    await using target = await place("memory:");
    for (const [n, entries] of hostile.entries()) {
      const path = newPath(".tar");
      await writeFile(path, tarOf(entries as Parameters<typeof tarOf>[0]));
      await expect(target.registry.importData(path), String(n)).rejects.toMatchObject({
        code: "E_INVALID_DOCUMENT",
      });
    }
    expect((await target.citadel.store.driver.list()).entries).toEqual([]);
  });

  test.each(formats)("%s cut off anywhere", { timeout: 120_000 }, async (format) => {
    const whole = await readFile(files[format]);
    await using target = await place("memory:");
    // a tar's end is zeros, and JSON's a line feed: without them it is still whole
    const end = format === "tar" ? whole.length - 1536 : whole.length - 3;
    await fc.assert(
      fc.asyncProperty(fc.nat(end), async (length) => {
        const path = newPath(`.${format}`);
        await writeFile(path, whole.subarray(0, length));
        await expect(target.registry.importData(path)).rejects.toMatchObject({
          code: expect.stringMatching(/^E_(INVALID_DOCUMENT|INVALID_TARBALL|INTEGRITY)$/),
        });
      }),
      { numRuns: 25, examples: [[0], [1], [3], [end]] },
    );
    expect((await target.citadel.store.driver.list()).entries).toEqual([]);
  });

  test.each(formats)(
    "%s with a byte changed adds what was exported, or nothing",
    { timeout: 120_000 },
    async (format) => {
      const whole = await readFile(files[format]);
      const expected = await states(source);
      await fc.assert(
        fc.asyncProperty(
          fc.nat(whole.length - 1),
          fc.integer({ min: 1, max: 255 }),
          async (at, by) => {
            const changed = Buffer.from(whole);
            changed[at] = (changed[at] ?? 0) ^ by;
            const path = newPath(`.${format}`);
            await writeFile(path, changed);
            await using target = await place("memory:");
            const imported = await target.registry.importData(path).catch((error: unknown) => {
              expect((error as { code?: unknown }).code, String(error)).toMatch(/^E_/);
            });
            const after = await states(target);
            // fields without a hash of their own: who and when, tags, owners
            if (imported && format === "json")
              expect(after.map(contentOf)).toEqual(expected.map(contentOf));
            else expect(after).toEqual(imported ? expected : []);
            expect(await problems(target)).toEqual([]);
          },
        ),
        { numRuns: 25 },
      );
    },
  );
});

/** The versions of an encoded state with their hashes. */
const contentOf = (text: string): unknown =>
  (JSON.parse(text) as { versions: unknown[][] }).versions.map((row) => row.slice(0, 4));

describe("A8, A12 processes", () => {
  const bin = join(root, "bin/citadel.js");

  test("the commands, their summaries and their errors", { timeout: 60_000 }, async () => {
    await using from = await place();
    await fill(from);
    const home = newPath();
    const path = newPath(".tar.gz");
    const json = async (at: string, args: string[]) => {
      const ran = await run(at, [...args, "--json"]);
      return { code: ran.code, ...(JSON.parse(ran.stdout) as Record<string, unknown>) };
    };
    const exported = await json(from.home, ["local:export", path]);
    const { size } = await stat(path);
    expect(exported).toMatchObject({
      code: 0,
      path,
      format: "tar.gz",
      packages: 6,
      versions: 8,
      size,
    });
    expect(await json(home, ["local:import", path, "-n"])).toMatchObject({ code: 0, dryRun: true });
    const ran = await run(home, ["local:import", path]);
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stderr).toContain("added 8 versions of 6 packages");
    expect(ran.stderr).not.toMatch(/[\r]/);
    const found = await json(home, ["local:resolve", "a", "next", "demo"]);
    expect(found).toMatchObject({ version: "3.0.0-0" });
    expect((await run(home, ["verify"])).code).toBe(0);

    const error = async (args: string[]) =>
      ((await json(home, args)) as { error?: { code: string; exit: number } }).error;
    expect(await error(["local:export", newPath(".zip")])).toMatchObject({ code: "E_USAGE" });
    expect(await error(["local:export", "/dev/null/x.tar"])).toMatchObject({ code: "E_USAGE" });
    expect(await error(["local:import", newPath(".tar")])).toMatchObject({ code: "E_USAGE" });
    expect(await error(["local:import", bin])).toMatchObject({ code: "E_INVALID_DOCUMENT" });
  });

  test("killed while it applies, it goes on when run again", { timeout: 120_000 }, async () => {
    await using from = await place("memory:");
    for (let n = 0; n < 30; n++) await publish(from, { name: `@demo/p${n}`, version: "1.0.0" });
    const path = newPath(".tar");
    await from.registry.exportData(path);
    const home = newPath();
    for (const point of ["blob:7", "manifest:20", "entry:3", "document:9"]) {
      const killed = await run(home, ["local:import", path], { env: { CITADEL_CRASH_AT: point } });
      expect(killed, killed.output).toMatchObject({ signal: "SIGKILL" });
      const { items } = JSON.parse((await run(home, ["verify", "--json"])).stdout) as { items: [] };
      expect(items).toEqual([]);
    }
    const ran = await run(home, ["local:import", path, "--json"]);
    const said = JSON.parse(ran.stdout) as { packages: { added: number; unchanged: number } };
    expect(said.packages.added + said.packages.unchanged).toBe(30);
    expect(said.packages.unchanged).toBeGreaterThan(0);
    const again = await run(home, ["local:import", path, "--json"]);
    expect(JSON.parse(again.stdout)).toMatchObject({ packages: { added: 0, unchanged: 30 } });
  });

  test("Ctrl-C leaves no half file", { timeout: 60_000 }, async () => {
    await using from = await place();
    const noise = randomBytes(3_000_000);
    for (let n = 0; n < 20; n++) {
      const manifest = { name: `p${n}`, version: "1.0.0" };
      const files = { noise: Buffer.concat([noise, Buffer.from([n])]) };
      const tarball = tarballOf(pack(manifest, files, 0));
      await from.citadel.registry.publish({ ...manifest, manifest, tarball }, caller);
    }
    const dir = newPath();
    await mkdir(dir);
    const args = [bin, "local:export", join(dir, "out.json")];
    const child = spawn(process.execPath, args, { env: citadelEnv(from.home), stdio: "ignore" });
    const ended = once(child, "exit");
    while ((await readdir(dir)).length === 0) await pause(1);
    child.kill("SIGINT");
    const [code] = (await ended) as [number | null];
    // it may have been faster
    expect([0, 130]).toContain(code);
    expect(await readdir(dir)).toEqual(code === 0 ? ["out.json"] : []);
  });

  test("an export of any size takes constant memory", { timeout: 600_000 }, async () => {
    await using from = await place();
    for (let n = 0; n < 3; n++) {
      const manifest = { name: `p${n}`, version: "1.0.0" };
      const tarball = tarballOf(pack(manifest, { noise: randomBytes(60 * 2 ** 20) }, 0));
      await from.citadel.registry.publish({ ...manifest, manifest, tarball }, caller);
    }
    const script = `
      import { LocalRegistry } from "@citadel/plugin-local";
      const [what, home, path] = process.argv.slice(1);
      await using registry = await LocalRegistry.open({ home });
      await registry[what](path);
      process.stdout.write(String(process.resourceUsage().maxRSS * 1024));`;
    for (const format of ["tar.zst", "json"]) {
      const path = newPath(`.${format}`);
      for (const [what, home] of Object.entries({ exportData: from.home, importData: newPath() })) {
        // a small heap, so that what is measured is not how late garbage is collected
        const args = ["--max-old-space-size=64", "--max-semi-space-size=2"];
        args.push("--input-type=module", "-e", script, "--", what, home, path);
        const { stdout } = await promisify(execFile)(process.execPath, args, {
          cwd: import.meta.dirname,
        });
        // a process that has read nothing has about 100 MB
        expect(Number(stdout), `${what} ${format}`).toBeLessThan(220 * 2 ** 20);
      }
      expect((await stat(path)).size).toBeGreaterThan(180 * 2 ** 20);
    }
  });
});
