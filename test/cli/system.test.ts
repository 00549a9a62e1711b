import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { citadel } from "../support/citadel.ts";
import { tempFolder } from "../support/temp.ts";
import { onTerminal } from "./cli.ts";

async function home(): Promise<string> {
  const folder = await tempFolder("system");
  onTestFinished(() => folder.remove());
  return folder.path;
}

/** All files below a folder that hold the text. */
async function filesWith(folder: string, text: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((one) => join(one.parentPath, one.name));
  const found = await Promise.all(
    paths.map(async (path) => ((await readFile(path)).includes(text) ? [path] : [])),
  );
  return found.flat();
}

test("A13: config shows every value with its origin, secrets masked", async () => {
  const at = await home();
  await writeFile(join(at, "citadel.json5"), "{ limits: { tarball: '5MB' } }");
  const env = { REGISTRY_PORT: "5000", REDIS_URL: "redis://u:hunter2@h" };
  const ran = await citadel(at, ["config"], { cwd: at, env });
  const rows = new Map(
    ran.stdout.split("\n").map((line) => {
      const [key = "", ...rest] = line.split("\t");
      return [key, rest];
    }),
  );
  expect(rows.get("server.port")).toEqual(["5000", "REGISTRY_PORT"]);
  expect(rows.get("redis.url")).toEqual(["redis://u:***@h", "REDIS_URL"]);
  expect(rows.get("limits.tarball")?.[1]).toMatch(/citadel\.json5:1 \(project file\)$/);
  expect(rows.get("server.signup")).toEqual(["auto", "default"]);
  const json = await citadel(at, ["config", "--json"], { cwd: at, env });
  expect(ran.output + json.output).not.toContain("hunter2");
  expect(JSON.parse(json.stdout)).toMatchObject({
    items: expect.arrayContaining([expect.objectContaining({ key: "limits.tarball", value: 5e6 })]),
    files: [join(at, "citadel.json5")],
  });
});

test("6: config on a terminal is a table that fits it", async () => {
  const { stdout } = await onTerminal(await home(), ["config", "--no-color"]);
  expect(stdout).toMatch(/^SETTING +VALUE +FROM$/m);
  for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
});

test("A13: config --get prints the value alone; an unknown one gets the nearest", async () => {
  const at = await home();
  const ran = await citadel(at, ["config", "--get", "server.port"], {
    env: { CITADEL_PORT: "81" },
  });
  expect([ran.code, ran.stdout, ran.stderr]).toEqual([0, "81\n", "from CITADEL_PORT\n"]);
  const wrong = await citadel(at, ["config", "--get", "server.prot"]);
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain("did you mean server.port?");
});

test("A13: a broken configuration stops a command before it does anything, with exit code 2", async () => {
  const at = await home();
  const env = { S3_BUCKET: "a", R2_REGISTRY_BUCKET: "b", R2_ACCOUNT_ID: "c" };
  const ran = await citadel(at, ["verify", "--json"], { env });
  expect(ran.code).toBe(2);
  expect(JSON.parse(ran.stdout)).toMatchObject({ error: { code: "E_CONFIG" } });
  expect(ran.stdout).toMatch(/S3_BUCKET and R2_REGISTRY_BUCKET disagree/);
});

test("A13, G2: a store that no driver knows is a configuration error naming the scheme", async () => {
  const ran = await citadel(await home(), ["verify", "--store", "gopher://x", "--json"]);
  expect(ran.code).toBe(2);
  expect(JSON.parse(ran.stdout)).toMatchObject({ error: { code: "E_CONFIG" } });
  expect(ran.stdout).toContain("gopher");
});

test("verify: a sound store exits 0, a damaged one lists the damage and exits 6", async () => {
  const at = await home();
  const store = `file:${join(at, "store")}`;
  const file = join(at, "hello.js");
  await writeFile(file, "export default 'hello'\n");
  const env = { CITADEL_STORE: store, CITADEL_STORE_COMPRESSION: "none" };
  const published = await citadel(at, ["local:publish", "hello", "1.0.0", "demo", "-f", file], {
    env,
  });
  expect(published.code, published.output).toBe(0);

  const sound = await citadel(at, ["verify", "--json"], { env });
  expect(sound.code, sound.output).toBe(0);
  expect(JSON.parse(sound.stdout)).toMatchObject({
    items: [],
    checked: { documents: 3, blobs: 1 },
  });

  const holding = await filesWith(join(at, "store"), "hello");
  const manifest = holding.find((path) => path.includes("/m/sha256/")) ?? "";
  await writeFile(manifest, (await readFile(manifest, "utf8")).replace("hello", "hallo"));
  const damaged = await citadel(at, ["verify", "--json"], { env });
  expect(damaged.code, damaged.output).toBe(6);
  const { items } = JSON.parse(damaged.stdout) as { items: { key: string; problem: string }[] };
  expect(items).toEqual([expect.objectContaining({ key: expect.stringMatching(/^m\/sha256\//) })]);

  const told = await citadel(at, ["verify"], { env });
  expect([told.code, told.stdout.split("\t").length]).toEqual([6, 3]);
  expect(told.stderr).toContain("1 damaged");
});

test("23: commands --json lists every command, its flags, the exit codes and the variables", async () => {
  const { stdout } = await citadel(await home(), ["commands", "--json"]);
  const { items, exitCodes, variables } = JSON.parse(stdout) as {
    variables: Record<string, string[]>;
    items: { id: string; flags: { name: string }[] }[];
    exitCodes: Record<string, string[]>;
  };
  const config = items.find(({ id }) => id === "config");
  expect(config?.flags.map(({ name }) => name)).toEqual(expect.arrayContaining(["get", "json"]));
  expect(exitCodes["5"]).toContain("E_VERSION_EXISTS");
  expect(variables["server.port"]).toContain("REGISTRY_PORT");
});
