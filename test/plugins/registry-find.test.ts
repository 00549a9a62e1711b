// E6: search, list and stats, of the store of this machine and of a registry over HTTP.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serve, type Server } from "../support/citadel.ts";
import { oneProcess } from "../support/one-process.ts";
import { request } from "../support/http.ts";
import { signIn } from "../support/packages.ts";
import { tempFolder, type Temp } from "../support/temp.ts";

const { citadel } = oneProcess();

let home: Temp;
let away: Temp;
let server: Server;

beforeAll(async () => {
  [home, away] = await Promise.all([tempFolder("find"), tempFolder("find-away")]);
  await writeFile(join(home.path, "h.js"), "x");
  const metadata = (name: string) => join(home.path, `${name}.json`);
  for (const [name, description] of [
    ["button", "press it"],
    ["badge", "shows a number"],
    ["hidden", "for a few"],
  ]) {
    await writeFile(metadata(name ?? ""), JSON.stringify({ description, keywords: ["ui"] }));
    const words = ["local:publish", name ?? "", "1.0.0", "acme", "-f", "h.js"];
    const ran = await citadel(home.path, [...words, "-m", metadata(name ?? "")], {
      cwd: home.path,
    });
    expect(ran.code, ran.output).toBe(0);
  }
  const restricted = ["registry:access:set", "@acme/hidden", "--read", "$authenticated"];
  expect((await citadel(home.path, restricted)).code).toBe(0);
  server = await serve({ home: home.path });
}, 60_000);
afterAll(async () => {
  await server?.stop();
  await Promise.all([home?.remove(), away?.remove()]);
});

const ask = async (verb: string, ...words: readonly string[]) => {
  // the other side has nothing of its own
  const from = words.includes("--registry") ? away.path : home.path;
  const ran = await citadel(from, [`registry:${verb}`, ...words, "--json"]);
  return { code: ran.code, json: JSON.parse(ran.stdout) };
};
const names = ({ json }: { json: { items: { name: string }[] } }) =>
  json.items.map(({ name }) => name);
const there = () => ["--registry", server.url];

test("E6: registry:start is serve", async () => {
  const ran = await citadel(home.path, ["registry:start", "--port", new URL(server.url).port]);
  expect(ran.code).toBe(5);
  expect(ran.stderr).toContain("E_PORT_IN_USE");
});

test("E6: search here and there finds the same, but for what may not be read", async () => {
  for (const words of [["button"], ["keywords:ui", "press"], ["@acme/button"]]) {
    expect(names(await ask("search", ...words))).toEqual(["@acme/button"]);
    expect(names(await ask("search", ...words, ...there()))).toEqual(["@acme/button"]);
  }
  const page = await ask("search", "keywords:ui", "--limit", "1", "--from", "1");
  expect(page.json).toMatchObject({ total: 3, items: [{ version: "1.0.0", publisher: "local" }] });
  expect(names(await ask("search", "hidden"))).toEqual(["@acme/hidden"]);
  expect(names(await ask("search", "hidden", ...there()))).toEqual([]);
});

test("E6: list by name and scope", async () => {
  const all = ["@acme/badge", "@acme/button", "@acme/hidden"];
  expect(names(await ask("list"))).toEqual(all);
  expect(names(await ask("list", "--scope", "@acme", "--limit", "2"))).toEqual(all.slice(0, 2));
  expect(names(await ask("list", "--scope", "other"))).toEqual([]);
  expect(names(await ask("list", ...there()))).toEqual(all.slice(0, 2));
  const piped = await citadel(home.path, ["registry:list", "-s", "acme"]);
  expect(piped.stdout).toMatch(/^@acme\/badge\t1\.0\.0\t\S+Z\tlocal\tshows a number$/m);
});

test("E6: stats count packages and what was fetched; --watch goes on until it is stopped", async () => {
  for (let n = 0; n < 3; n++) {
    const got = await request(`${server.url}/@acme/button/-/button-1.0.0.tgz`);
    expect(got.status).toBe(200);
  }
  await server.stop(); // writes its counts
  const here = await ask("stats");
  expect(here.json).toMatchObject({
    ...{ packages: 3, versions: 3, users: 0 },
    downloads: { day: 3, week: 3, month: 3 },
    top: [{ name: "@acme/button", downloads: 3 }],
    scopes: [{ scope: "acme", packages: 3 }],
  });
  server = await serve({ home: home.path });
  const other = await ask("stats", ...there());
  expect(other.json).toMatchObject({ packages: 2, versions: null, downloads: { week: 3 } });
  const lines: string[] = [];
  const words = ["registry:stats", "--json", "--watch", "--every", "1"];
  const watching = citadel(home.path, words, { timeout: 5000 });
  lines.push(...(await watching).stdout.trim().split("\n"));
  expect(lines.length).toBeGreaterThan(1);
  for (const line of lines) expect(JSON.parse(line)).toMatchObject({ packages: 3 });
});

test("F4: single downloads, here and for an owner there, newest first and in pages", async () => {
  const agents = ["one/1", "two/2", "three/3"];
  for (const agent of agents)
    await request(`${server.url}/@acme/badge/-/badge-1.0.0.tgz`, {
      headers: { "user-agent": agent },
    });
  const token = await signIn(server.url, "olga");
  expect((await citadel(home.path, ["registry:user:admin", "olga"])).code).toBe(0);
  await writeFile(join(away.path, "token"), token);
  const asOlga = [...there(), "--token-file", join(away.path, "token")];
  const remote = await ask("downloads", "@acme/badge", ...asOlga);
  const agentsOf = ({ json }: { json: { items: { agent: string }[] } }) => json.items.map(({ agent }) => agent); // prettier-ignore
  expect(agentsOf(remote)).toEqual(agents.toReversed());
  expect(remote.json.items[0]).toEqual({
    ...{ at: expect.stringMatching(/Z$/), version: "1.0.0", agent: "three/3" },
    client: expect.stringMatching(/^[\w-]{22}$/),
  });
  const denied = await ask("downloads", "@acme/badge", ...there());
  expect(denied.json.error.message).toMatch(/401/);
  await server.stop(); // writes them
  expect((await ask("downloads", "@acme/badge")).json).toEqual(remote.json);
  const second = await ask("downloads", "@acme/badge", "--limit", "1", "--from", "1");
  expect(agentsOf(second)).toEqual(["two/2"]);
  expect((await ask("downloads", "@acme/badge", "--version", "2.0.0")).json.items).toEqual([]);
  const piped = await citadel(home.path, ["registry:downloads", "@acme/badge", "--since", "1h"]);
  expect(piped.stdout).toMatch(/^\S+Z\t1\.0\.0\t[\w-]{22}\tthree\/3$/m);
  const missing = await ask("downloads", "@acme/none");
  expect(missing).toMatchObject({ code: 4, json: { error: { code: "E_PACKAGE_NOT_FOUND" } } });
  const never = await ask("downloads", "@acme/badge", "--since", "soon");
  expect(never).toMatchObject({ code: 2, json: { error: { code: "E_USAGE" } } });
  server = await serve({ home: home.path });
});

test("E6: what is no registry is said to be none", async () => {
  const gone = await ask("search", "x", "--registry", "http://127.0.0.1:1/");
  expect(gone).toMatchObject({ code: 7, json: { error: { code: "E_REMOTE_UNAVAILABLE" } } });
  const wrong = await ask("list", "--registry", "ftp://x");
  expect(wrong).toMatchObject({ code: 2, json: { error: { code: "E_USAGE" } } });
});
