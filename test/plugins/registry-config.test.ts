// E6: a settings file begun, changed and filled from another one; its comments stay.
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { oneProcess } from "../support/one-process.ts";
import { tempFolder, type Temp } from "../support/temp.ts";

const { citadel } = oneProcess();

let home: Temp;
beforeAll(async () => {
  home = await tempFolder("settings");
});
afterAll(() => home?.remove());

const at = (file: string) => join(home.path, file);
const text = (file: string) => readFile(at(file), "utf8");
const config = async (verb: string, words: readonly string[], env: NodeJS.ProcessEnv = {}) => {
  const ran = await citadel(home.path, [`registry:config:${verb}`, ...words, "--json"], {
    cwd: home.path,
    env,
  });
  return { code: ran.code, json: JSON.parse(ran.stdout), said: ran.stdout + ran.stderr };
};
const setting = async (key: string, env: NodeJS.ProcessEnv = {}) =>
  (
    await citadel(home.path, ["registry:config", "--get", key], { cwd: home.path, env })
  ).stdout.trim();

test("E6: a new file explains every setting and changes none", async () => {
  const before = await citadel(home.path, ["config", "--json"], { cwd: home.path });
  const made = await config("init", ["--project"]);
  expect(made).toMatchObject({ code: 0, json: { path: at("citadel.json5") } });
  expect((await stat(at("citadel.json5"))).mode & 0o777).toBe(0o600);
  const after = await citadel(home.path, ["config", "--json"], { cwd: home.path });
  expect(JSON.parse(after.stdout).items).toEqual(JSON.parse(before.stdout).items);
  // each line that only names a value can be taken out of its comment
  const open = (await text("citadel.json5")).replaceAll(/^( +)\/\/(?=\w+: .*,$)/gm, "$1");
  await writeFile(at("open.json5"), open.replaceAll(/^ +\w+: "\.\.\.",$/gm, ""));
  const loaded = await config("load", ["open.json5", "--file", "all.json5"]);
  expect(loaded.json.items.length).toBeGreaterThan(20);
  expect(await config("init", ["--project"])).toMatchObject({
    code: 5,
    json: { error: { code: "E_CONFLICT" } },
  });
});

test("E6: settings are changed where they stand, and every comment stays", async () => {
  const mine = `// mine
{
  /* the server */ server: {
    port: 4873, // usual
    'host': ['127.0.0.1'], // only here
  },
  "limits.files": 0x10, // hexadecimal
  store: { compression: "none" /* tarballs are small */ },
}
// the end
`;
  await writeFile(at("mine.json5"), mine);
  const words = ["server.port=5000", 'server.hosts=["npm.example.com"]', "limits.files=20"];
  const refused = await config("save", [...words, "--file", "mine.json5"]);
  expect(refused).toMatchObject({ code: 2, json: { error: { hint: ["pass --yes"] } } });
  expect(await text("mine.json5")).toBe(mine);
  const saved = await config("save", [...words, "store=memory:", "--file", "mine.json5", "--yes"]);
  expect(saved.json.items).toEqual([
    { key: "server.port", before: 4873, after: 5000 },
    { key: "server.hosts", before: null, after: ["npm.example.com"] },
    { key: "limits.files", before: 16, after: 20 },
    { key: "store", before: null, after: "memory:" },
  ]);
  const now = await text("mine.json5");
  for (const comment of mine.match(/\/\/.*|\/\*.*?\*\//g) ?? []) expect(now).toContain(comment);
  expect(now).toContain("port: 5000, // usual");
  const again = await config("save", [...words, "--file", "mine.json5", "--yes"]);
  expect(again.json.items).toEqual([]);
  expect(await text("mine.json5")).toBe(now);
});

test("E6: what counts now is written down and counts without its source; passwords are not shown", async () => {
  const env = {
    REDIS_URL: "redis://u:hunter2@localhost:6379",
    CITADEL_LIMITS_TARBALL: "20MB",
    CITADEL_UPSTREAM: "http://localhost:4874/",
  };
  const keys = ["redis.url", "limits.tarball", "upstream.registries", "cache.tiers"];
  const before = await Promise.all(keys.map((key) => setting(key, env)));
  const saved = await config("save", [], env);
  expect(saved.code, saved.said).toBe(0);
  expect(saved.said).not.toContain("hunter2");
  const user = join(home.path, "config/citadel.json5");
  expect(await readFile(user, "utf8")).toContain("hunter2");
  expect((await stat(user)).mode & 0o777).toBe(0o600);
  expect(await Promise.all(keys.map((key) => setting(key)))).toEqual(before);
});

test("E6: settings of another file, checked as a whole first", async () => {
  await writeFile(
    at("team.json5"),
    `{ server: { port: 6000 }, store: "sqlite:./team.db" } // team`,
  );
  const loaded = await config("load", ["team.json5", "--file", "mine.json5", "--yes"]);
  expect(loaded.code, loaded.said).toBe(0);
  expect(await text("mine.json5")).toContain("port: 6000, // usual");
  const before = await text("mine.json5");
  await writeFile(at("bad.json5"), `{ server: { port: 6001, workers: "many" } }`);
  expect(await config("load", ["bad.json5", "--file", "mine.json5", "--yes"])).toMatchObject({
    code: 2,
    json: { error: { code: "E_CONFIG", message: expect.stringContaining("server.workers") } },
  });
  expect(await text("mine.json5")).toBe(before);
});

test.each([
  [["save", "sever.port=1"], "E_USAGE", /sever\.port/],
  [["save", "server.port"], "E_USAGE", /setting=value/],
  [["save", "server.port=70000"], "E_CONFIG", /server\.port/],
  [["load", "nowhere.json5"], "E_USAGE", /does not exist/],
  [["save", "server.port=1", "--file", "half.json5"], "E_CONFIG", /half\.json5:1/],
])("E6: refuses %j", async ([verb = "", ...words], code, message) => {
  await writeFile(at("half.json5"), "{ server: ");
  const { json } = await config(verb, [...words, "--yes"]);
  expect(json.error).toMatchObject({ code, message: expect.stringMatching(message) });
});
