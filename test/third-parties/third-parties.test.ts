import { cp, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { citadel, root, serve } from "../support/citadel.ts";
import { publish, signIn } from "../support/packages.ts";
import { tempFolder } from "../support/temp.ts";

/** A third party's folder outside of the repository, with what `npm install` would have put into it. */
async function thirdParty(name: string, folder: string): Promise<string> {
  const at = join(folder, name);
  await cp(join(import.meta.dirname, "fixtures", name), at, { recursive: true });
  for (const [dependency, source] of [
    ["@citadel/core", "src"],
    ["@oclif/core", "node_modules/@oclif/core"],
  ] as const) {
    await mkdir(join(at, "node_modules", dependency, ".."), { recursive: true });
    await symlink(join(root, source), join(at, "node_modules", dependency));
  }
  return at;
}

async function linked(): Promise<{ folder: string; home: string }> {
  const folder = await tempFolder("third-parties");
  onTestFinished(() => folder.remove());
  const home = join(folder.path, "home");
  for (const name of ["driver-notebook", "plugin-count"]) {
    const at = await thirdParty(name, folder.path);
    const ran = await citadel(home, ["plugins:link", "--no-install", at]);
    expect(ran.code, ran.output).toBe(0);
  }
  return { folder: folder.path, home };
}

test("G2: an unknown scheme is refused with the ones there are", async () => {
  const home = await tempFolder("unknown-scheme");
  onTestFinished(() => home.remove());
  const env = { CITADEL_STORE: "notebook:///tmp/store.ndjson" };
  const ran = await citadel(home.path, ["local:list-packages", "--json"], { env });
  expect(ran.code).toBe(2);
  const { error } = JSON.parse(ran.stdout) as { error: { code: string; message: string } };
  expect(error.code).toBe("E_CONFIG");
  expect(error.message).toContain("notebook");
});

test("G1: a linked plugin's command works on the core's store; G2: through a linked driver, by its URL", async () => {
  const { folder, home } = await linked();
  const file = join(folder, "store.ndjson");
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
  const lines = (await readFile(file, "utf8")).trim().split("\n");
  const keys = lines.map((line) => (JSON.parse(line) as { key: string }).key);
  expect(keys).toContain("d/package/@demo%2Fhello");
  expect(keys.filter((key) => key.startsWith("b/sha512/"))).toHaveLength(1);
});

test("G2: a server publishes through a linked driver", async () => {
  const { folder, home } = await linked();
  const env = { CITADEL_STORE: `notebook://${join(folder, "served.ndjson")}` };
  const server = await serve({ home, env });
  onTestFinished(() => server.stop());
  const token = await signIn(server.url, "ada");
  await publish(server.url, token, { name: "third", version: "1.0.0" });
  await server.stop();
  const counted = await citadel(home, ["count:packages", "--json"], { env });
  expect(JSON.parse(counted.stdout)).toEqual({ packages: 1, versions: 1 });
});
