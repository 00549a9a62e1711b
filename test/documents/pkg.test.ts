// E3: documents kept for offline reading, search over them, and a workspace beside what is published.
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fetchDocuments, searchPackages } from "@citadel/plugin-pkg";
import { anonymous, commandLine, type Caller } from "@citadel/core/access";
import type { Citadel } from "@citadel/core";
import { tarballOf } from "@citadel/core/registry";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { onTerminal } from "../cli/cli.ts";
import { serve } from "../support/citadel.ts";
import { oneProcess } from "../support/one-process.ts";
import { openCore } from "../support/core.ts";
import { pack } from "../support/packages.ts";
import { tempFolder, type Temp } from "../support/temp.ts";

const { citadel } = oneProcess();

let home: Temp;
const at = (...path: readonly string[]): string => join(home.path, ...path);

async function files(folder: string, content: Readonly<Record<string, string>>): Promise<void> {
  for (const [file, text] of Object.entries(content)) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), text);
  }
}

async function publish(
  name: string,
  version: string,
  content: Readonly<Record<string, string>>,
  fields: object = {},
) {
  const folder = at("from", name, version);
  const manifest = { name: `@demo/${name}`, version, license: "MIT", ...fields };
  await files(folder, { "package.json": JSON.stringify(manifest), ...content });
  const ran = await citadel(home.path, [
    "local:publish",
    name,
    version,
    "demo",
    "-f",
    folder,
    "-q",
  ]);
  expect(ran.code, ran.output).toBe(0);
}

const json = async (args: readonly string[], cwd = home.path, env: NodeJS.ProcessEnv = {}) => {
  const ran = await citadel(home.path, [...args, "--json"], { cwd, env });
  return { code: ran.code, json: JSON.parse(ran.stdout) };
};

beforeAll(async () => {
  home = await tempFolder("pkg");
  const types = { types: "index.d.ts" };
  await publish(
    "dates",
    "1.0.0",
    {
      "README.md": "# Dates\n\nParses calendar dates.\u001b[2J\n",
      "CHANGELOG.md": "# 1.0.0\n\n- first\n",
      LICENSE: "MIT, for all",
      "examples/one.js": "parseDate('now')",
      "index.d.ts":
        "/** Reads a date. */\nexport declare function parseDate(text: string): Date;\nexport declare const old: 1;",
    },
    { ...types, description: "dates for humans" },
  );
  await publish(
    "dates",
    "2.0.0",
    {
      "README.md": "# Dates\n\nParses calendar dates and times.\n",
      "CHANGELOG.md": "# 2.0.0\n\n- times\n\n# 1.0.0\n\n- first\n",
      LICENSE: "MIT, for all",
      "index.d.ts":
        "export declare function parseDate(text: string, zone?: string): Date;\nexport declare class Clock { now(): Date }",
    },
    { ...types, description: "dates for humans" },
  );
}, 120_000);
afterAll(() => home?.remove());

