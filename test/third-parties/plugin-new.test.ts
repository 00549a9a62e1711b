import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { citadel, root, serve } from "../support/citadel.ts";
import { signIn } from "../support/packages.ts";
import { mustRun, run } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";

async function place(): Promise<string> {
  const folder = await tempFolder("plugin-new");
  onTestFinished(() => folder.remove());
  return folder.path;
}

/** What `npm install` would put into the folder of a new plugin. */
async function install(at: string): Promise<void> {
  const links: Record<string, string> = { "@citadel/core": "src", "@citadel/driver-memory": "drivers/memory" }; // prettier-ignore
  for (const name of ["@oclif/core", "@types/node", "typescript", ".bin/tsc"])
    links[name] = `node_modules/${name}`;
  for (const [name, source] of Object.entries(links)) {
    const path = join(at, "node_modules", name);
    await mkdir(dirname(path), { recursive: true });
    await symlink(join(root, source), path);
  }
}

const npm = (args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}) =>
  mustRun("npm", args, { cwd, env: { ...process.env, ...env }, timeout: 240_000 });

test("G1: what plugin:new writes builds, passes its tests and loads at once, with a setting, the registry and any driver", async () => {
  const home = await place();
  const at = join(home, "plugin");
  const made = await citadel(home, ["plugin:new", "tally", "--output", at]);
  expect(made.code, made.output).toBe(0);
  await install(at);
  // the Node of the workspace, as npm scripts find it
  const PATH = `${dirname(process.execPath)}:${process.env["PATH"]}`;
  const tested = await npm(["test"], at, { PATH });
  expect(tested.output).toMatch(/pass 2/);
  const linked = await citadel(home, ["plugins:link", "--no-install", at]);
  expect(linked.code, linked.output).toBe(0);

  await writeFile(join(home, "a.js"), "export default 1;\n");
  for (const [name, scope] of [
    ["one", "demo"],
    ["two", "demo"],
    ["one", "other"],
  ] as const)
    await citadel(home, ["local:publish", name, "1.0.0", scope, "-f", join(home, "a.js")]);
  const counted = await citadel(home, ["tally", "count", "--json"], { cwd: home });
  expect(JSON.parse(counted.stdout)).toEqual({
    packages: 3,
    items: [
      { scope: "@demo", packages: 2, versions: 2 },
      { scope: "@other", packages: 1, versions: 1 },
    ],
  });
  await writeFile(join(home, "citadel.json5"), "{ plugins: { tally: { least: 2 } } }");
  const fewer = await citadel(home, ["tally:count"], { cwd: home });
  expect([fewer.stdout, fewer.stderr]).toEqual(["@demo\t2\t2\n", ""]);
  const env = { CITADEL_PLUGINS_TALLY_LEAST: "1" };
  expect((await citadel(home, ["tally:count"], { cwd: home, env })).stdout.split("\n")).toHaveLength(3); // prettier-ignore
  await writeFile(join(home, "citadel.json5"), '{\n  plugins: { tally: { least: "few" } } }');
  const wrong = await citadel(home, ["tally:count"], { cwd: home });
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toMatch(/citadel\.json5:2 .*plugins\.tally\.least is "few"/);
  await writeFile(join(home, "citadel.json5"), "{}");

  const saved = await citadel(home, ["tally:save", `file:${join(home, "reports")}`], { cwd: home });
  expect(saved.code, saved.output).toBe(0);
  const files = await readdir(join(home, "reports"), { recursive: true });
  expect(files.some((file) => file.includes("tally"))).toBe(true);
  const help = await citadel(home, ["help", "tally"]);
  expect(help.stdout).toContain("tally:count");
});

test("G1: plugin:new overwrites nothing and takes no word that is taken", async () => {
  const home = await place();
  await writeFile(join(home, "mine.txt"), "mine");
  const make = (...args: string[]) => citadel(home, ["plugin:new", ...args]);
  expect((await make("tally", "-o", home)).code).toBe(5);
  expect((await make("local", "-o", join(home, "x"))).code).toBe(5);
  expect((await make("../x", "-o", join(home, "x"))).code).toBe(2);
  expect((await make("tally", "-o", join(home, "x"), "-n")).stdout).toContain("count.ts");
  expect(await readdir(home)).not.toContain("x");
  expect(await readFile(join(home, "mine.txt"), "utf8")).toBe("mine");
});

test("G1: a third party's plugin is published to a Citadel and installed from it with plugins install", async () => {
  const home = await place();
  const upstream = (await mustRun("npm", ["config", "get", "registry"])).stdout.trim();
  // the registry may have a certificate of an authority of this machine
  const { NODE_EXTRA_CA_CERTS } = process.env;
  const env = {
    CITADEL_UPSTREAM: upstream,
    CITADEL_UPSTREAM_PRIVATE: "@citadel/*,citadel-plugin-*",
    ...(NODE_EXTRA_CA_CERTS && { NODE_EXTRA_CA_CERTS }),
  };
  const server = await serve({ home: join(home, "server"), env });
  onTestFinished(() => server.stop());
  const token = await signIn(server.url, "ada");
  const npmrc = join(home, "npmrc");
  await writeFile(npmrc, `registry=${server.url}/\n${server.url.replace("http:", "")}/:_authToken=${token}\n`); // prettier-ignore
  const at = join(home, "plugin");
  expect((await citadel(home, ["plugin:new", "tally", "-o", at])).code).toBe(0);
  await install(at);
  const PATH = `${dirname(process.execPath)}:${process.env["PATH"]}`;
  const publishing = ["publish", "--userconfig", npmrc, "--ignore-scripts"];
  await npm(["run", "build"], at, { PATH });
  await npm(publishing, at);
  await npm(publishing, join(root, "src"));

  const user = join(home, "user");
  const ran = await citadel(user, ["plugins:install", "citadel-plugin-tally"], {
    env: { CITADEL_NPM_REGISTRY: `${server.url}/`, PATH },
    timeout: 240_000,
  });
  expect(ran.code, ran.output).toBe(0);
  await run("rm", ["-rf", at]);
  const counted = await citadel(user, ["tally:count", "--json"]);
  expect(JSON.parse(counted.stdout), counted.output).toEqual({ packages: 0, items: [] });
  const listed = await citadel(user, ["plugins"]);
  expect(listed.stdout).toContain("citadel-plugin-tally");
}, 240_000);
