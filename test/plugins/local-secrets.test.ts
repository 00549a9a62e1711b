import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { LocalRegistry } from "@citadel/plugin-local";
import { RegistrySecretsManager } from "@citadel/plugin-secrets";
import { expect, test } from "vitest";
import { root } from "../support/citadel.ts";
import { run as start } from "../support/run.ts";
import { seat, type Seat } from "../vault/seat.ts";

const passphrase = async () => "correct horse battery";

/** The table of secrets, as SQL sees it. */
async function table({ home }: Seat, sql: string): Promise<Record<string, unknown>[]> {
  const folder = join(home, "data/catalog");
  const [file = ""] = (await readdir(folder)).filter((name) => name.endsWith(".db"));
  const database = new DatabaseSync(join(folder, file), { readOnly: true });
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}

test("A4: local:secret-store, secret-get and list-secrets are the vault of secrets:", async () => {
  const { run, json } = await seat();
  const store = (args: string, input: string) =>
    run(`local:secret-store ${args}`.split(" "), { input });
  expect((await store("db/password - password", "hunter2\n")).code).toBe(0);
  expect((await store("token - api-key -s ci --expires 30d", "ghp_abc")).code).toBe(0);
  expect((await run(["local:secret-get", "db/password"])).stdout).toBe("hunter2");
  expect((await run(["secrets:get", "token"])).stdout).toBe("ghp_abc");
  expect((await store("token - jwt -s ci", "no jwt")).code).toBe(2);
  expect((await store("x - unknown", "x")).code).toBe(2);
  expect((await store("x - custom --expires 2020-01-01", "x")).code).toBe(2);
  const listed = await run(["local:list-secrets", "--json"]);
  const { items } = JSON.parse(listed.stdout);
  expect(items).toMatchObject([
    { scope: "ci", name: "token", type: "api-key", state: "live" },
    { scope: "default", name: "db/password", type: "password", expires: null },
  ]);
  expect(Date.parse(items[0].expires) - Date.now()).toBeGreaterThan(29 * 86_400_000);
  expect(listed.stdout).not.toMatch(/hunter2|ghp_/);
  expect((await json(["local:list-secrets", "-s", "ci"])).items).toHaveLength(1);
  // one name in two scopes has to be told apart
  await store("db/password - password -s ci", "other");
  const ambiguous = await run(["local:secret-get", "db/password"]);
  expect([ambiguous.code, ambiguous.stderr]).toEqual([
    2,
    expect.stringMatching(/default.*ci|ci.*default/),
  ]);
  expect((await run(["local:secret-get", "db/password", "-s", "ci"])).stdout).toBe("other");
  expect((await run(["local:secret-get", "none"])).code).toBe(4);
}, 60_000);

test("A5 A6 A7: statistics, table and clean-up of secrets", async () => {
  const at = await seat();
  const { run, json, fill, path } = at;
  await fill({ "dev/a": "first", "dev/b": "value", "ci/c": "value" });
  await run(["secrets:set", "a", "-s", "dev", "--expires", "1ms"], { input: "expired" });
  const stats = await json(["local:stats"]);
  expect(stats.secrets).toEqual({
    ...{ total: 3, expired: 1 },
    scopes: [
      { scope: "ci", secrets: 1, expired: 0 },
      { scope: "dev", secrets: 2, expired: 1 },
    ],
  });
  const { items } = await json(["local:db-schema"]);
  const { sql } = items.find(({ name }: { name: string }) => name === "secrets");
  for (const column of "name type scope created_at updated_at expires_at sealed".split(" "))
    expect(sql).toContain(` ${column} `);
  const rows = await table(at, "SELECT * FROM secrets ORDER BY scope, name");
  expect(rows.map(({ scope, name, type }) => [scope, name, type])).toEqual([
    ...[
      ["ci", "c", "custom"],
      ["dev", "a", "custom"],
      ["dev", "b", "custom"],
    ],
  ]);
  for (const { sealed } of rows) {
    const record = JSON.parse(Buffer.from(sealed as Uint8Array).toString());
    expect(Object.keys(record).sort()).toContain("encrypted_key");
  }
  // still in its grace; then without one
  expect((await json(["local:cleanup"])).secrets).toEqual({ removed: 0, locked: false });
  const none = { CITADEL_SECRETS_GRACE: "1ms" };
  const other = join(path, "other");
  await writeFile(other, "another passphrase");
  const locked = await run(["local:cleanup", "--passphrase-file", other], { env: none });
  expect([locked.code, locked.stderr]).toEqual([
    0,
    expect.stringContaining("1 expired secrets stay"),
  ]);
  const plan = await run(["local:cleanup", "--dry-run", "--json"], { env: none });
  expect(JSON.parse(plan.stdout)).toMatchObject({
    secrets: { removed: 1 },
    items: expect.arrayContaining(["dev/a (2)"]),
  });
  const cleaned = await run(["local:cleanup", "--json"], { env: none });
  expect(JSON.parse(cleaned.stdout).secrets).toEqual({ removed: 1, locked: false });
  const { items: versions } = await json(["secrets:versions", "a"]);
  expect(versions.map(({ state }: { state: string }) => state)).toEqual(["destroyed", "live"]);
  expect((await json(["local:stats"])).secrets).toMatchObject({ total: 2, expired: 0 });
  expect((await run(["secrets:audit", "--verify"])).code).toBe(0);
  // names are kept in the clear only where that is wanted
  const hidden = { CITADEL_SECRETS_PLAIN_NAMES: "false" };
  await run(["secrets:list"], { env: hidden });
  expect(await table(at, "SELECT * FROM secrets")).toEqual([]);
}, 90_000);

