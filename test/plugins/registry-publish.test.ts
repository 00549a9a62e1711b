import { execFileSync } from "node:child_process";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { serve, type Server } from "../support/citadel.ts";
import { oneProcess } from "../support/one-process.ts";
import { request } from "../support/http.ts";
import { packument, publish, signIn } from "../support/packages.ts";
import { tempFolder, type Temp } from "../support/temp.ts";

const { citadel } = oneProcess();

let temp: Temp;
let server: Server;
let token: string;
let count = 0;
let root: string;
let home: string;
beforeAll(async () => {
  temp = await tempFolder("registry-publish");
  server = await serve({ home: join(temp.path, "server") });
  token = await signIn(server.url, "ann");
});
afterAll(async () => {
  await server?.stop();
  await temp?.remove();
});
beforeEach(() => {
  root = join(temp.path, `workspace-${++count}`);
  home = join(temp.path, `home-${count}`);
});

async function files(all: Record<string, unknown>): Promise<void> {
  for (const [path, content] of Object.entries(all)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(
      join(root, path),
      typeof content === "string" ? content : JSON.stringify(content),
    );
  }
}
const run = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  citadel(home, ["registry:publish", root, ...args, "--json"], { env });
const json = (ran: { stdout: string }) => JSON.parse(ran.stdout);

async function workspace(version = "1.0.0"): Promise<void> {
  await files({
    "package.json": { name: "root", private: true, workspaces: ["packages/*", "!packages/old"] },
    "packages/core/package.json": { name: "@ann/core", version },
    "packages/core/index.js": "1",
    "packages/ui/package.json": {
      name: "@ann/ui",
      version,
      dependencies: { "@ann/core": "workspace:^", left: "^1.0.0" },
      devDependencies: { "@ann/private": "workspace:*" },
      bin: { ui: "bin/ui.js" },
      files: ["bin"],
    },
    "packages/ui/bin/ui.js": "#!/usr/bin/env node\n",
    "packages/ui/secret.txt": "not packed",
    "packages/private/package.json": { name: "@ann/private", version: "3.2.1", private: true },
    "packages/old/package.json": { name: "@ann/old", version },
  });
}

