import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, open, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as pause } from "node:timers/promises";
import { gunzipSync, gzipSync } from "node:zlib";
import fileDriver from "@citadel/driver-file";
import { afterAll, describe, expect, test } from "vitest";
import { citadelEnv, root } from "../support/citadel.ts";
import { oneProcess } from "../support/one-process.ts";
import { pack, sha512, tarOf } from "../support/packages.ts";
import { mustRun, type Ran } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";

const folder = await tempFolder("local");
afterAll(() => folder.remove());
const { citadel } = oneProcess();
let homes = 0;

/** A registry of its own, used through the command line. */
async function home() {
  const path = join(folder.path, String(++homes));
  await mkdir(path);
  const run = (args: readonly string[], input?: string | Uint8Array): Promise<Ran> =>
    citadel(path, args, { cwd: path, ...(input !== undefined && { input }) });
  return {
    path,
    run,
    /** Runs a command that must work and returns what `--json` says. */
    async json<T = Record<string, unknown>>(
      args: readonly string[],
      input?: string | Uint8Array,
    ): Promise<T> {
      const ran = await run([...args, "--json"], input);
      if (ran.code !== 0) throw new Error(`${ran.command} ended with ${ran.code}\n${ran.output}`);
      return JSON.parse(ran.stdout) as T;
    },
    /** Runs a command that must fail and returns its error. */
    async failure(args: readonly string[], input?: string | Uint8Array) {
      const ran = await run([...args, "--json"], input);
      const { error } = JSON.parse(ran.stdout) as { error: { code: string; message: string } };
      return { exit: ran.code, ...error };
    },
    async file(name: string, content: string | Uint8Array): Promise<string> {
      const file = join(path, name);
      await mkdir(join(file, ".."), { recursive: true });
      await writeFile(file, content);
      return file;
    },
    read: (name: string): Promise<Buffer> => readFile(join(path, name)),
  };
}

