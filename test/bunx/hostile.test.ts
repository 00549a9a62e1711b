import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { BunXIntegration, type ExecuteOptions } from "@citadel/plugin-bunx";
import { liar, type Liar } from "../servers/liar.ts";
import { citadel } from "../support/citadel.ts";
import { pack, type Manifest, type TarEntry } from "../support/packages.ts";
import { mustRun, type Ran } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";
import { offer } from "./shop.ts";

const says = (text: string) => `#!/usr/bin/env node\nconsole.log(${JSON.stringify(text)});\n`;

/** A registry that checks nothing, and a place to run what it has. */
async function den() {
  const there: Liar = await liar();
  onTestFinished(() => there[Symbol.asyncDispose]());
  const temp = await tempFolder("hostile");
  onTestFinished(() => temp.remove());
  const project = join(temp.path, "project");
  await mkdir(project);
  return {
    there,
    project,
    entries: join(temp.path, "cache/bunx/entries"),
    /** the same in this process, for what never comes to run */
    execute: (text: string, options: Partial<ExecuteOptions> = { approve: async () => {} }) =>
      BunXIntegration.execute(text, [], {
        ...{ registry: there.url, folder: join(temp.path, "cache"), ...options },
      }),
    run: (...args: string[]): Promise<Ran> =>
      citadel(temp.path, ["bunx:run", "--yes", "--registry", there.url, ...args], {
        cwd: project,
        env: { CITADEL_TOKEN: "do-not-tell", HOME: project },
      }),
  };
}

const one = (bin: unknown, more: object = {}): Manifest => ({
  name: "one",
  version: "1.0.0",
  bin,
  ...more,
});

test("E2: the program is the only one, the one called like the package, or the one asked for", async () => {
  const { there, run } = await den();
  offer(there, one({ other: "a.js" }), { "a.js": says("a") });
  expect(await run("one")).toMatchObject({ code: 0, stdout: "a\n" });
  offer(
    there,
    { ...one({ x: "a.js", y: "b.js" }), version: "2.0.0" },
    { "a.js": says("a"), "b.js": says("b") },
  );
  const several = await run("one@2");
  expect(several.code, several.output).toBe(4);
  expect(several.stderr).toMatch(/E_BIN_NOT_FOUND[\s\S]*--bin: x, y/);
  expect(await run("--bin", "y", "one@2")).toMatchObject({ code: 0, stdout: "b\n" });
  expect((await run("--bin", "Y", "one@2")).code).toBe(4);
  // names that differ only in case are two
  offer(
    there,
    { ...one({ One: "a.js", one: "b.js" }), version: "3.0.0" },
    { "a.js": says("a"), "b.js": says("b") },
  );
  expect(await run("one@3")).toMatchObject({ code: 0, stdout: "b\n" });
  offer(there, { ...one(undefined), version: "4.0.0" }, {});
  expect((await run("one@4")).stderr).toContain("no program to run");
});

const files = (manifest: Manifest, ...more: TarEntry[]): TarEntry[] => [
  { path: "package/package.json", content: JSON.stringify(manifest) },
  ...more,
];

test.each<[string, Manifest, Parameters<typeof offer>[2], Parameters<typeof offer>[3]?]>([
  ["a program outside of the package", one({ one: "../../../../out.js" }), { "in.js": says("in") }],
  ["an absolute program", one({ one: "/bin/ls" }), { "in.js": says("in") }],
  [
    "a link for a program",
    one({ one: "a.js" }),
    files(one({ one: "a.js" }), {
      path: "package/a.js",
      type: "SymbolicLink",
      linkpath: "/bin/ls",
    }),
  ],
  [
    "a link for a folder of programs",
    one({ one: "b/ls" }),
    files(one({ one: "b/ls" }), { path: "package/b", type: "SymbolicLink", linkpath: "/bin" }),
  ],
  [
    "another name in the package",
    one({ one: "a.js" }),
    files({ ...one({ one: "a.js" }), name: "two" }, { path: "package/a.js", content: says("a") }),
  ],
  [
    "another version in the package",
    one({ one: "a.js" }),
    files(
      { ...one({ one: "a.js" }), version: "1.0.1" },
      { path: "package/a.js", content: says("a") },
    ),
  ],
  [
    "another content than promised",
    one({ one: "a.js" }),
    { "a.js": says("a") },
    { integrity: `sha512-${Buffer.alloc(64, 7).toString("base64")}` },
  ],
])("E2: %s is refused, and nothing runs", async (_what, manifest, content, more) => {
  const { there, execute } = await den();
  offer(there, manifest, content, more);
  await expect(execute("one")).rejects.toMatchObject({ code: "E_PACKAGE_UNSOUND" });
});

