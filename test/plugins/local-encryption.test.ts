import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { segments, aes256GcmHkdf1Mb, plainSize } from "@citadel/core/segments";
import file from "@citadel/driver-file";
import sqlite from "@citadel/driver-sqlite";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serve } from "../support/citadel.ts";
import { oneProcess } from "../support/one-process.ts";
import { request } from "../support/http.ts";
import { tempFolder } from "../support/temp.ts";

const { citadel } = oneProcess();

const temp = await tempFolder("encryption");
afterAll(() => temp.remove());
const home = join(temp.path, "home");
const key = Buffer.alloc(32, 7);
const env = {
  CITADEL_ENCRYPTION_PACKAGES: "true",
  CITADEL_SERVER_KEY: key.toString("base64"),
};
const run = (...args: string[]) => citadel(home, args, { env });
/** Standard output of a command that works. */
const json = async (...args: string[]) => {
  const ran = await run(...args, "--json");
  expect(ran.code, ran.output).toBe(0);
  return JSON.parse(ran.stdout) as Record<string, unknown> & { items: Record<string, unknown>[] };
};

const canary = "canary-of-a-private-package";
/** above 64 KiB and two segments, and gains nothing from compression */
const big = randomBytes(2_500_000);
const small = `// ${canary}\n`;
let published: Record<string, unknown>;

beforeAll(async () => {
  await mkdir(home, { recursive: true });
  await writeFile(join(temp.path, "small.js"), small);
  await writeFile(join(temp.path, "big.bin"), big);
  await json("local:publish", "small", "1.0.0", "s", "-f", join(temp.path, "small.js"));
  published = await json("local:publish", "big", "1.0.0", "s", "-f", join(temp.path, "big.bin"));
}, 60_000);

const blobPath = (integrity: string) => {
  const hex = Buffer.from(integrity.slice(7), "base64").toString("hex");
  return `b/sha512/${hex.slice(0, 2)}/${hex}`;
};

test("A9: publish, resolve, stats and the catalog's SQL say that packages are encrypted, and content comes back", async () => {
  expect(published).toMatchObject({ encrypted: true, compressed: false });
  expect(Number(published["storedSize"])).toBeGreaterThan(Number(published["size"]));
  const out = join(temp.path, "out.bin");
  expect(await json("local:resolve", "big", "1.0.0", "s", "-o", out)).toMatchObject({ encrypted: true }); // prettier-ignore
  expect((await readFile(out)).equals(big)).toBe(true);
  expect(await json("local:stats")).toMatchObject({ encryption: { enabled: true } });
  const { path } = await json("local:db-schema");
  const db = new DatabaseSync(String(path), { readOnly: true });
  expect(db.prepare("SELECT name, encrypted FROM packages ORDER BY name").all()).toEqual([
    { name: "@s/big", encrypted: 1 },
    { name: "@s/small", encrypted: 1 },
  ]);
  db.close();
  const checked = await json("verify");
  expect(checked["items"]).toEqual([]);
});

test("A9: what lies in the store is Tink's format under a key derived from the server's, and nothing of it plain", async () => {
  const driver = file(new URL(`file:${home}/data/blobs`));
  await driver.open();
  const name = blobPath(String(published["integrity"]));
  const { body, meta } = (await driver.get(name))!;
  await driver.close();
  expect(meta?.["citadel-sealed"]).toMatch(/^aes256-gcm-hkdf-1mb [\w-]{12}$/);
  const info = "citadel server key: use objects of the store";
  const derived = Buffer.from(
    await crypto.subtle.deriveBits(
      { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info: Buffer.from(info) },
      await crypto.subtle.importKey("raw", key, "HKDF", false, ["deriveBits"]),
      256,
    ),
  );
  const bytes = Buffer.from(body);
  const { open } = segments(aes256GcmHkdf1Mb, derived, Buffer.from(name), bytes.subarray(0, 40));
  const first = open(bytes.subarray(40, 1 << 20), 0, false);
  expect(first.subarray(0, 2).toString("hex")).toBe("1f8b");
  expect(plainSize(aes256GcmHkdf1Mb, bytes.byteLength)).toBe(published["size"]);
  const documents = await readFile(join(home, "data", "registry.db"), "latin1");
  expect(documents).not.toContain(canary);
  expect(documents).not.toContain('"dist"');
});

test("A9: a server gives out what was sealed, whole and in ranges", async () => {
  const server = await serve({ home, env });
  try {
    const url = `${server.url}/@s/big/-/big-1.0.0.tgz`;
    const whole = await request(url);
    const sha512 = createHash("sha512").update(whole.body).digest("base64");
    expect(`sha512-${sha512}`).toBe(published["integrity"]);
    const range = await request(url, { headers: { range: "bytes=1500000-1500099" } });
    expect(range.status).toBe(206);
    expect(range.body.equals(whole.body.subarray(1_500_000, 1_500_100))).toBe(true);
  } finally {
    await server.stop();
  }
});

