import { cp, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { citadel, root, serve } from "../support/citadel.ts";
import { publish, signIn } from "../support/packages.ts";
import { run } from "../support/run.ts";
import { tempFolder } from "../support/temp.ts";

/** Puts what `npm install` would have into a third party's folder outside of the repository. */
async function install(at: string): Promise<void> {
  for (const [dependency, source] of [
    ["@citadel/core", "src"],
    ["@oclif/core", "node_modules/@oclif/core"],
  ] as const) {
    await mkdir(join(at, "node_modules", dependency, ".."), { recursive: true });
    await symlink(join(root, source), join(at, "node_modules", dependency));
  }
}

async function linked(): Promise<{ folder: string; home: string }> {
  const folder = await tempFolder("third-parties");
  onTestFinished(() => folder.remove());
  const home = join(folder.path, "home");
  const plugin = join(folder.path, "plugin-count");
  await cp(join(import.meta.dirname, "fixtures/plugin-count"), plugin, { recursive: true });
  const driver = join(folder.path, "driver-notebook");
  const made = await citadel(home, ["driver:new", "notebook", "--output", driver]);
  expect(made.code, made.output).toBe(0);
  for (const at of [plugin, driver]) {
    await install(at);
    const ran = await citadel(home, ["plugins:link", "--no-install", at]);
    expect(ran.code, ran.output).toBe(0);
  }
  return { folder: folder.path, home };
}

test("G2: an unknown scheme is refused with the ones there are", async () => {
  const home = await tempFolder("unknown-scheme");
  onTestFinished(() => home.remove());
  const env = { CITADEL_STORE: "notebook:///tmp/store.log" };
  const ran = await citadel(home.path, ["local:list-packages", "--json"], { env });
  expect(ran.code).toBe(2);
  const { error } = JSON.parse(ran.stdout) as { error: { code: string; message: string } };
  expect(error.code).toBe("E_CONFIG");
  expect(error.message).toContain("notebook");
});

test("G1: a linked plugin's command works on the core's store; G2: through a linked driver, by its URL", async () => {
  const { folder, home } = await linked();
  const file = join(folder, "store.log");
  const env = { CITADEL_STORE: `notebook://${file}` };
  await writeFile(join(folder, "hello.js"), "export default 'hello';\n");

  const made = await citadel(
    home,
    ["local:publish", "hello", "1.0.0", "demo", "-f", join(folder, "hello.js")],
    { env },
  );
  expect(made.code, made.output).toBe(0);
  const counted = await citadel(home, ["count:packages", "--json"], { env });
  expect(JSON.parse(counted.stdout)).toEqual({ packages: 1, versions: 1 });
  const spaced = await citadel(home, ["count", "packages"], { env });
  expect(spaced.stdout).toBe("1 packages, 1 versions\n");
  const lines = (await readFile(file, "utf8")).split("\n").filter(Boolean);
  const keys = lines.map((line) => (JSON.parse(line) as { key: string }).key);
  expect(keys).toContain("d/package/@demo%2Fhello");
  expect(keys.filter((key) => key.startsWith("b/sha512/"))).toHaveLength(1);
});

test("G2: a server publishes through a linked driver", async () => {
  const { folder, home } = await linked();
  const env = { CITADEL_STORE: `notebook://${join(folder, "served.log")}` };
  const server = await serve({ home, env });
  onTestFinished(() => server.stop());
  const token = await signIn(server.url, "ada");
  await publish(server.url, token, { name: "third", version: "1.0.0" });
  await server.stop();
  const counted = await citadel(home, ["count:packages", "--json"], { env });
  expect(JSON.parse(counted.stdout)).toEqual({ packages: 1, versions: 1 });
});

test("G2: a driver of driver:new passes the conformance suite as it is, and is listed as linked", async () => {
  const { folder, home } = await linked();
  const ran = await run(process.execPath, ["--test"], { cwd: join(folder, "driver-notebook") });
  expect(ran.code, ran.output).toBe(0);
  expect(ran.stdout).toMatch(/^# pass [5-9]\d$|^ℹ pass [5-9]\d$/m);
  expect(ran.stdout).toMatch(/ttl: none/);
  const listed = await citadel(home, ["driver:list", "--json"]);
  expect((JSON.parse(listed.stdout) as { items: object[] }).items).toContainEqual({
    scheme: "notebook",
    package: "citadel-driver-notebook",
    version: "0.1.0",
    from: "linked",
    module: expect.stringContaining("src/index.js"),
    used: true,
  });
});

test("G2: driver:new overwrites nothing and takes no name that is taken", async () => {
  const folder = await tempFolder("driver-new");
  onTestFinished(() => folder.remove());
  const at = join(folder.path, "full");
  await mkdir(at);
  await writeFile(join(at, "mine.txt"), "mine");
  const make = (...args: string[]) => citadel(folder.path, ["driver:new", ...args]);
  expect((await make("notebook", "-o", at)).code).toBe(5);
  expect((await make("redis", "-o", join(folder.path, "x"))).code).toBe(5);
  expect((await make("../x", "-o", join(folder.path, "x"))).code).toBe(2);
  const dry = await make("notebook", "-o", join(folder.path, "x"), "-n");
  expect(dry.stdout).toContain("conformance.test.js");
  expect(await readdir(folder.path)).not.toContain("x");
  expect(await readdir(at)).toEqual(["mine.txt"]);
});