test("E2: install scripts of a package and of what it needs are left out and named, and run when they are allowed by version", async () => {
  const { there, run, project, entries } = await den();
  const script = `node -e "require('fs').appendFileSync(process.env.HOME + '/ran', process.env.npm_package_name + ' ' + process.env.npm_lifecycle_event + ' ' + Object.keys(process.env).filter((one) => /TOKEN|CITADEL/i.test(one)) + '\\n')"`;
  offer(
    there,
    one({ one: "a.js" }, { scripts: { postinstall: script }, dependencies: { two: "1.0.0" } }),
    {
      "a.js": says("a"),
    },
  );
  offer(there, { name: "two", version: "1.0.0", scripts: { preinstall: script } }, {});
  const ran = await run("one");
  expect(ran, ran.output).toMatchObject({ code: 0, stdout: "a\n" });
  expect(ran.stderr).toMatch(/install scripts left out: one@1\.0\.0, two@1\.0\.0/);
  expect(await readdir(project)).toEqual([]);

  expect(await run("--allow-scripts", "two@1.0.0", "one")).toMatchObject({ code: 0 });
  expect(await readFile(join(project, "ran"), "utf8")).toBe("two preinstall \n");
  expect((await readdir(entries)).length).toBe(2);
  const unpinned = await run("--allow-scripts", "two", "one");
  expect(unpinned.code, unpinned.output).toBe(2);
});

test.each(["http://127.0.0.1:1/two.tgz", "git+ssh://git@127.0.0.1/two.git", "file:../two"])(
  "E2: a dependency on %s is refused",
  async (spec) => {
    const { there, execute } = await den();
    offer(there, one({ one: "a.js" }, { dependencies: { two: spec } }), { "a.js": says("a") });
    await expect(execute("one")).rejects.toMatchObject({ code: "E_SPEC_REFUSED" });
    expect(there.requests.some(({ url }) => url?.includes("two"))).toBe(false);
  },
);

test("E2: a shrinkwrap in a package leads to no other server", async () => {
  const { there, execute } = await den();
  const other = await liar();
  onTestFinished(() => other[Symbol.asyncDispose]());
  const two = pack({ name: "two", version: "1.0.0" });
  other.on("*", (_request, response) => response.writeHead(200).end(two));
  const manifest = one({ one: "a.js" }, { dependencies: { two: "1.0.0" }, _hasShrinkwrap: true });
  offer(there, manifest, {
    "a.js": says("a"),
    "npm-shrinkwrap.json": JSON.stringify({
      name: "one",
      version: "1.0.0",
      lockfileVersion: 3,
      packages: {
        "": { name: "one", version: "1.0.0", dependencies: { two: "1.0.0" } },
        "node_modules/two": { version: "1.0.0", resolved: `${other.url}/two.tgz` },
      },
    }),
  });
  await expect(execute("one")).rejects.toMatchObject({ code: "E_PREPARE" });
  expect(other.requests).toEqual([]);
});

const elsewhere = [
  ...["git+https://127.0.0.1/x.git", "acme/x", "http://127.0.0.1:1/x.tgz"],
  ...["./x", "/etc", ".", "a/b/c/d", "@a/", "a@npm:b"],
];
const nothing = ["", " ", "a b", "@a", "-x", "__proto__", "a\u001b[31m"];

test("E2: what is no package of a registry is refused without a flag", async () => {
  const { there, run, execute } = await den();
  for (const spec of elsewhere)
    await expect(execute(spec), spec).rejects.toMatchObject({ code: "E_SPEC_REFUSED" });
  for (const spec of nothing)
    await expect(execute(spec), spec).rejects.toMatchObject({ code: "E_INVALID_NAME" });
  const bytes = pack(
    { name: "one", version: "1.0.0", bin: "a.js" },
    { "a.js": says("by address") },
  );
  there.on("/files/one.tgz", (_request, response) => response.writeHead(200).end(bytes));
  const ran = await run("--allow-remote", `${there.url}/files/one.tgz`);
  expect(ran, ran.output).toMatchObject({ code: 0, stdout: "by address\n" });
});

test("E2: a git repository runs when it is allowed, pinned, without its scripts, and is asked about by its place", async () => {
  const { project, execute, run } = await den();
  const git = (...args: string[]) =>
    mustRun("git", ["-c", "user.name=ann", "-c", "user.email=ann@example.invalid", ...args], {
      cwd: project,
    });
  const scripts = { prepare: "touch ran", postinstall: "touch ran" };
  await writeFile(
    join(project, "package.json"),
    JSON.stringify({ name: "one", version: "1.0.0", bin: "a.js", scripts }),
  );
  await writeFile(join(project, "a.js"), says("by git"));
  await git("init", "-q");
  await git("add", "-A");
  await git("commit", "-qm", "one");
  const place = `git+file://${project}`;
  const ran = await run("--allow-git", place);
  expect(ran, ran.output).toMatchObject({ code: 0, stdout: "by git\n" });
  expect(ran.stderr).toContain("install scripts left out: one@1.0.0");
  // the same name from somewhere else is asked about again, whatever is allowed of registries
  await mustRun("cp", ["-r", project, `${project}2`]);
  const other = execute(`${place}2`, { allowGit: true, allow: ["one"] });
  await expect(other).rejects.toMatchObject({
    code: "E_RUN_UNCONFIRMED",
    message: expect.stringContaining(`${place}2`),
  });
});

test("E2: names from a package steer no terminal", async () => {
  const { there, run } = await den();
  offer(there, one({ "a\u001b[2J": "a.js", "b\u202e": "a.js" }), { "a.js": says("a") });
  const ran = await run("one");
  expect(ran.code).toBe(4);
  // oxlint-disable-next-line no-control-regex -- that is what must not be there
  expect(ran.stderr).not.toMatch(/[\u001b\u202e]/);
});