test("A9: copies, verify and cleaning up work; a copy with the setting off lies plain", async () => {
  const copy = `file:${join(temp.path, "copy")}`;
  await json("store:copy", `sqlite:${home}/data/registry.db`, copy, "--from-blobs", `file:${home}/data/blobs`, "--yes"); // prettier-ignore
  const store = ["--store", copy];
  expect((await json("verify", ...store))["items"]).toEqual([]);
  expect(await json("local:resolve", "small", "1.0.0", "s", ...store)).toMatchObject({ encrypted: true }); // prettier-ignore
  await json("store:gc", "--grace", "0s", "--yes", ...store);
  expect((await json("verify", ...store))["items"]).toEqual([]);

  const plain = `file:${join(temp.path, "plain")}`;
  const off = { CITADEL_SERVER_KEY: env.CITADEL_SERVER_KEY };
  const ran = await citadel(home, ["store:copy", copy, plain, "--yes"], { env: off });
  expect(ran.code, ran.output).toBe(0);
  const resolved = await citadel(home, ["local:resolve", "small", "1.0.0", "s", "--json", "--store", plain]); // prettier-ignore
  expect(JSON.parse(resolved.stdout)).toMatchObject({ encrypted: false });
});

test("A9: without the key, or with another: E_SERVER_KEY that names the object, and no key is made in its place", async () => {
  for (const other of [{}, { CITADEL_SERVER_KEY: Buffer.alloc(32, 8).toString("base64") }]) {
    const out = join(temp.path, "never");
    const read = await citadel(home, ["local:resolve", "big", "1.0.0", "s", "-o", out], { env: other }); // prettier-ignore
    expect(read.code).toBe(2);
    expect(read.stderr).toMatch(/E_SERVER_KEY[\s\S]*[bm]\/sha\d+\/\S+ is sealed under the key of another server/); // prettier-ignore
    await expect(readFile(out)).rejects.toThrow("ENOENT");
    const write = await citadel(home, ["local:publish", "new", "1.0.0", "s", "-f", join(temp.path, "small.js")], { env: { ...env, CITADEL_SERVER_KEY: undefined, ...other } }); // prettier-ignore
    expect(write.stderr).toContain("E_SERVER_KEY");
    await expect(readFile(join(home, "data", "server.key"))).rejects.toThrow("ENOENT");
  }
  const listed = await run("local:resolve", "new", "1.0.0", "s");
  expect(listed.code).toBe(4);
});

test("A9, attack: an object swapped with another in the store is named and not given out", async () => {
  const target = join(temp.path, "swapped.db");
  const url = `sqlite:${target}`;
  await json("store:copy", `sqlite:${home}/data/registry.db`, url, "--from-blobs", `file:${home}/data/blobs`, "--yes"); // prettier-ignore
  const driver = sqlite(new URL(url));
  await driver.open();
  const [one = "", two = ""] = (await driver.list({ prefix: "m/" })).entries.map(
    (entry) => entry.key,
  );
  const { body, meta } = (await driver.get(one))!;
  await driver.put(two, body, { meta: { ...meta } });
  await driver.close();
  const ran = await run("verify", "--json", "--store", url);
  expect(ran.code).toBe(6);
  const found = JSON.parse(ran.stdout) as { items: { key: string; problem: string; message: string }[] }; // prettier-ignore
  expect(found.items).toContainEqual(
    expect.objectContaining({
      key: two,
      problem: "damaged",
      message: `the sealed bytes of ${two} are damaged: segment 0 is not what was sealed.`,
    }),
  );
});

test("A9: secrets are sealed to the vault's members only, who need no key of this server", async () => {
  const own = join(temp.path, "own");
  const store = ["--store", `file:${join(temp.path, "vault")}`];
  const pass = join(temp.path, "pass");
  await writeFile(pass, "correct horse battery staple");
  const secrets = (more: NodeJS.ProcessEnv, ...args: string[]) =>
    citadel(own, [...args, ...store, "--passphrase-file", pass], { env: more, input: "value-1" });
  const made = await secrets(env, "secrets:init");
  expect(made.code, made.output).toBe(0);
  const set = await secrets(env, "secrets:set", "a/b");
  expect(set.code, set.output).toBe(0);
  const got = await secrets({}, "secrets:get", "a/b");
  expect(got.output).toContain("value-1");
  await rm(own, { recursive: true });
});
