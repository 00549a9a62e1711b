import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { citadel, citadelEnv, root } from "../support/citadel.ts";
import { run } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";
import { bin, commands, endless, shell } from "./cli.ts";

const hook = pathToFileURL(join(import.meta.dirname, "fixtures/loaded.js")).href;

async function home(): Promise<string> {
  const folder = await tempFolder("start with space");
  onTestFinished(() => folder.remove());
  return folder.path;
}

const shared = await tempFolder("loaded");
afterAll(() => shared.remove());

/** What one command line loads. */
async function loaded(args: readonly string[]): Promise<{ files: string[]; builtins: string[] }> {
  const list = join(shared.path, `${randomUUID()}.json`);
  const env = citadelEnv(shared.path, { LOADED: list });
  await run(process.execPath, ["--import", hook, bin, ...args], { env });
  return JSON.parse(await readFile(list, "utf8")) as never;
}

const server = ["http", "https", "http2", "cluster"];

test("G3: --version loads one file, no oclif, no driver, no server", async () => {
  const { files, builtins } = await loaded(["--version"]);
  expect(files).toEqual([pathToFileURL(bin).href]);
  expect(builtins.filter((name) => server.includes(name))).toEqual([]);
});

test("G3: --help loads no command", async () => {
  const { files, builtins } = await loaded(["--help"]);
  expect(files.length).toBeLessThanOrEqual(120);
  expect(files.filter((file) => /\/(drivers|plugins)\//.test(file))).toEqual([]);
  expect(builtins.filter((name) => server.includes(name))).toEqual([]);
});

/**
 * Those that check foreign data against schemas load zod, about a hundred files; one packs the folder that it stands in. Those of
 * the vault load jose.
 */
const budgets: ReadonlyMap<string, number> = new Map([
  ["registry:self-publish", 325],
  ["doctor", 340], // it opens whatever there is
  ["local:cleanup", 330], // it looks whether there is a vault
  ["local:list-secrets", 395],
  ["local:export", 425],
  ["local:import", 425],
  // what is published is looked through for secrets: the vault, and rules for the keys of others
  ["registry:publish", 480],
  // keys are made and sealed
  ["secrets:identity", 465],
  ["secrets:init", 465],
  // two stores at once
  ["sync:download", 320],
  ["sync:status", 320],
  ["sync:upload", 320],
]);
/** What Node loads for itself: listen(), with which doctor tries the port, and fetch(), which asks whether a server runs. */
const allowed: ReadonlyMap<string, readonly string[]> = new Map([
  ["doctor", ["cluster"]],
  ["registry:self-publish", ["http", "http2"]],
]);
/** It lives beside the server, of which it needs the console and the sign-in, and no more. */
const ofTerm = /\/serve\/dist\/(?:commands\/term|term\/|console\/|dashboard\/session|live\/hub)/;
describe.concurrent.each(commands.filter(({ id }) => !endless.has(id)).map(({ id }) => id))(
  "%s",
  (id) => {
    const budget = budgets.get(id) ?? (id.startsWith("secrets:") ? 405 : 320);
    test(`G3: loads at most ${budget} files, no server, and no driver but the store's`, async () => {
      const { files, builtins } = await loaded([id, "--json", "--store", "memory:"]);
      expect(files.length).toBeLessThanOrEqual(budget);
      expect(
        files.filter(
          (file) => /\/drivers\/(?!memory\/)|\/plugins\/serve\//.test(file) && !ofTerm.test(file),
        ),
      ).toEqual([]);
      expect(
        files.filter((file) => /node_modules\/(ink|react|hono|@clack|chalk|vitest)\//.test(file)),
      ).toEqual([]);
      expect(builtins.filter((name) => server.includes(name))).toEqual(allowed.get(id) ?? []);
    });
  },
);

test.each([["--version"], ["-v"], ["-V"]])("G3: %s prints name and version", async (flag) => {
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
    version: string;
  };
  const ran = await citadel(await home(), [flag]);
  expect([ran.code, ran.stdout.split(" ")[0]]).toEqual([0, `citadel/${version}`]);
});

test("18: without arguments short help with two examples, exit 0", async () => {
  const ran = await citadel(await home(), []);
  expect([ran.code, ran.stderr]).toEqual([0, ""]);
  expect(ran.stdout.match(/^ {2}\$ citadel \w+.*$/gm)?.length).toBeGreaterThanOrEqual(2);
});

test("18: a topic alone lists its commands, exit 0", async () => {
  const ran = await citadel(await home(), ["plugins", "--help"]);
  expect([ran.code, ran.stdout.includes("plugins:install")]).toEqual([0, true]);
});

test("17, G3: help works before, after and in both forms", async () => {
  const at = await home();
  const forms = [
    ["help", "plugins", "link"],
    ["help", "plugins:link"],
    ["plugins", "link", "-h"],
    ["plugins:link", "--help"],
  ];
  const texts = await Promise.all(forms.map(async (args) => (await citadel(at, args)).stdout));
  expect(texts[0]).toContain("USAGE");
  expect(new Set(texts).size).toBe(1);
});

test.each([
  ["confg", "citadel config"],
  ["plugins:instal", "citadel plugins:install"],
  ["plugins instal x", "citadel plugins:install"],
  ["install", "citadel plugins:install"],
  ["help confg", "citadel config"],
  ["verfiy --help", "citadel verify"],
])("21, 38: `%s` exits 2, proposes %s and runs nothing", async (line, guess) => {
  const ran = await citadel(await home(), line.split(" "));
  expect([ran.code, ran.stdout]).toEqual([2, ""]);
  expect(ran.stderr).toContain(`did you mean ${guess}?`);
});

test("2, 38: an unknown command is an error object with --json", async () => {
  const ran = await citadel(await home(), ["nope", "--json"]);
  expect(ran.code).toBe(2);
  expect(JSON.parse(ran.stdout)).toMatchObject({ error: { code: "E_USAGE", exit: 2 } });
});

test("27: flags of every command may stand before it", async () => {
  const ran = await citadel(await home(), ["--json", "config", "--get", "server.port"]);
  expect(JSON.parse(ran.stdout)).toMatchObject({ key: "server.port", value: 4873 });
});

test("48: works with no HOME, a home that cannot be written, no TERM, 20 columns, another locale", async () => {
  const bare = { HOME: undefined, CITADEL_HOME: undefined };
  const envs: NodeJS.ProcessEnv[] = [
    bare,
    { ...bare, HOME: "/dev/null/nowhere" },
    { COLUMNS: "20", LC_ALL: "tr_TR.UTF-8" },
    { TERM: "" },
  ];
  for (const env of envs) {
    const ran = await citadel(await home(), ["config", "--get", "server.port"], { env });
    expect([ran.code, ran.stdout], JSON.stringify(env)).toEqual([0, "4873\n"]);
  }
});

test("44: a reader that stops reading is silent success", async () => {
  const at = await home();
  const ran = await shell('{ "$0" "$@"; echo "exit $?" >&2; } | head -c 1', at, [
    "commands",
    "--json",
  ]);
  expect(ran.stdout).toBe("{");
  expect(ran.stderr).toBe("exit 0\n");
});

const old = oldNode();
test.skipIf(!old)("F6: an old Node hands over to the one of the installation", async () => {
  const env = citadelEnv(await home());
  const ok = await run(old ?? "", [bin, "config", "--get", "server.port"], { env });
  expect([ok.code, ok.stdout]).toEqual([0, "4873\n"]);
  expect((await run(old ?? "", [bin, "nope"], { env })).code).toBe(2);
});

/** A Node before 22.19 on this machine. */
function oldNode(): string | undefined {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter))
    try {
      const path = join(folder, "node");
      const version = execFileSync(path, ["-p", "process.versions.node"], { encoding: "utf8" });
      const [major = 0, minor = 0] = version.split(".").map(Number);
      if (major < 22 || (major === 22 && minor < 19)) return path;
    } catch {
      // no node here
    }
  return undefined;
}