test("A12: storeSecret, getSecret and listSecrets of LocalRegistry", async () => {
  const { home, run } = await seat();
  await using registry = await LocalRegistry.open({ home, passphrase });
  await registry.storeSecret("a", "value", "password", "dev");
  expect((await registry.getSecret("a")).value.toString()).toBe("value");
  expect(await registry.listSecrets("dev")).toMatchObject([{ name: "a", type: "password" }]);
  expect((await run(["secrets:get", "a"])).stdout).toBe("value");
  await using other = await LocalRegistry.open({ home });
  await expect(other.getSecret("a")).rejects.toMatchObject({ code: "E_USAGE" });
});

test("D6: RegistrySecretsManager sets, gets, rotates, lists versions and draws them", async () => {
  const { home } = await seat();
  await using secrets = await RegistrySecretsManager.open({ home, passphrase });
  await secrets.setSecret("db", "first", { scope: "dev", description: "a database" });
  await secrets.rotateSecret("db", { value: "second" });
  await secrets.rotateSecret("db", { policy: { test: ["cat"] }, value: "third" });
  expect((await secrets.getSecret("db")).value.toString()).toBe("third");
  expect((await secrets.getSecret("db", { label: "previous" })).value.toString()).toBe("second");
  const failing = secrets.rotateSecret("db", { policy: { test: ["false"] }, value: "fourth" });
  await expect(failing).rejects.toMatchObject({ code: "E_ROTATION" });
  expect((await secrets.getSecret("db")).version).toBe(3);
  const { items } = await secrets.getSecretVersions("db");
  expect(items.map(({ version, labels }) => [version, ...labels])).toEqual([
    ...[[4, "pending"], [3, "current"], [2, "previous"], [1]],
  ]);
  expect(await secrets.generateVersionGraph("db")).toMatch(/^dev\/db\ncurrent v3, 4 versions\n/);
  expect(await secrets.generateVersionGraph("db", { form: "mermaid" })).toMatch(/^flowchart LR/);
});

test("D6: the example of the manual runs as it stands there", async () => {
  const { home } = await seat();
  const manual = await readFile(join(root, "docs/secrets-lifecycle.md"), "utf8");
  const [, example = ""] = /```js\n(import \{ RegistrySecretsManager[^`]*)```/.exec(manual) ?? [];
  const args = ["--input-type=module", "--eval", example];
  const ran = await start(process.execPath, args, {
    cwd: root,
    env: { ...process.env, CITADEL_HOME: home, VAULT_PASSPHRASE: await passphrase() },
  });
  expect(ran.code, ran.output).toBe(0);
  expect(ran.stdout).toMatch(/^2 40\n2 current live\n1 previous live\ndefault\/db\/password\n/);
});