describe("E3 pkg:fetch", () => {
  test("documents of the version that is installed, else of the tag, else of what was asked for", async () => {
    const project = at("project");
    await files(project, {
      "node_modules/@demo/dates/package.json": '{"name":"@demo/dates","version":"1.0.0"}',
      "src/deep/x.js": "",
    });
    const installed = await json(["pkg:fetch", "@demo/dates"], join(project, "src/deep"));
    expect(installed.json).toMatchObject({
      ...{ version: "1.0.0", because: "installed", kept: false, origin: "here", advisories: [] },
      license: { id: "MIT", text: "MIT, for all" },
      readme: { file: "README.md" },
      changelog: { file: "CHANGELOG.md", text: "# 1.0.0\n\n- first\n" },
      examples: [{ file: "examples/one.js", text: "parseDate('now')" }],
      outline: { items: [{ name: "parseDate", doc: "Reads a date." }, { name: "old" }] },
      entry: { types: "index.d.ts" },
    });
    expect((await json(["pkg:fetch", "@demo/dates"])).json).toMatchObject({
      version: "2.0.0",
      because: "tag",
    });
    expect((await json(["pkg:fetch", "@demo/dates@^1"])).json).toMatchObject({
      version: "1.0.0",
      because: "asked",
      kept: true,
    });
    expect(await json(["pkg:fetch", "@demo/dates@7"])).toMatchObject({
      code: 4,
      json: { error: { code: "E_VERSION_NOT_FOUND" } },
    });
    expect((await json(["pkg:fetch", "@demo/dats"])).json.error.hint).toContain(
      "did you mean @demo/dates?",
    );
  });

  test("what is only installed is read where it is", async () => {
    const project = at("other");
    await files(project, {
      "node_modules/alone/package.json": '{"name":"alone","version":"3.0.0","main":"i.js"}',
      "node_modules/alone/i.js": "exports.go = () => 1",
    });
    expect((await json(["pkg:fetch", "alone"], project)).json).toMatchObject({
      ...{ origin: "folder", version: "3.0.0", integrity: null, because: "installed" },
      outline: { items: [{ name: "go", kind: "function" }] },
    });
  });

  test("a pipe gets all of it as plain text, nothing of which steers a terminal", async () => {
    const { stdout, code } = await citadel(home.path, ["pkg:fetch", "@demo/dates@1.0.0"], {
      env: { PAGER: "false" },
    });
    expect(code).toBe(0);
    expect(stdout).toContain(
      "README\n\n# Dates\n\nParses calendar dates.\n\nAPI\n\nfunction parseDate(text: string): Date\n    Reads a date.\n",
    );
    // oxlint-disable-next-line no-control-regex -- that is what must not be there
    expect(stdout).not.toMatch(/[\x00-\x09\x0b-\x1f]/);
    const api = await citadel(home.path, ["pkg:fetch", "@demo/dates@1.0.0", "--section", "api"]);
    expect(api.stdout).not.toContain("README");
  });

  test("a terminal shows it through the pager, where it does not fit and there is one", async () => {
    const args = ["pkg:fetch", "@demo/dates@1.0.0"];
    const paged = await onTerminal(home.path, args, { PAGER: "head -n 1" });
    expect(paged.code).toBe(0);
    expect(paged.stdout).toContain("@demo/dates@1.0.0");
    expect(paged.stdout).not.toContain("README");
    for (const PAGER of ["", "cat", "no-such-pager"]) {
      const { stdout, code } = await onTerminal(home.path, args, { PAGER });
      expect([code, stdout.includes("README")], PAGER).toEqual([0, true]);
    }
    const short = await onTerminal(home.path, [...args, "--section", "api"], {
      PAGER: "head -n 1",
    });
    expect(short.stdout).toContain("parseDate");
  });

  test("a damaged file of documents is left alone, and said to be one", async () => {
    const other = await tempFolder("pkg-damaged");
    await citadel(other.path, ["pkg:search", "x"]);
    const [file = ""] = (await readdir(join(other.path, "data/documents"))).filter((one) =>
      one.endsWith(".db"),
    );
    const path = join(other.path, "data/documents", file);
    for (const end of ["-wal", "-shm"]) await rm(path + end, { force: true });
    await writeFile(path, "no database".repeat(1000));
    const ran = await citadel(other.path, ["pkg:search", "x", "--json"]);
    expect([ran.code, JSON.parse(ran.stdout).error.code]).toEqual([7, "E_STORE_UNAVAILABLE"]);
    expect(await readFile(path, "utf8")).toContain("no database");
    await other.remove();
  });

  test("--diff shows what changed in the documents of two versions", async () => {
    const { json: found } = await json(["pkg:fetch", "@demo/dates", "--diff", "1.0.0", "latest"]);
    expect(
      found.api.map(({ change, what }: { change: string; what: string }) => `${change} ${what}`),
    ).toEqual(["changed parseDate", "removed old", "added Clock", "added Clock.now"]);
    expect(found.texts.map(({ what }: { what: string }) => what)).toEqual(["readme", "changelog"]);
    const { stdout } = await citadel(home.path, [
      "pkg:fetch",
      "@demo/dates",
      "--diff",
      "1.0.0",
      "2.0.0",
    ]);
    expect(stdout).toContain("-Parses calendar dates.\n+Parses calendar dates and times.");
    expect(await json(["pkg:fetch", "@demo/dates", "--diff", "1.0.0"])).toMatchObject({ code: 2 });
  });

  test(
    "what came from a registry behind this one is read without it",
    { timeout: 120_000 },
    async () => {
      const there = await tempFolder("pkg-upstream");
      const manifest = '{"name":"@away/far","version":"1.0.0","description":"far away"}';
      await files(join(there.path, "far"), {
        "package.json": manifest,
        "index.js": "exports.reach = 1",
      });
      const args = ["local:publish", "far", "1.0.0", "away", "-f", join(there.path, "far"), "-q"];
      expect((await citadel(there.path, args)).code).toBe(0);
      const server = await serve({ home: there.path });
      const env = { CITADEL_UPSTREAM: server.url };
      const first = await json(["pkg:fetch", "@away/far"], home.path, env);
      await server.stop();
      await there.remove();
      expect(first.json).toMatchObject({ version: "1.0.0", kept: false });
      const kept = await json(["pkg:fetch", "@away/far"], home.path, env);
      expect(kept.json).toMatchObject({
        version: "1.0.0",
        kept: true,
        outline: first.json.outline,
      });
      const offline = await json(["pkg:fetch", "@away/far", "--offline"], home.path, env);
      expect(offline.json).toMatchObject({ version: "1.0.0", kept: true, stale: true });
      expect((await json(["pkg:search", "reach"], home.path, env)).json.items).toMatchObject([
        { name: "@away/far", match: "symbol", fetched: "1.0.0" },
      ]);
    },
  );
});

