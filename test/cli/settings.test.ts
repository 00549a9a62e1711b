import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { findDirs, loadSettings, type Loaded } from "@citadel/core/config";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { tempFolder } from "../support/temp.ts";

const dirs = { data: "/d", cache: "/k", config: "/c" };

/** Settings from variables and flags alone. */
const load = (env: Record<string, string>, flags: Record<string, unknown> = {}): Loaded =>
  loadSettings({ env, flags, cwd: "/", dirs });

interface Files {
  readonly project?: string;
  readonly user?: string;
  readonly env?: Record<string, string>;
  readonly flags?: Record<string, unknown>;
}

async function loadFiles({ project, user, env = {}, flags = {} }: Files) {
  const folder = await tempFolder("settings");
  onTestFinished(() => folder.remove());
  const config = join(folder.path, "config");
  const cwd = join(folder.path, "project", "deep", "inside");
  await mkdir(config, { recursive: true });
  await mkdir(cwd, { recursive: true });
  if (user !== undefined) await writeFile(join(config, "citadel.json5"), user);
  if (project !== undefined) await writeFile(join(folder.path, "project/citadel.json5"), project);
  return { ...loadSettings({ env, flags, cwd, dirs: { ...dirs, config } }), folder: folder.path };
}

test("A13: without any configuration everything has a value", () => {
  const { settings, origins, warnings } = load({});
  expect(settings.store.documents).toBe("sqlite:///d/registry.db");
  expect(settings.store.blobs).toBe("file:///d/blobs");
  expect(settings.cache.tiers).toEqual(["memory:", "sqlite:///k/cache.db"]);
  expect(settings.server.host).toEqual(["127.0.0.1", "::1"]);
  expect(new Set(Object.values(origins).map(({ from }) => from))).toEqual(new Set(["default"]));
  expect(warnings).toEqual([]);
});

test("A13: flag over CITADEL_ over REGISTRY_ over project file over user file over default", async () => {
  const all: Required<Files> = {
    flags: { "server.port": "6" },
    env: { CITADEL_SERVER_PORT: "5", REGISTRY_PORT: "4" },
    project: "{ server: { port: 3 } }",
    user: "{ server: { port: 2 } }",
  };
  const { CITADEL_SERVER_PORT: _, ...weaker } = all.env;
  const steps: [Files, number, string][] = [
    [all, 6, "flag"],
    [{ ...all, flags: {} }, 5, "environment"],
    [{ ...all, flags: {}, env: weaker }, 4, "environment"],
    [{ project: all.project, user: all.user }, 3, "project file"],
    [{ user: all.user }, 2, "user file"],
    [{}, 4873, "default"],
  ];
  for (const [files, port, from] of steps) {
    const { settings, origins } = await loadFiles(files);
    expect(settings.server.port, from).toBe(port);
    expect(origins["server.port"].from).toBe(from);
  }
});

test("A13: REGISTRY_ wins over other variables", () => {
  const env = { DB_PATH: "/a.db", REGISTRY_DB_URL: "sqlite:///b.db" };
  const { settings, origins } = load(env);
  expect(settings.store.documents).toBe("sqlite:///b.db");
  expect(origins["store.documents"]).toEqual({ from: "environment", name: "REGISTRY_DB_URL" });
});

test.each([
  [
    { S3_BUCKET: "a", R2_REGISTRY_BUCKET: "b", R2_ACCOUNT_ID: "c" },
    /S3_BUCKET and R2_REGISTRY_BUCKET/,
  ],
  [{ CITADEL_PORT: "1", CITADEL_SERVER_PORT: "2" }, /CITADEL_SERVER_PORT and CITADEL_PORT/],
  [{ REGISTRY_STORAGE_PATH: "/a", REGISTRY_S3_BUCKET: "b" }, /STORAGE_PATH and REGISTRY_S3_BUCKET/],
])("A13: two variables of one rank that disagree are an error naming both: %o", (env, message) => {
  expect(() => load(env)).toThrow(message);
});

test("A13: two variables that say the same do not disagree", () => {
  expect(load({ CITADEL_PORT: "80", CITADEL_SERVER_PORT: "80" }).settings.server.port).toBe(80);
});

