import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formsOf } from "@citadel/core/mask";
import { armor, Decrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { expect, test } from "vitest";
import { zstdDecompressSync } from "node:zlib";
import { seat } from "./seat.ts";

const value = "value-that-stays-inside-0815";

test("A8: secrets leave only sealed, and arrive with the packages or not at all", async () => {
  const identity = await generateX25519Identity();
  const recipient = await identityToRecipient(identity);
  const here = await seat();
  await here.fill({ "default/db/password": value, "staging/key": "another-value" });
  await here.fill({ "default/db/password": `${value}-2` });
  const content = join(here.path, "content.js");
  await writeFile(content, "export {};\n");
  await here.run(["local:publish", "one", "1.0.0", "d", "-f", content]);
  const json = join(here.path, "all.json");
  const tar = join(here.path, "all.tar.zst");
  const word = join(here.path, "word");
  await writeFile(word, "another passphrase");
  // somebody put a value where it does not belong
  const env = { CITADEL_SERVER_PUBLIC_URL: `http://${value}.example/` };
  const plain = await here.run(["local:export", json], { env });
  expect([plain.code, JSON.parse(await readFile(json, "utf8")).secrets]).toEqual([0, []]);
  const made = await here.run(["local:export", json, "--recipient", recipient, "--json"], { env });
  expect([made.code, JSON.parse(made.stdout).secrets], made.output).toEqual([0, 2]);
  const packed = await here.run(["local:export", tar, "--bundle-passphrase-file", word], { env });
  expect(packed.code, packed.output).toBe(0);
  const texts = [await readFile(json), zstdDecompressSync(await readFile(tar))];
  for (const text of texts)
    for (const form of formsOf(Buffer.from(value))) expect(text.includes(form)).toBe(false);
  const document = JSON.parse(String(texts[0]));
  expect(document.config.server.publicUrl).toBe("http://[REDACTED:db/password].example/");
  expect((await stat(json)).mode & 0o777).toBe(0o600);
  const file = new Decrypter();
  file.addIdentity(identity);
  const opened = await file.decrypt(armor.decode(document.secrets[0].sealed), "text");
  expect(JSON.parse(opened).secrets.map(({ name, values }: any) => [name, values.length])).toEqual([
    ["db/password", 2],
    ["key", 1],
  ]);

  const there = await seat();
  const keys = join(there.path, "keys");
  await writeFile(keys, identity);
  const packages = async () =>
    (await there.json(["local:list-packages"])).items.map(({ name }: any) => name);
  for (const args of [
    ["local:import", json],
    ["local:import", tar, "--bundle-passphrase-file", keys],
  ]) {
    const refused = await there.run(args);
    expect([refused.code, refused.output.includes("E_VAULT_LOCKED")], refused.output).toEqual([
      8,
      true,
    ]);
  }
  const damaged = join(there.path, "damaged.json");
  document.secrets[0].count = 3;
  await writeFile(damaged, JSON.stringify(document));
  expect((await there.run(["local:import", damaged, "--identity-file", keys])).code).toBe(2);
  const dry = await there.json(["local:import", json, "--identity-file", keys, "--dry-run"]);
  expect(dry.secrets).toEqual({ added: 2, unchanged: 0 });
  expect([await packages(), (await there.json(["secrets:list"])).items]).toEqual([[], []]);
  const alone = await there.json(["local:import", json, "--skip-secrets"]);
  expect([alone.versions.added, alone.secrets.added]).toEqual([1, 0]);
  expect(await packages()).toEqual(["@d/one"]);
  const all = await there.json(["local:import", json, "--identity-file", keys]);
  expect([all.versions.added, all.secrets.added]).toEqual([0, 2]);
  const again = await there.json(["local:import", tar, "--bundle-passphrase-file", word]);
  expect(again.secrets).toEqual({ added: 0, unchanged: 2 });
  const read = ["secrets:get", "db/password", "--version", "1"];
  expect((await there.run(read)).stdout).toBe(value);
  expect((await there.json(["secrets:audit", "--verify"])).problems).toEqual([]);
}, 120_000);
