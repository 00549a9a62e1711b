// B8: Citadel publishes itself, is installed from itself, and runs.
import { readFile, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { citadel, citadelEnv, serve } from "../support/citadel.ts";
import { request } from "../support/http.ts";
import { run } from "../support/run.ts";
import { tempFolder, type Temp } from "../support/temp.ts";

let temp: Temp;
beforeAll(async () => {
  temp = await tempFolder("self publish");
});
afterAll(() => temp?.remove());

const command = "registry:self-publish";

async function freePort(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return String(port);
}

test("B8, A12, D6, E1, E2: published, installed from there into an empty folder, and all of it works", async () => {
  const home = join(temp.path, "home");
  const into = join(temp.path, "into");
  const { NODE_EXTRA_CA_CERTS, npm_config_cache } = process.env;
  const env = {
    ...(NODE_EXTRA_CA_CERTS && { NODE_EXTRA_CA_CERTS }),
    npm_config_cache: npm_config_cache ?? join(homedir(), ".npm"),
    CITADEL_SERVER_PORT: await freePort(),
  };
  const ran = await citadel(home, [command, "--start", "--no-build", "--into", into, "--json"], {
    env,
    timeout: 120_000,
  });
  expect(ran.code, ran.output).toBe(0);
  const { items, verified, version } = JSON.parse(ran.stdout);
  expect(new Set(items.map(({ state }: { state: string }) => state))).toEqual(new Set(["new"]));
  expect(items.length).toBeGreaterThanOrEqual(19);
  expect(verified.says).toMatch(new RegExp(`^citadel/${version} `));

  // the library, by the name that users install
  const program = `
    import { BunXIntegration, LocalRegistry, RegistrySecretsManager, VersionManager } from "citadel";
    import { generateApiKey, getConfig, setByte, toggleFeature, verifyApiKey } from "citadel";
    const home = process.argv[2];
    await using registry = await LocalRegistry.open({ home });
    await registry.publishPackage("one", "1.0.0", "demo", "1");
    const found = await registry.resolvePackage("demo", "one", "^1.0.0");
    await setByte("rows", 30, { home });
    await toggleFeature("DEBUG", true, { home });
    const { rows, features } = await getConfig({ home });
    const refused = await generateApiKey("x", ["read"], { home }).catch(({ code }) => code);
    console.log(JSON.stringify({
      content: Buffer.from(await found.content()).toString(), rows, debug: features.DEBUG, refused,
      none: await verifyApiKey("no key", { home }) ?? null,
      next: VersionManager.compareVersions("1.0.0", "1.1.0"),
      functions: [typeof BunXIntegration.execute, typeof RegistrySecretsManager.open],
    }));`;
  await writeFile(join(into, "program.mjs"), program);
  const lib = join(temp.path, "library");
  const said = await run(process.execPath, ["program.mjs", lib], {
    cwd: into,
    env: citadelEnv(lib),
  });
  expect(said.code, said.output).toBe(0);
  expect(JSON.parse(said.stdout)).toMatchObject({
    ...{ content: "1", rows: 30, debug: true, refused: "E_USER_NOT_FOUND", none: null },
    functions: ["function", "function"],
  });

  // what the commands read from their packages is in them
  const bin = join(into, "node_modules/citadel/bin/citadel.js");
  const installed = (...args: string[]) =>
    run(process.execPath, [bin, ...args], { cwd: into, env: citadelEnv(lib) });
  const template = await installed("template", "docker", "--json");
  expect([template.code, template.stdout.includes("Dockerfile")], template.output).toEqual([0, true]); // prettier-ignore
  const listed = JSON.parse((await installed("commands", "--json")).stdout);
  const here = JSON.parse((await citadel(home, ["commands", "--json"])).stdout);
  const ids = ({ items: all }: { items: { id: string }[] }) => all.map(({ id }) => id);
  expect(ids(listed)).toEqual(ids(here));
  await using server = await running(lib, bin);
  for (const page of ["_dashboard", "_dashboard/terminal"])
    expect((await request(`${server.url}/${page}`)).status, page).toBe(200);
}, 150_000);

test("B8: --check says what would be published; other content under a version is refused, and nothing is published", async () => {
  const home = join(temp.path, "other");
  const file = join(temp.path, "x.js");
  await writeFile(file, "1");
  expect((await citadel(home, ["local:publish", "plugin-rss", "0.1.0", "citadel", "-f", file])).code).toBe(0); // prettier-ignore
  const state = async () => {
    const ran = await citadel(home, [command, "--check", "--json"]);
    expect(ran.code, ran.output).toBe(0);
    const { items } = JSON.parse(ran.stdout) as { items: { name: string; state: string }[] };
    return items.filter((item) => item.state !== "new").map((item) => [item.name, item.state]);
  };
  expect(await state()).toEqual([["@citadel/plugin-rss", "other"]]);
  await using server = await running(home);
  const env = { CITADEL_SERVER_PORT: new URL(server.url).port };
  const ran = await citadel(home, [command, "--no-build"], { env });
  expect([ran.code, ran.stderr.includes("@citadel/plugin-rss@0.1.0")], ran.output).toEqual([5, true]); // prettier-ignore
  expect((await request(`${server.url}/citadel`)).status).toBe(404);
}, 60_000);

test("B8: no registry, a folder that holds something, and no way to do two parts at once", async () => {
  const home = join(temp.path, "none");
  const env = { CITADEL_SERVER_PORT: await freePort() };
  const ran = await citadel(home, [command, "--verify-only"], { env });
  expect([ran.code, ran.stderr.includes("--start")]).toEqual([7, true]);
  expect((await citadel(home, [command, "--build-only", "--check"])).code).toBe(2);
  await using server = await running(home);
  const port = { CITADEL_SERVER_PORT: new URL(server.url).port };
  const full = await citadel(home, [command, "--verify-only", "--into", temp.path], { env: port });
  expect([full.code, full.stderr.includes("is not empty")]).toEqual([2, true]);
  const away = await citadel(home, [command, "--verify-only"], { env: port });
  expect([away.code, away.stderr.includes("E_PREPARE")], away.output).toEqual([1, true]);
  expect(await readFile(join(home, "config/.npmrc")).catch(() => undefined)).toBeUndefined();
}, 60_000);

async function running(home: string, bin?: string) {
  const server = await serve({ home, ...(bin !== undefined && { bin }) });
  return { url: server.url, [Symbol.asyncDispose]: () => server.stop() };
}