test("A13: a disagreement is settled by a stronger source", () => {
  const env = { S3_BUCKET: "a", R2_REGISTRY_BUCKET: "b", R2_ACCOUNT_ID: "c" };
  const { settings } = load({ ...env, CITADEL_STORE_BLOBS: "file:/x" });
  expect(settings.store.blobs).toBe("file:///x");
});

test("A13: one URL for both stores, unless the same source names one of them", () => {
  const { store } = load({ CITADEL_STORE: "memory:", CITADEL_STORE_BLOBS: "file:/b" }).settings;
  expect(store).toMatchObject({ documents: "memory:", blobs: "file:///b" });
  const flag = load({ CITADEL_STORE_BLOBS: "file:/b" }, { store: "memory:" }).settings.store;
  expect(flag).toMatchObject({ documents: "memory:", blobs: "memory:" });
});

test("A13, F5: S3_*, R2_* and REGISTRY_STORAGE_* name the store of blobs", () => {
  const keys = { S3_ACCESS_KEY_ID: "id", S3_SECRET_ACCESS_KEY: "a/b+c" };
  const s3 = load({ ...keys, S3_BUCKET: "b", S3_REGION: "r", S3_ENDPOINT: "http://h:9000" });
  const url = new URL(s3.settings.store.blobs);
  expect([url.protocol, url.host, url.username]).toEqual(["s3:", "b", "id"]);
  expect(decodeURIComponent(url.password)).toBe("a/b+c");
  expect(Object.fromEntries(url.searchParams)).toEqual({ endpoint: "http://h:9000", region: "r" });

  const r2 = load({ R2_REGISTRY_BUCKET: "b", R2_ACCOUNT_ID: "acc" }).settings.store.blobs;
  expect(r2).toBe("r2://b?account=acc");
  const local = load({ REGISTRY_STORAGE_TYPE: "local", REGISTRY_STORAGE_PATH: "/p q" });
  expect(local.settings.store.blobs).toBe("file:///p%20q");
  const remote = { REGISTRY_STORAGE_TYPE: "s3", REGISTRY_S3_BUCKET: "b", REGISTRY_S3_REGION: "r" };
  expect(load(remote).settings.store.blobs).toBe("s3://b?region=r");
});

test.each([
  [{ REGISTRY_STORAGE_TYPE: "s3" }, /REGISTRY_S3_BUCKET is missing/],
  [{ REGISTRY_STORAGE_TYPE: "ftp" }, /expected one of local, s3/],
  [{ R2_REGISTRY_BUCKET: "b" }, /R2_ACCOUNT_ID is missing/],
  [{ S3_BUCKET: "b", S3_ACCESS_KEY_ID: "a" }, /S3_SECRET_ACCESS_KEY is missing/],
])("A13: half a configuration names the missing variable: %o", (env, message) => {
  expect(() => load(env)).toThrow(message);
});

test("A13: REDIS_URL is a cache tier and shares limits, and is not the documents", () => {
  const { settings, origins } = load({ REDIS_URL: "redis://h:1" });
  expect(settings.redis.url).toBe("redis://h:1");
  expect(settings.cache.tiers).toEqual(["memory:", "redis://h:1", "sqlite:///k/cache.db"]);
  expect(origins["cache.tiers"].name).toBe("REDIS_URL");
  expect(settings.store.documents).toMatch(/^sqlite:/);
});