describe("H10 registry:publish", () => {
  test("a workspace, all at once, into the store of this machine", async () => {
    await workspace();
    const planned = await run(["--workspace", "-n"]);
    expect(planned.code, planned.output).toBe(0);
    expect(json(planned)).toMatchObject({
      dryRun: true,
      items: [{ name: "@ann/core" }, { name: "@ann/ui" }],
    });
    const ran = await run(["--workspace"]);
    expect(ran.code, ran.output).toBe(0);
    expect(json(ran).skipped).toEqual([{ name: "@ann/private", why: "private" }]);
    const resolved = await citadel(home, ["local:resolve", "ui", "latest", "ann", "--json"]);
    expect(resolved.code, resolved.output).toBe(0);
    const listed = await citadel(home, ["local:list-packages", "--json"]);
    const { items } = json(listed) as { items: { name: string }[] };
    expect(items.map(({ name }) => name)).toEqual(["@ann/core", "@ann/ui"]);

    // the same again is a second publish, of which nothing happens
    const again = await run(["--workspace"]);
    expect([again.code, json(again).error.code]).toEqual([5, "E_VERSION_EXISTS"]);
    await files({ "packages/core/package.json": { name: "@ann/core", version: "1.1.0" } });
    const skipping = await run(["--workspace", "--skip-published"]);
    expect(json(skipping)).toMatchObject({
      items: [{ name: "@ann/core", version: "1.1.0" }],
      skipped: expect.arrayContaining([{ name: "@ann/ui", why: "published" }]),
    });
    expect(await readdir(join(home, "cache/tmp"))).toEqual([]);
  }, 60_000);

  test("over HTTP: ranges of the workspace are real ones, and npm installs it", async () => {
    await workspace("2.0.0");
    await publish(server.url, token, { name: "left", version: "1.0.0" });
    const ran = await run(["-w", "--registry", server.url], { CITADEL_TOKEN: token });
    expect(ran.code, ran.output).toBe(0);
    const ui = await packument(server.url, "@ann/ui");
    expect(ui?.versions["2.0.0"]).toMatchObject({
      dependencies: { "@ann/core": "^2.0.0", left: "^1.0.0" },
      devDependencies: { "@ann/private": "3.2.1" },
    });
    const file = await request(`${server.url}/@ann/ui/-/ui-2.0.0.tgz`);
    await writeFile(join(root, "ui.tgz"), file.body);
    const inside = execFileSync("tar", ["tzf", join(root, "ui.tgz")]).toString();
    expect(inside.trim().split("\n").toSorted()).toEqual([
      "package/bin/ui.js",
      "package/package.json",
    ]);
    const packed = execFileSync("tar", ["xzOf", join(root, "ui.tgz"), "package/package.json"]);
    expect(JSON.parse(packed.toString()).dependencies).toEqual({
      "@ann/core": "^2.0.0",
      left: "^1.0.0",
    });
  }, 60_000);

  test("what the other side refuses is refused here, with its reason, and nothing is there", async () => {
    await files({
      "package.json": { name: "root", private: true, workspaces: { packages: ["p/*"] } },
      "p/a/package.json": { name: "refused-a", version: "1.0.0" },
      "p/b/package.json": { name: "refused-b", version: "1.0.0" },
    });
    await publish(server.url, token, { name: "refused-b", version: "1.0.0" });
    for (const [env, exit, code] of [
      [{ CITADEL_TOKEN: token }, 5, "E_VERSION_EXISTS"],
      [{}, 8, "E_AUTH_REQUIRED"],
    ] as const) {
      const ran = await run(["-w", "--registry", server.url], env);
      expect([ran.code, json(ran).error.code], ran.output).toEqual([exit, code]);
      expect(ran.output).not.toContain(token);
    }
    expect(await packument(server.url, "refused-a")).toBeUndefined();
    const nobody = await run(["-w", "--registry", "http://127.0.0.1:1/"]);
    expect(json(nobody).error.code).toBe("E_REMOTE_UNAVAILABLE");
  }, 60_000);

  test("pnpm: its workspace file, catalogs, aliases", async () => {
    await files({
      "package.json": { name: "root", private: true },
      "pnpm-workspace.yaml":
        "packages: ['pkgs/**']\ncatalog:\n  react: ^19.0.0\ncatalogs:\n  old:\n    react: ^18.0.0\n",
      "pkgs/a/package.json": {
        name: "a",
        version: "1.2.3",
        dependencies: { react: "catalog:", b: "workspace:~", alias: "workspace:b@*" },
        peerDependencies: { react: "catalog:old" },
      },
      "pkgs/deep/b/package.json": { name: "b", version: "0.4.0", publishConfig: { tag: "next" } },
    });
    const ran = await run(["-w", "--registry", server.url], { CITADEL_TOKEN: token });
    expect(ran.code, ran.output).toBe(0);
    expect((await packument(server.url, "a"))?.versions["1.2.3"]).toMatchObject({
      dependencies: { react: "^19.0.0", b: "~0.4.0", alias: "npm:b@0.4.0" },
      peerDependencies: { react: "^18.0.0" },
    });
    expect((await packument(server.url, "b"))?.["dist-tags"]).toEqual({
      latest: "0.4.0",
      next: "0.4.0",
    });
  }, 60_000);

  test("one package; and what is no package, no workspace, private or refers to nothing", async () => {
    await files({ "package.json": { name: "single", version: "1.0.0" }, "index.js": "1" });
    expect((await run([])).code).toBe(0);
    for (const [content, args] of [
      [{ name: "single", version: "2.0.0" }, ["-w"]],
      [{ name: "single", version: "2.0.0", private: true }, []],
      [{ name: "single", version: "2.0.0", dependencies: { x: "workspace:*" } }, []],
      [{ name: "single", version: "2.0.0", dependencies: { x: "catalog:" } }, []],
      [{ name: "root", private: true, workspaces: ["none/*"] }, ["-w"]],
    ] as const) {
      await files({ "package.json": content });
      const ran = await run(args);
      expect([ran.code, json(ran).error.code], ran.output).toEqual([2, "E_USAGE"]);
    }
    const there = await citadel(home, ["local:resolve", "single", "latest", "-", "--json"]);
    expect(json(there)).toMatchObject({ version: "1.0.0" });
  }, 60_000);
});

test("H2 registry:keys, rotate and sign", async () => {
  await files({ "package.json": { name: "keyed", version: "1.0.0" } });
  const none = await citadel(home, ["registry:keys", "--json"]);
  expect(json(none)).toEqual({ items: [] });
  expect((await run([])).code).toBe(0);
  const first = json(await citadel(home, ["registry:keys", "--json"])) as {
    items: { keyid: string }[];
  };
  expect(first.items).toMatchObject([
    { purpose: "registry", algorithm: "ecdsa-p256", expires: null },
  ]);
  const asked = await citadel(home, ["registry:keys:rotate", "--json"]);
  expect(json(asked).error.code).toBe("E_USAGE");
  const rotated = await citadel(home, [
    "registry:keys:rotate",
    "--overlap",
    "1h",
    "--yes",
    "--json",
  ]);
  expect(rotated.code, rotated.output).toBe(0);
  const { items } = json(await citadel(home, ["registry:keys", "--json"])) as typeof first;
  expect(items.map(({ keyid }) => keyid)).toEqual([json(rotated).keyid, first.items[0]?.keyid]);
  // nothing lacks a signature, the old ones are good still
  const signed = await citadel(home, ["registry:keys:sign", "--json"]);
  expect(json(signed)).toEqual({ packages: 0, versions: 0, dryRun: false });
  expect((await citadel(home, ["verify", "--json"])).code).toBe(0);
}, 60_000);