describe("E3 pkg:search", () => {
  const packages: readonly (readonly [name: string, description: string, keywords?: string[]])[] = [
    ["react-table", "tables for a user interface", ["grid", "rows"]],
    ["table", "draws text tables in a terminal", ["cli"]],
    ["tablet", "touch input of tablets"],
    ["color-convert", "converts colours between models", ["rgb", "hsl"]],
    ["left-pad", "pads strings on the left side", ["string"]],
    ["express-session", "sessions for express applications"],
    ["express", "a minimal web framework", ["http", "server", "router"]],
    ["yaml-reader", "reading configuration in YAML", ["config"]],
    ["uuid", "universally unique identifiers", ["guid"]],
    ["zip-stream", "archives of many files, streamed", ["compress"]],
  ];
  let library: Temp;
  let core: Citadel;

  beforeAll(async () => {
    library = await tempFolder("pkg-search");
    core = await openCore(library.path);
    for (const [name, description, keywords = []] of packages) {
      const manifest = { name: `@demo/${name}`, version: "1.0.0", description, keywords };
      const content = {
        "README.md": name === "zip-stream" ? "Needs zlib and nothing beside." : "",
        "index.js": name === "color-convert" ? "exports.hexToRgb = (hex) => hex" : "",
      };
      const tarball = tarballOf(pack(manifest, content));
      await core.registry.publish(
        { name: manifest.name, version: "1.0.0", manifest, tarball },
        commandLine,
      );
    }
    for (const name of ["color-convert", "zip-stream"])
      await fetchDocuments(core, commandLine, { what: `@demo/${name}`, folder: library.path });
  }, 120_000);
  afterAll(async () => {
    await core?.close();
    await library?.remove();
  });

  const find = async (query: string, caller: Caller = commandLine) =>
    (await searchPackages(core, caller, query)).map(
      ({ name, match }) => `${name.replace("@demo/", "")} ${match}`,
    );

  // what a person would want to see first
  test.each([
    ["table", ["table name", "tablet prefix", "react-table part"]],
    ["@demo/uuid", ["uuid name"]],
    ["UUID", ["uuid name"]],
    ["left pad", ["left-pad name"]],
    ["express", ["express name", "express-session prefix"]],
    ["hexToRgb", ["color-convert symbol"]],
    ["hexto", ["color-convert symbol"]],
    ["convert", ["color-convert part"]],
    ["colour", ["color-convert text"]],
    ["configuring", ["yaml-reader text"]],
    ["guid", ["uuid text"]],
    ["zlib", ["zip-stream text"]],
    ["web router", ["express text"]],
    ["expres", ["express prefix", "express-session prefix"]],
    ["expresss", ["express similar"]],
    ["exprses", ["express similar"]],
    ["left-pda", ["left-pad similar"]],
    ["ziip-stream", ["zip-stream similar"]],
    ["nothing of the kind", []],
  ])("%s", async (query, expected) =>
    expect((await find(query)).slice(0, Math.max(expected.length, 1))).toEqual(expected),
  );

  test.each([
    ...[
      '"',
      '""',
      '"table',
      "*",
      "table*",
      "NEAR(table tablet)",
      "NEAR",
      "table AND",
      "OR",
      "NOT table",
      "name:table",
    ],
    ...[
      "(table",
      "table)",
      "{name} : table",
      "^table",
      "table + x",
      "-",
      "'; DROP TABLE packages; --",
      "%",
      "_",
      "\\",
    ],
    ...[
      "\u0000table",
      "table\u0000x",
      "\ud800",
      "a".repeat(10_000),
      "table ".repeat(1000),
      " ",
      "\u202etable",
    ],
  ])("syntax of the search engine is text: %j", async (query) => {
    expect(await find(query)).toBeInstanceOf(Array);
    expect((await find("table"))[0]).toBe("table name");
  });

  test("what is downloaded more comes first among equals", async () => {
    for (let i = 0; i < 5; i++) core.downloads.note("@demo/tablet", "1.0.0");
    expect((await find("tab")).slice(0, 2)).toEqual(["table prefix", "tablet prefix"]);
    await core.downloads.close();
    await rm(join(library.path, "data/documents"), { recursive: true });
    expect((await find("tab")).slice(0, 2)).toEqual(["tablet prefix", "table prefix"]);
  });

  test("a package of the registry that is gone is found no more", async () => {
    expect(await find("left-pad")).toEqual(["left-pad name"]);
    await core.registry.unpublish("@demo/left-pad", "all", commandLine);
    expect(await find("left-pad")).toEqual([]);
  });

  test("E3, attack 36: restricted packages are found only by those who may read them, also after they were fetched", async () => {
    await fetchDocuments(core, commandLine, { what: "@demo/color-convert", folder: library.path });
    await core.registry.setVisibility("@demo/color-convert", "restricted", commandLine);
    const nobody: Caller = { principal: anonymous, via: "npm" };
    for (const query of ["color-convert", "color", "hexToRgb", "hsl", "colours", "color-convrt"]) {
      expect(await find(query), query).toContainEqual(expect.stringContaining("color-convert"));
      expect(await find(query, nobody), query).not.toContainEqual(
        expect.stringContaining("color-convert"),
      );
    }
    await expect(
      fetchDocuments(core, nobody, { what: "@demo/color-convert", folder: library.path }),
    ).rejects.toMatchObject({
      code: "E_PACKAGE_NOT_FOUND",
    });
  });
});