test.each([
  [{ REGISTRY_PORT: "http" }, /REGISTRY_PORT: server.port is "http", expected a whole number/],
  [{ REGISTRY_PORT: "65536" }, /from 0 to 65535/],
  [{ CITADEL_LIMITS_TARBALL: "ten" }, /expected a size such as/],
  [{ CITADEL_STORE_GRACE: "soon" }, /expected a duration such as/],
  [{ CITADEL_SERVER_SIGNUP: "maybe" }, /expected one of auto, open, closed/],
  [{ CITADEL_SERVER_TRUST_PROXY: "all" }, /block of addresses/],
  [{ CITADEL_SERVER_TRUST_PROXY: "10.0.0.0/33" }, /block of addresses/],
  [{ CITADEL_SERVER_PUBLIC_URL: "ftp://x" }, /address such as https/],
  [{ CITADEL_STORE: "registry.db" }, /store's URL such as/],
])("A13: a bad value names its source and what is allowed: %o", (env, message) => {
  expect(() => load(env)).toThrow(message);
});

test("A13: an error about a URL does not show its password", () => {
  const url = "redis//user:hunter2@host";
  expect(() => load({ REDIS_URL: `x://user:hunter2@host` })).toThrow(/\*\*\*@host/);
  expect(() => load({ REDIS_URL: `x://user:hunter2@host` })).not.toThrow(/hunter2/);
  expect(() => load({ REDIS_URL: url })).toThrow(/expected an address/);
});

test("A13: values are read in the units that people write", () => {
  const { settings } = load({
    CITADEL_LIMITS_TARBALL: "64MiB",
    CITADEL_STORE_GRACE: "15min",
    CITADEL_SERVER_HOSTS: "npm.example.org, [::1]",
    CITADEL_SERVER_TRUST_PROXY: "10.0.0.0/8 ::1",
    CITADEL_SERVER_PUBLIC_URL: "https://npm.example.org/registry",
  });
  expect(settings.limits.tarball).toBe(64 * 2 ** 20);
  expect(settings.store.grace).toBe(900_000);
  expect(settings.server.hosts).toEqual(["npm.example.org", "::1"]);
  expect(settings.server.trustProxy).toEqual(["10.0.0.0/8", "::1/128"]);
  expect(settings.server.publicUrl).toBe("https://npm.example.org/registry/");
});

test("A13: a file is commented JSON5, its paths start at its folder, its values name their line", async () => {
  const project = "{\n  // where it lies\n  store: { documents: 'sqlite:./my db.sqlite' },\n}";
  const { settings, origins, folder } = await loadFiles({ project });
  const path = pathToFileURL(join(folder, "project/my db.sqlite")).href;
  expect(settings.store.documents).toBe(path.replace("file:", "sqlite:"));
  expect(origins["store.documents"].line).toBe(3);
});

test("A13: an unknown key in a file is a warning with the nearest one", async () => {
  const { warnings } = await loadFiles({ user: "{\n server: {\n  prot: 1 } }" });
  expect(warnings.join()).toMatch(
    /citadel\.json5:3: unknown setting server\.prot; .*server\.port\?/,
  );
});

test.each([
  ["{ server: { port: 'x' } }", /citadel\.json5:1 \(project file\): server\.port is "x"/],
  ["{\n\n server: }", /citadel\.json5:3: invalid character/],
  ["[]", /holds no object/],
])("A13: a bad file names file and line: %s", async (project, message) => {
  await expect(loadFiles({ project })).rejects.toThrow(message);
});

test("A13: keys of a file do not reach the prototype", async () => {
  const { settings } = await loadFiles({ user: "{ __proto__: { polluted: 1 }, constructor: 2 }" });
  expect((settings as unknown as { polluted?: number }).polluted).toBeUndefined();
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
});

test("A13: every path survives as a store's URL", () => {
  const part = fc.stringMatching(/^[^/\0]{1,12}$/).filter((s) => ![".", ".."].includes(s));
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 3 }), (parts) => {
      const path = `/${parts.join("/")}`;
      fc.pre(!path.includes("?") && path === path.trim());
      const { documents } = load({ DB_PATH: path }).settings.store;
      expect(decodeURIComponent(new URL(documents).pathname)).toBe(path);
    }),
  );
});

test("45: directories follow CITADEL_*_DIR, CITADEL_HOME, XDG and HOME, in this order", () => {
  const env = { HOME: "/h", XDG_DATA_HOME: "/x", CITADEL_HOME: "/c", CITADEL_DATA_DIR: "/own" };
  expect(findDirs(env).data).toBe("/own");
  expect(findDirs({ ...env, CITADEL_DATA_DIR: "" }).data).toBe("/c/data");
  expect(findDirs({ HOME: "/h", XDG_DATA_HOME: "/x" }).data).toBe("/x/citadel");
  expect(findDirs({ HOME: "/h" }).data).toBe("/h/.local/share/citadel");
  expect(findDirs({}).config).toMatch(/citadel$/);
});
