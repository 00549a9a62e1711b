// E6: the project of the Worker, and Cloudflare's own wrangler over it; only the upload itself is left out.
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

import { citadel } from "../support/citadel.ts";
import { installed } from "../support/clients.ts";
import { tempFolder, type Temp } from "../support/temp.ts";

let home: Temp;
let bin: string;

beforeAll(async () => {
  home = await tempFolder("deploy");
  bin = join(home.path, "bin");
  const script = join(await installed("worker"), "wrangler/bin/wrangler.js");
  await mkdir(bin);
  await writeFile(
    join(bin, "wrangler"),
    `#!/bin/sh\nexec '${process.execPath}' '${script}' "$@" --dry-run --outdir out\n`,
  );
  await chmod(join(bin, "wrangler"), 0o755);
}, 300_000);
afterAll(() => home?.remove());

const deploy = async (where: "cdn" | "staging", words: readonly string[], tools = "") => {
  const env = {
    PATH: [tools, process.env["PATH"]].filter(Boolean).join(":"),
    WRANGLER_SEND_METRICS: "false",
  };
  const all = [`registry:deploy:${where}`, join(home.path, "cdn"), ...words, "--json"];
  const ran = await citadel(home.path, all, { cwd: home.path, env });
  return { code: ran.code, json: JSON.parse(ran.stdout), said: ran.stderr };
};
const file = (name: string) => readFile(join(home.path, "cdn", name), "utf8");

test("E6: without wrangler the project is written and the next steps are said", async () => {
  const url = "https://npm.example.com/acme";
  const dry = await deploy("cdn", ["--url", url, "--bucket", "acme-packages", "--dry-run"]);
  expect(dry.json).toMatchObject({ dryRun: true, deployed: false });
  await expect(file("wrangler.jsonc")).rejects.toThrow("ENOENT");
  const made = await deploy("cdn", ["--url", url, "--bucket", "acme-packages"]);
  expect(made).toMatchObject({ code: 0, json: { deployed: false } });
  expect(made.json.next).toEqual([
    `cd ${join(home.path, "cdn")}`,
    "npm install",
    "npx wrangler deploy --env=",
    "citadel sync:upload --views https://npm.example.com/acme/",
  ]);
  const text = await file("wrangler.jsonc");
  expect(text).toContain('"bucket_name": "acme-packages"');
  expect(text).toContain('"PATH": "/acme/"');
  expect(text).toContain("// path of the public address");
});

test("E6: nothing of yours is overwritten unasked", async () => {
  const mine = `${await file("src/routes.ts")}// mine\n`;
  await writeFile(join(home.path, "cdn/src/routes.ts"), mine);
  const before = await file("wrangler.jsonc");
  const refused = await deploy("staging", ["--bucket", "acme-staging"]);
  expect(refused).toMatchObject({ code: 2, json: { error: { hint: ["pass --yes"] } } });
  expect(await file("wrangler.jsonc")).toBe(before);
  const done = await deploy("staging", ["--bucket", "acme-staging", "--yes"]);
  expect(done.json.files).toContainEqual({ path: "src/routes.ts", state: "kept" });
  expect(await file("src/routes.ts")).toBe(mine);
  expect(await file("wrangler.jsonc")).toContain('"bucket_name": "acme-packages"');
  expect(await file("wrangler.jsonc")).toContain('"bucket_name": "acme-staging"');
  await deploy("staging", ["--overwrite", "--yes"]);
  expect(await file("src/routes.ts")).not.toContain("// mine");
});

test("E6: wrangler takes the project, for both environments", { timeout: 120_000 }, async () => {
  const asked = await deploy("cdn", [], bin);
  expect(asked).toMatchObject({ code: 2, json: { error: { hint: ["pass --yes"] } } });
  const cdn = await deploy("cdn", ["--yes"], bin);
  expect(cdn, cdn.said).toMatchObject({ code: 0, json: { deployed: true } });
  expect(cdn.said).toMatch(/env\.REGISTRY \(acme-packages\)/);
  expect(cdn.said).not.toContain("WARNING");
  expect(await file("out/index.js")).toContain("edge/keys.json");
  const staging = await deploy("staging", ["--yes"], bin);
  expect(staging.said).toMatch(/env\.REGISTRY \(acme-staging\)/);
  await writeFile(join(home.path, "cdn/src/index.ts"), "export default {{");
  const failed = await deploy("cdn", ["--yes"], bin);
  expect(failed).toMatchObject({ code: 1, json: { error: { code: "E_FAILED" } } });
});

test("E6: refuses what is no address, bucket or project", async () => {
  expect((await deploy("cdn", ["--url", "npm.example.com"])).json.error.code).toBe("E_USAGE");
  expect((await deploy("cdn", ["--bucket", "A_b"])).json.error.code).toBe("E_USAGE");
  await writeFile(join(home.path, "cdn/wrangler.jsonc"), '{ "name": "other" }');
  expect((await deploy("cdn", ["--bucket", "abc", "--yes"])).json.error).toMatchObject({
    code: "E_CONFIG",
    message: expect.stringContaining("r2_buckets"),
  });
});