describe.concurrent("A1, A2 publish and resolve", () => {
  const contents: Record<string, [file: string, content: string | Uint8Array, expected: object]> = {
    JavaScript: ["hello.js", "module.exports = 1;\n", { main: "./hello.js" }],
    "an ES module": ["hello.mjs", "export default 1;\n", { main: "./hello.mjs" }],
    TypeScript: ["hello.ts", "export const a: number = 1;\n", { main: "./hello.ts" }],
    declarations: ["hello.d.ts", "export declare const a: number;\n", { types: "./hello.d.ts" }],
    JSON: ["data.json", '{"a":1}', { main: "./data.json" }],
    text: ["notes.txt", "äöü 😀\r\n", {}],
    binary: ["blob.bin", randomBytes(100_000), {}],
    nothing: ["empty", "", {}],
    "a script": ["tool.js", "#!/usr/bin/env node\n", { bin: { thing: "./tool.js" } }],
    "a package.json": ["package.json", '{"name":"else"}', {}],
    "a name with odd letters": ["a b\\c\n*?.js", "1", {}],
  };
  test.each(Object.entries(contents))(
    "%s comes back byte for byte",
    async (_, [file, content, expected]) => {
      const { path, json, run, read, file: write } = await home();
      const source = await write(join("in", file), content);
      const published = await json(["local:publish", "thing", "1.0.0", "demo", "-f", source]);
      expect(published).toMatchObject({
        name: "@demo/thing",
        version: "1.0.0",
        scope: "demo",
        tag: "latest",
        uuid: expect.stringMatching(
          /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
        ),
        integrity: expect.stringMatching(/^sha512-[A-Za-z0-9+/]{86}==$/),
        compressed: false,
        encrypted: false,
        file: { integrity: sha512(Buffer.from(content)), size: Buffer.from(content).length },
      });
      const resolved = await json(["local:resolve", "thing", "^1.0.0", "@demo", "-o", "out"]);
      expect(resolved).toMatchObject({
        uuid: published["uuid"],
        tags: ["latest"],
        output: join(path, "out"),
      });
      expect((await read("out")).equals(Buffer.from(content))).toBe(true);
      expect(resolved["manifest"]).toMatchObject(expected);
      expect((await run(["local:resolve", "thing", "latest", "demo", "-o", "-"])).code).toBe(0);
    },
  );

  test("standard input, unscoped, under a name of its own, to standard output", async () => {
    const { json, run } = await home();
    await json(
      ["local:publish", "notes", "1.0.0", "-", "-f", "-", "--as", "notes.txt"],
      "from a pipe",
    );
    const resolved = await json(["local:resolve", "notes", "latest", "-"]);
    expect(resolved).toMatchObject({ name: "notes", file: { content: "notes.txt" } });
    expect(resolved).not.toHaveProperty("scope");
    const ran = await run(["local:resolve", "notes", "1.x", "-", "-o", "-"]);
    expect(ran).toMatchObject({ code: 0, stdout: "from a pipe", stderr: "" });
  });

  test("equal content gives an equal tarball", async () => {
    const [a, b] = [await home(), await home()];
    const integrity = await Promise.all(
      [a, b].map(async ({ json, file }) => {
        const path = await file("x.js", "same");
        await utimes(path, homes, homes);
        return (await json(["local:publish", "x", "1.0.0", "demo", "-f", path]))["integrity"];
      }),
    );
    expect(integrity[0]).toBe(integrity[1]);
  });

  test("metadata goes into package.json", async () => {
    const { json, file } = await home();
    const metadata = {
      description: "says hello",
      license: "MIT",
      dependencies: { ms: "^2.0.0" },
      keywords: ["hi"],
    };
    await file("meta.json", JSON.stringify(metadata));
    await file("hello.js", "1");
    await json(["local:publish", "hello", "1.0.0", "demo", "-f", "hello.js", "-m", "meta.json"]);
    const { manifest } = await json(["local:resolve", "hello", "1.0.0", "demo"]);
    expect(manifest).toMatchObject(metadata);
  });

  test("a folder is packed as npm packs it, to the byte", async () => {
    const { path, json, file, read } = await home();
    await file(
      "pkg/package.json",
      JSON.stringify({
        name: "@demo/pkg",
        version: "2.0.0",
        bin: "./cli.js",
        files: ["lib", "cli.js"],
        scripts: { prepack: "exit 1" },
      }),
    );
    await file("pkg/cli.js", "#!/usr/bin/env node\n");
    await file("pkg/lib/a.js", "1");
    await file("pkg/lib/.npmignore", "b.js");
    await file("pkg/lib/b.js", "ignored");
    await file("pkg/README.md", "# pkg");
    await file("pkg/secret.txt", "left out");
    await file("pkg/node_modules/x/index.js", "left out");
    const published = await json(["local:publish", "pkg", "2.0.0", "demo", "-f", "pkg"]);
    expect(published).not.toHaveProperty("file");
    await json(["local:resolve", "pkg", "latest", "demo", "-o", "."]);
    const ours = await read("pkg-2.0.0.tgz");
    expect(published["integrity"]).toBe(sha512(ours));
    await mustRun("npm", ["pack", "--ignore-scripts", "--silent"], {
      cwd: join(path, "pkg"),
      env: { ...process.env, npm_config_cache: join(path, "npm") },
    });
    const theirs = await read("pkg/demo-pkg-2.0.0.tgz");
    expect(gunzipSync(ours).equals(gunzipSync(theirs))).toBe(true);
  });

  test("bundled dependencies travel in the tarball", async () => {
    const { json, file, read } = await home();
    await file(
      "pkg/package.json",
      JSON.stringify({
        name: "pkg",
        version: "1.0.0",
        dependencies: { in: "1", out: "1" },
        bundleDependencies: ["in"],
      }),
    );
    await file(
      "pkg/node_modules/in/package.json",
      JSON.stringify({ name: "in", version: "1.0.0", dependencies: { deep: "1" } }),
    );
    await file(
      "pkg/node_modules/deep/package.json",
      JSON.stringify({ name: "deep", version: "1.0.0" }),
    );
    await file(
      "pkg/node_modules/out/package.json",
      JSON.stringify({ name: "out", version: "1.0.0" }),
    );
    await json(["local:publish", "pkg", "1.0.0", "-", "-f", "pkg"]);
    await json(["local:resolve", "pkg", "1.0.0", "-", "-o", "pkg.tgz"]);
    const tar = gunzipSync(await read("pkg.tgz")).toString("latin1");
    expect(tar).toContain("package/node_modules/in/package.json");
    expect(tar).toContain("package/node_modules/deep/package.json");
    expect(tar).not.toContain("package/node_modules/out/");
  });

  test("a ready tarball is stored byte for byte, from a file and from a pipe", async () => {
    const { json, run, file, read } = await home();
    const tarball = pack({ name: "@demo/ready", version: "1.0.0" }, { "a.txt": "a" }, 1);
    await file("ready.tgz", tarball);
    expect(
      await json(["local:publish", "ready", "1.0.0", "demo", "-f", "ready.tgz"]),
    ).toMatchObject({
      integrity: sha512(tarball),
      size: tarball.length,
    });
    await run(["local:resolve", "ready", "1.0.0", "demo", "-o", "back.tgz"]);
    expect((await read("back.tgz")).equals(tarball)).toBe(true);
    const second = pack({ name: "@demo/ready", version: "1.1.0" });
    await json(["local:publish", "ready", "1.1.0", "demo", "-f", "-", "--tag", "next"], second);
    expect(await json(["local:resolve", "ready", "next", "demo"])).toMatchObject({
      version: "1.1.0",
      tags: ["next"],
      integrity: sha512(second),
    });
    // --as makes one file of it.
    await json([
      "local:publish",
      "archive",
      "1.0.0",
      "demo",
      "-f",
      "ready.tgz",
      "--as",
      "ready.tgz",
    ]);
    await run(["local:resolve", "archive", "1.0.0", "demo", "-o", "archive"]);
    expect((await read("archive")).equals(tarball)).toBe(true);
  });

  test("a version that exists is refused with 5, and nothing is written", async () => {
    const { path, json, failure, run, file, read } = await home();
    await file("a.js", "first");
    await json(["local:publish", "a", "1.0.0", "demo", "-f", "a.js"]);
    const before = await snapshot(path);
    for (const content of ["first", "second"]) {
      await file("a.js", content);
      expect(await failure(["local:publish", "a", "1.0.0", "demo", "-f", "a.js"])).toMatchObject({
        exit: 5,
        code: "E_VERSION_EXISTS",
      });
    }
    expect(await snapshot(path)).toEqual(before);
    await run(["local:resolve", "a", "1.0.0", "demo", "-o", "out"]);
    expect((await read("out")).toString()).toBe("first");
  });

  test("--dry-run tells the plan and writes nothing", async () => {
    const { path, json, failure, file } = await home();
    await file("a.js", "1");
    const plan = await json(["local:publish", "a", "1.0.0", "demo", "-f", "a.js", "-n"]);
    expect(plan).toMatchObject({ name: "@demo/a", dryRun: true });
    expect(await failure(["local:resolve", "a", "1.0.0", "demo"])).toMatchObject({ exit: 4 });
    expect(await snapshot(path)).toEqual([]);
    const real = await json(["local:publish", "a", "1.0.0", "demo", "-f", "a.js"]);
    expect(real).toMatchObject({ integrity: plan["integrity"], size: plan["size"] });
    expect(
      await failure(["local:publish", "a", "1.0.0", "demo", "-f", "a.js", "-n"]),
    ).toMatchObject({ exit: 5 });
  });

  test("--dry-run checks all that a publish checks", async () => {
    const { path, failure, file } = await home();
    await file("pkg/package.json", '{"name":"@demo/a","version":"1.0.0"}');
    const metadata = await file("meta.json", '{"dependencies":{"ms":"^2.0.0"}}');
    const deep = await file("deep.json", `${'{"a":'.repeat(70)}1${"}".repeat(70)}`);
    for (const [meta, code] of [
      [metadata, "E_MANIFEST_MISMATCH"],
      [deep, "E_INVALID_DOCUMENT"],
    ] as const)
      for (const dry of [["-n"], []]) {
        const args = ["local:publish", "a", "1.0.0", "demo", "-f", "pkg", "-m", meta, ...dry];
        expect(await failure(args)).toMatchObject({ code });
      }
    expect(await snapshot(path)).toEqual([]);
  });

  test("names, versions and input that do not fit are refused, each with its code", async () => {
    const { failure, file } = await home();
    await file("a.js", "1");
    await file("pkg/package.json", '{"name":"@demo/pkg","version":"1.0.0"}');
    await file("private/package.json", '{"name":"@demo/p","version":"1.0.0","private":true}');
    await file("torn/package.json", "{");
    await file("bad.tgz", "no gzip");
    await file("hostile.tgz", gzipSync(tarOf([{ path: "package/../../x", content: "1" }])));
    await file("meta.json", '{"name":"other"}');
    await file("list.json", "[]");
    const cases: [args: string[], exit: number, code: string][] = [
      [["../x", "1.0.0", "demo", "-f", "a.js"], 2, "E_INVALID_NAME"],
      [["@other/x", "1.0.0", "demo", "-f", "a.js"], 2, "E_INVALID_NAME"],
      [["x", "1.0", "demo", "-f", "a.js"], 2, "E_INVALID_VERSION"],
      [["x", "1.0.0", "de/mo", "-f", "a.js"], 2, "E_INVALID_NAME"],
      [["x", "1.0.0", "demo", "-f", "a.js", "--tag", "1.x"], 2, "E_INVALID_TAG"],
      [["x", "1.0.0", "demo", "-f", "nowhere.js"], 2, "E_USAGE"],
      [["x", "1.0.0", "demo", "-f", "."], 2, "E_USAGE"],
      [["x", "1.0.0", "demo", "-f", "pkg"], 9, "E_MANIFEST_MISMATCH"],
      [["pkg", "1.0.1", "demo", "-f", "pkg"], 9, "E_MANIFEST_MISMATCH"],
      [["p", "1.0.0", "demo", "-f", "private"], 2, "E_USAGE"],
      [["x", "1.0.0", "demo", "-f", "torn"], 2, "E_INVALID_DOCUMENT"],
      [["x", "1.0.0", "demo", "-f", "bad.tgz"], 2, "E_INVALID_TARBALL"],
      [["x", "1.0.0", "demo", "-f", "hostile.tgz"], 2, "E_INVALID_TARBALL"],
      [["x", "1.0.0", "demo", "-f", "a.js", "-m", "meta.json"], 9, "E_MANIFEST_MISMATCH"],
      [["x", "1.0.0", "demo", "-f", "a.js", "-m", "list.json"], 2, "E_INVALID_DOCUMENT"],
      [["x", "1.0.0", "demo", "-f", "a.js", "-m", "none.json"], 2, "E_USAGE"],
    ];
    for (const [args, exit, code] of cases)
      expect(await failure(["local:publish", ...args]), args.join(" ")).toMatchObject({
        exit,
        code,
      });
    const mismatch = await failure(["local:publish", "pkg", "1.0.1", "demo", "-f", "pkg"]);
    expect(mismatch.message).toContain("1.0.0");
    expect(mismatch.message).toContain("1.0.1");
    expect(await failure(["local:resolve", "x", "1.0.0", "demo"])).toMatchObject({
      exit: 4,
      code: "E_PACKAGE_NOT_FOUND",
    });
  });

  test("an unknown version names those there are", async () => {
    const { json, failure, file } = await home();
    await file("a.js", "1");
    await json(["local:publish", "a", "1.0.0", "demo", "-f", "a.js"]);
    expect(await failure(["local:resolve", "a", "^2", "demo"])).toMatchObject({
      exit: 4,
      code: "E_VERSION_NOT_FOUND",
      hint: expect.arrayContaining([expect.stringContaining("1.0.0")]),
    });
  });

  test("Ctrl-C leaves no temporary files and no version", async () => {
    const { path, failure } = await home();
    const args = [join(root, "bin/citadel.js"), "local:publish", "a", "1.0.0", "demo", "-f", "-"];
    const child = spawn(process.execPath, args, {
      env: citadelEnv(path),
      stdio: ["pipe", "ignore", "ignore"],
    });
    child.stdin.write(randomBytes(100_000));
    const temporary = join(path, "cache/tmp");
    const left = () => readdir(temporary, { recursive: true }).catch(() => []);
    while ((await left()).length < 3) await pause(20);
    child.kill("SIGINT");
    expect(await once(child, "exit")).toEqual([130, null]);
    expect(await left()).toEqual([]);
    expect(await failure(["local:resolve", "a", "1.0.0", "demo"])).toMatchObject({ exit: 4 });
  });

  test("-o writes into folders, through links, and replaces what is there", async () => {
    const { json, file, read, path } = await home();
    await file("a.js", "content");
    await json(["local:publish", "a", "1.0.0", "demo", "-f", "a.js"]);
    await file("there.txt", "old");
    await mkdir(join(path, "dir"));
    for (const [output, written] of [
      ["dir", "dir/a.js"],
      ["new/", "new/a.js"],
      ["there.txt", "there.txt"],
      ["/dev/null", undefined],
    ] as const) {
      await json(["local:resolve", "a", "1.0.0", "demo", "-o", output]);
      if (written) expect((await read(written)).toString()).toBe("content");
    }
    expect((await stat("/dev/null")).isCharacterDevice()).toBe(true);
    expect((await readdir(path)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });
});

describe.concurrent("A2, A9 a damaged object is named, and nothing is written", () => {
  const sizes = { "a small one in the database": 1000, "a large one in a file": 300_000 };
  test.each(Object.entries(sizes))("%s", async (_, size) => {
    const { path, json, failure, file, run } = await home();
    await file("a.bin", randomBytes(size));
    await file("out", "what was there before");
    const { integrity } = await json<{ integrity: string }>([
      "local:publish",
      "a",
      "1.0.0",
      "demo",
      "-f",
      "a.bin",
    ]);
    const hex = Buffer.from(integrity.slice(7), "base64").toString("hex");
    await damage(join(path, "data"), hex);
    for (const output of ["out", "new", "-"]) {
      const ran = await run(["local:resolve", "a", "1.0.0", "demo", "-o", output]);
      expect(ran.code).toBe(6);
      expect(ran.stdout).toBe("");
      expect(ran.stderr).toContain("E_INTEGRITY");
      expect(ran.stderr).toContain(hex);
    }
    expect(await failure(["local:resolve", "a", "1.0.0", "demo", "-o", "new"])).toMatchObject({
      code: "E_INTEGRITY",
    });
    expect((await readFile(join(path, "out"))).toString()).toBe("what was there before");
    expect((await readdir(path)).filter((name) => name === "new" || name.endsWith(".tmp"))).toEqual(
      [],
    );
  });
});

describe.concurrent("A3, A5, A6, A7 the other commands", () => {
  test("A3 lists in order, by scope, in pages, as TSV and JSON", async () => {
    const { json, run, file } = await home();
    await file("a.js", "1");
    for (const [name, scope] of [
      ["b", "demo"],
      ["a", "demo"],
      ["c", "other"],
      ["plain", "-"],
    ] as const)
      await json(["local:publish", name, "1.0.0", scope, "-f", "a.js"]);
    const all = await run(["local:list-packages"]);
    expect(all.stdout.split("\n").map((line) => line.split("\t")[0])).toEqual([
      "@demo/a",
      "@demo/b",
      "@other/c",
      "plain",
      "",
    ]);
    const { items } = await json<{ items: { name: string; modified: string }[] }>([
      "local:list-packages",
      "-s",
      "@demo",
    ]);
    expect(items.map(({ name }) => name)).toEqual(["@demo/a", "@demo/b"]);
    expect(items[0]?.modified).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    const page = await json<{ items: { name: string }[]; next: string }>([
      "local:list-packages",
      "--limit",
      "2",
    ]);
    expect(page.next).toBe("@demo/b");
    const rest = await json<{ items: { name: string }[]; next?: string }>([
      "local:list-packages",
      "--limit",
      "2",
      "--after",
      page.next,
    ]);
    expect(rest.items.map(({ name }) => name)).toEqual(["@other/c", "plain"]);
    expect(rest).not.toHaveProperty("next");
    expect(await json(["local:list-packages", "-s", "nobody"])).toEqual({ items: [] });
  });

  test("A3 several processes build the missing catalog at once, while others publish", async () => {
    const { path, json, file } = await home();
    await file("a.js", "1");
    for (let n = 0; n < 3; n++)
      await json(["local:publish", `p${n}`, "1.0.0", "demo", "-f", "a.js"]);
    await rm(join(path, "data", "catalog"), { recursive: true, force: true });
    const work = Array.from({ length: 4 }, () =>
      json<{ items: object[] }>(["local:list-packages"]),
    );
    const more = json(["local:publish", "later", "1.0.0", "demo", "-f", "a.js"]);
    for (const { items } of await Promise.all(work)) expect(items.length).toBeGreaterThanOrEqual(3);
    await more;
    expect((await json<{ items: object[] }>(["local:list-packages"])).items).toHaveLength(4);
  });

  test("A5 counts packages and bytes by scope, and times the stores", async () => {
    const { json, file, run } = await home();
    await file("a.js", "1");
    await json(["local:publish", "a", "1.0.0", "demo", "-f", "a.js"]);
    await json(["local:publish", "a", "1.1.0", "demo", "-f", "a.js"]);
    const { size } = await json<{ size: number }>([
      "local:publish",
      "b",
      "1.0.0",
      "-",
      "-f",
      "a.js",
    ]);
    const stats = await json(["local:stats"]);
    expect(stats).toMatchObject({
      packages: {
        total: 2,
        versions: 3,
        current: true,
        compressionRatio: 1,
        scopes: [
          { scope: "", packages: 1, bytes: size },
          { scope: "demo", packages: 1 },
        ],
      },
      backends: [
        {
          role: "documents",
          ok: true,
          latencyMs: expect.any(Number),
          url: expect.stringMatching(/^sqlite:/),
        },
        {
          role: "blobs",
          ok: true,
          latencyMs: expect.any(Number),
          url: expect.stringMatching(/^file:/),
        },
      ],
      compression: { enabled: true, algorithm: "zstd" },
      encryption: { enabled: false },
    });
    expect((stats["responses"] as { calls: number }).calls).toBeGreaterThan(0);
    expect((await run(["local:stats"])).stdout).toMatch(/^documents\tup\t/m);
  });

  test("A5 a store that is down is a row and no crash", async () => {
    const { run, json, file } = await home();
    await file("blocked", "a file where a folder should be");
    const blocked = ["--store", "file:./blocked/store"];
    const ran = await run(["local:stats", ...blocked]);
    expect(ran.code).toBe(0);
    expect(ran.stdout).toMatch(/^documents\tdown\t/m);
    expect(await json(["local:stats", ...blocked])).toMatchObject({
      packages: null,
      backends: [{ role: "documents", ok: false, error: expect.any(String) }],
    });
  });

  test("A3 where the catalog cannot be, an error says what to do", async () => {
    const { failure, file } = await home();
    await file("data/catalog", "a file where a folder should be");
    expect(await failure(["local:list-packages"])).toMatchObject({
      exit: 7,
      code: "E_STORE_UNAVAILABLE",
      hint: [expect.stringContaining("CITADEL_DATA_DIR")],
    });
  });

  test("A6 the schema is that of the database", async () => {
    const { json, run } = await home();
    const { items, path } = await json<{ items: { name: string; sql: string }[]; path: string }>([
      "local:db-schema",
    ]);
    expect(items.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["packages", "secrets", "cache"]),
    );
    const database = new DatabaseSync(path, { readOnly: true });
    const found = database.prepare("SELECT sql FROM sqlite_schema WHERE name = 'packages'").get();
    database.close();
    expect(items.find(({ name }) => name === "packages")?.sql).toBe(found?.["sql"]);
    const copy = new DatabaseSync(":memory:");
    copy.exec((await run(["local:db-schema"])).stdout);
    copy.close();
  });

  test("A7 removes what nothing refers to, old enough, and says so; everything else stays", async () => {
    const { path, json, run, file, read } = await home();
    await file("a.bin", randomBytes(200_000));
    await json(["local:publish", "a", "1.0.0", "demo", "-f", "a.bin"]);
    const orphan = randomBytes(150_000);
    const hex = createHash("sha512").update(orphan).digest("hex");
    await plantOrphan(path, hex, orphan);
    const left = join(path, "cache/tmp/local-dead");
    await mkdir(left, { recursive: true });
    await writeFile(join(left, "left"), Buffer.alloc(1000));
    // Young things may belong to a publish under way.
    expect(await json<Cleaned>(["local:cleanup"])).toMatchObject({ bytes: 0, items: [] });
    await file("citadel.json5", '{ store: { grace: "1ms" } }');
    const plan = await json<Cleaned>(["local:cleanup", "--dry-run"]);
    expect(plan).toMatchObject({
      dryRun: true,
      objects: { removed: 1, bytes: orphan.length },
      temporary: { removed: 1, bytes: 1000 },
      bytes: orphan.length + 1000,
    });
    expect(existsSync(left)).toBe(true);
    const done = await json<Cleaned>(["local:cleanup"]);
    expect(done).toEqual({ ...plan, dryRun: false });
    expect(done.items.join()).toContain(hex);
    expect(existsSync(left)).toBe(false);
    expect(await json<Cleaned>(["local:cleanup"])).toMatchObject({ bytes: 0, items: [] });
    await run(["local:resolve", "a", "1.0.0", "demo", "-o", "out"]);
    expect((await read("out")).equals(await read("a.bin"))).toBe(true);
  });
});

interface Cleaned {
  readonly items: readonly string[];
}

/** A blob that no package has, as an interrupted publish leaves it. */
async function plantOrphan(path: string, hex: string, content: Uint8Array): Promise<void> {
  const driver = fileDriver(new URL(`file://${join(path, "data/blobs")}`));
  await driver.open();
  await driver.put(`b/sha512/${hex.slice(0, 2)}/${hex}`, content);
  await driver.close();
}

/** Names and sizes of everything in the store's folders. */
async function snapshot(path: string): Promise<string[]> {
  const database = join(path, "data/registry.db");
  if (!existsSync(database)) return [];
  const db = new DatabaseSync(database, { readOnly: true });
  const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
  const rows = tables.flatMap(({ name }) => {
    const { n } = db.prepare(`SELECT count(*) AS n FROM "${String(name)}"`).get() ?? {};
    return Number(n) > 0 && name !== "store" ? [`${String(name)} ${String(n)}`] : [];
  });
  db.close();
  const blobs = await readdir(join(path, "data/blobs"), { recursive: true }).catch(() => []);
  return [...rows, ...blobs.filter((name) => /[0-9a-f]{40}/.test(name))].sort();
}

/** Flips one byte of a blob, wherever the store keeps it. */
async function damage(data: string, hex: string): Promise<void> {
  const names = await readdir(join(data, "blobs"), { recursive: true }).catch(() => []);
  const paths = names
    .filter((name) => name.includes(hex.slice(0, 40)))
    .map((name) => join(data, "blobs", name));
  for (const path of paths) {
    const { size } = await stat(path);
    if (!(await stat(path)).isFile()) continue;
    const file = await open(path, "r+");
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, size - 100);
    byte[0] = (byte[0] ?? 0) ^ 1;
    await file.write(byte, 0, 1, size - 100);
    await file.close();
    return;
  }
  const db = new DatabaseSync(join(data, "registry.db"));
  try {
    for (const { id, data: bytes } of db.prepare("SELECT id, data FROM chunk").all()) {
      const body = Buffer.from(bytes as Uint8Array);
      if (createHash("sha512").update(body).digest("hex") !== hex) continue;
      body[body.length - 10] = (body[body.length - 10] ?? 0) ^ 1;
      db.prepare("UPDATE chunk SET data = ? WHERE id = ?").run(body, Number(id));
      return;
    }
    throw new Error("there is no such blob");
  } finally {
    db.close();
  }
}