describe("E3 pkg:local", () => {
  test("says of each package of a workspace what is to be done", { timeout: 120_000 }, async () => {
    const root = at("workspace");
    const write = (name: string, version: string, types: string, fields: object = {}) =>
      files(join(root, "packages", name), {
        "package.json": JSON.stringify({
          name: `@work/${name}`,
          version,
          types: "index.d.ts",
          ...fields,
        }),
        "index.d.ts": types,
      });
    const one = "export declare const x: number;";
    await files(root, {
      "package.json": '{"name":"root","private":true,"workspaces":["packages/*"]}',
    });
    for (const name of ["same", "broken", "grown", "small", "behind"])
      await write(name, "1.0.0", one);
    await write("uses", "1.0.0", one, { dependencies: { "@work/same": "workspace:^" } });
    await write("new", "0.1.0", one);
    await write("closed", "1.0.0", one, { private: true });
    const sent = await citadel(home.path, ["registry:publish", "--workspace", "-q"], { cwd: root });
    expect(sent.code, sent.output).toBe(0);
    await rm(join(root, "packages/new"), { recursive: true });
    await write("new2", "0.1.0", one);
    await write("behind", "1.1.0", one);
    expect(
      (
        await citadel(home.path, [
          "local:publish",
          "behind",
          "1.1.0",
          "work",
          "-f",
          join(root, "packages/behind"),
          "-q",
        ])
      ).code,
    ).toBe(0);
    await write("behind", "1.0.0", one);
    await write("broken", "1.0.0", "export declare const x: string;");
    await write("grown", "1.1.0", `${one} export declare const y: 1;`);
    await write("small", "1.0.1", `${one} export declare const y: 1;`);
    const { code, json: found } = await json(["pkg:local"], root);
    expect(code).toBe(3);
    expect(
      found.items.map(({ name, state, next }: Record<string, string>) => [
        name?.replace("@work/", ""),
        state,
        next,
      ]),
    ).toEqual([
      ["behind", "behind", null],
      ["broken", "needs bump", "2.0.0"],
      ["closed", "private", null],
      ["grown", "ahead", "1.1.0"],
      ["new2", "new", "0.1.0"],
      ["same", "published", null],
      ["small", "needs bump", "1.1.0"],
      ["uses", "published", null],
    ]);
    const piped = await citadel(home.path, ["pkg:local", root]);
    expect(piped.stdout.split("\n")[1]).toBe(
      "@work/broken\t1.0.0\t1.0.0\tneeds bump\t2.0.0\tpackages/broken\tx no longer fits what it was",
    );
    expect(await json(["pkg:local", at("nowhere")])).toMatchObject({ code: 2 });
  });
});
