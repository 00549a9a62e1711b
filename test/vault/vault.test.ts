import { createHash, createHmac, hkdfSync, randomBytes } from "node:crypto";
import { execFileSync } from "node:child_process";
import { chmod, cp, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openStore } from "@citadel/core/store";
import { errors, type ErrorCode } from "@citadel/core/errors";
import { publicId, vaultKind, vaultName, type Vault } from "@citadel/core/vault";
import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import fc from "fast-check";
import { CompactSign, exportJWK, generateKeyPair, calculateJwkThumbprint } from "jose";
import { describe, expect, test } from "vitest";
import { codeOf } from "../core/registry-harness.ts";
import { machine } from "./machines.ts";
import { bringBack, contents, passphrase, place } from "./place.ts";

const text = (value: string) => Buffer.from(value);
const a = { name: "a" };
const exitOf = async (promise: Promise<unknown>): Promise<number> => {
  const code = await codeOf(promise);
  return code === undefined ? 0 : (errors[code as ErrorCode]?.exit ?? -1);
};
const valueOf = async (vault: Vault, version?: number) =>
  (await vault.get(a, version === undefined ? {} : { version })).value.toString();

/** A vault with two secrets in two scopes, one of them with three versions. */
async function filled() {
  const at = await place();
  const vault = at.open();
  await vault.init();
  for (const value of ["one", "two", "three"]) await vault.set(a, text(value));
  await vault.set({ name: "b", scope: "production" }, text("other"));
  return { ...at, vault };
}

describe("D1 D3: versions", () => {
  test("a random sequence of operations gives what a plain model gives", async () => {
    const { open } = await place();
    await open().init();
    type Version = { value: string; state: "live" | "deleted" | "destroyed" };
    const n = fc.integer({ min: 1, max: 4 });
    const step = fc.oneof(
      fc.record({ op: fc.constant("set" as const), value: fc.constantFrom("x", "y", "z") }),
      fc.record({
        op: fc.constantFrom("delete" as const, "undelete" as const, "destroy" as const),
        n,
      }),
      fc.record({ op: fc.constant("rollback" as const), n }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 10 }), async (steps) => {
        const which = { name: randomBytes(6).toString("hex") };
        const vault = open();
        const versions: Version[] = [];
        for (const one of steps) {
          const old = "n" in one ? versions[one.n - 1] : undefined;
          if (one.op === "set") {
            const { version } = await vault.set(which, text(one.value));
            const newest = versions.at(-1);
            if (newest?.state !== "live" || newest.value !== one.value)
              versions.push({ value: one.value, state: "live" });
            expect(version).toBe(versions.length);
          } else if (!old) {
            const run =
              one.op === "rollback" ? vault.rollback(which, one.n) : vault.destroy(which, [one.n]);
            expect(await codeOf(run)).toBe("E_SECRET_NOT_FOUND");
          } else if (one.op === "rollback") {
            const code = await codeOf(vault.rollback(which, one.n));
            expect(code).toBe(old.state === "destroyed" ? "E_SECRET_GONE" : undefined);
            if (code === undefined) versions.push({ value: old.value, state: "live" });
          } else if (one.op === "destroy") {
            await vault.destroy(which, [one.n]);
            old.state = "destroyed";
          } else {
            await vault.change(one.op, which, [one.n]);
            if (old.state !== "destroyed") old.state = one.op === "delete" ? "deleted" : "live";
          }
        }
        if (versions.length === 0) return;
        const { items } = await vault.versions(which);
        expect(items.map(({ state }) => state).reverse()).toEqual(
          versions.map(({ state }) => state),
        );
        for (const [index, { value, state }] of versions.entries()) {
          const read = vault.get(which, { version: index + 1 });
          if (state === "live") expect((await read).value.toString()).toBe(value);
          else expect(await codeOf(read)).toBe("E_SECRET_GONE");
        }
      }),
      { numRuns: 12 },
    );
  });
  test("cas 0 fails for a deleted secret too; previous is the version before; scopes are apart", async () => {
    const { vault } = await filled();
    await vault.change("delete", a);
    expect(await codeOf(vault.set(a, text("x"), { cas: 0 }))).toBe("E_CONFLICT");
    expect(await codeOf(vault.get(a))).toBe("E_SECRET_GONE");
    await vault.change("undelete", a);
    expect((await vault.get(a, { label: "previous" })).value.toString()).toBe("two");
    await vault.set({ name: "a", scope: "staging" }, text("s"));
    expect(await codeOf(vault.get(a))).toBe("E_USAGE");
    expect((await vault.get({ ...a, scope: "staging" })).value.toString()).toBe("s");
    expect((await vault.list("production")).map(({ env, name }) => [env, name])).toEqual([
      ["production", "b"],
    ]);
  });

  test("destroyed content is gone from the store", async () => {
    const { driver, vault } = await filled();
    const before = (await contents(driver)).size;
    await vault.destroy(a, [1, 2]);
    const after = [...(await contents(driver)).keys()];
    expect(after.filter((key) => key.startsWith("m/"))).toHaveLength(6); // 2 values, 4 names
    expect(after.length).toBe(before - 2 + 1);
  });
});

test("vault attack 1: swapped, changed and missing parts of every kind are refused with exit 6", async () => {
  const { driver, open } = await filled();
  const good = await contents(driver);
  const keys = [...good.keys()];
  const check = async (what: string) => {
    expect(
      await exitOf(
        open()
          .audit({ verify: true })
          .then(({ problems }) => {
            if (problems.length > 0)
              throw Object.assign(new Error(problems[0]), { code: "E_VAULT_DAMAGED" });
          }),
      ),
      what,
    ).toBe(6);
  };
  for (const key of keys) {
    const bytes = good.get(key) as Buffer;
    // the document is for the store; what of it matters here is its state
    const at = key.startsWith("d/") ? bytes.indexOf('"objects"') + 14 : bytes.byteLength >> 1;
    const other = Buffer.from(bytes);
    other[at] = other[at] === 65 ? 66 : 65;
    await driver.put(key, other);
    await check(`changed ${key}`);
    await driver.delete(key);
    await check(`missing ${key}`);
    await driver.put(key, bytes);
  }
  const records = keys.filter((key) => key.startsWith("m/"));
  // every pair of one record with parts of another is in codec.test.ts
  for (const [index, one] of records.entries()) {
    const two = records.at(index - 1) ?? "";
    await driver.put(one, good.get(two) as Buffer);
    await check(`${two} as ${one}`);
    await driver.put(one, good.get(one) as Buffer);
  }
  expect((await open().audit({ verify: true })).problems).toEqual([]);
}, 120_000);

test("vault attack 2: an old record is no new version, and no secret of another vault", async () => {
  const one = await filled();
  const store = openStore({ driver: one.driver, grace: 60_000, memory: 1e6 });
  const ledger = store.ledger(vaultKind());
  const entries = await Array.fromAsync(ledger.history(vaultName));
  const events = entries.flatMap(({ changes }) => changes.flatMap((change) => change.events));
  for (const event of events) {
    const good = await contents(one.driver);
    await ledger.change(vaultName, { name: "x", via: "cli" }, () => [event]);
    expect(await exitOf(one.open().list())).toBe(6);
    await bringBack(one.driver, good);
    store.doubt();
  }
  const two = await filled();
  await bringBack(two.driver, await contents(one.driver));
  expect(await codeOf(two.open().list())).toBe("E_VAULT_ROLLBACK");
  // a machine that has never seen a vault does not take one that its identity did not make
  const fresh = join(two.folder, "../fresh");
  await mkdir(fresh, { mode: 0o700 });
  await cp(join(two.folder, "identity.jwe"), join(fresh, "identity.jwe"));
  expect(await codeOf(two.open({ folder: fresh }).list())).toBe("E_VAULT_LOCKED");
});

test("vault attack 3: names that look alike are distinct or refused", async () => {
  const { open } = await place();
  const vault = open();
  await vault.init();
  const names = ["a.b", "a:b", "a/b", "__proto__", "constructor", "A.b", "a%2Fb", "ä"];
  for (const [index, name] of names.entries()) await vault.set({ name }, text(String(index)));
  for (const [index, name] of names.entries())
    expect((await vault.get({ name })).value.toString()).toBe(String(index));
  expect((await vault.get({ name: "a\u0308" })).name).toBe("ä");
  for (const name of [
    "",
    "../a",
    "a//b",
    "/a",
    "a/",
    ".",
    "a/./b",
    " a",
    "a ",
    "a\u0000",
    "a\nb",
    "a\u202Eb",
    "a\u200Bb",
    "\uD800",
    "x".repeat(201),
    "\u001b[31m",
  ])
    expect(await codeOf(vault.set({ name }, text("x"))), JSON.stringify(name)).toBe(
      "E_INVALID_SECRET",
    );
  expect(await codeOf(vault.set({ name: "a", scope: "b/c" }, text("x")))).toBe("E_INVALID_SECRET");
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: "binary", maxLength: 12 }), async (name) => {
      const code = await codeOf(vault.get({ name: `zz${name}` }));
      expect(["E_INVALID_SECRET", "E_SECRET_NOT_FOUND"]).toContain(code);
      // what a message repeats of it can be printed
      const { message } = await vault
        .get({ name: `zz${name}` })
        .catch((error: Error) => error as any);
      expect(message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }),
    { numRuns: 100 },
  );
});

test("vault attack 4: an older, a forked and a lost history are noticed on every machine that has seen more", async () => {
  const { driver, folder, open, vault } = await filled();
  const old = await contents(driver);
  const other = join(folder, "../other");
  await cp(folder, other, { recursive: true });
  await chmod(other, 0o700);
  await vault.set(a, text("four"));
  await bringBack(driver, old);
  expect(await codeOf(open().get(a))).toBe("E_VAULT_ROLLBACK");
  expect(await codeOf(open().set(a, text("x")))).toBe("E_VAULT_ROLLBACK");
  // the other machine has seen nothing newer, and goes on from there
  const second = open({ folder: other });
  await second.set(a, text("fork"));
  await second.set(a, text("further"));
  expect(await codeOf(open().get(a))).toBe("E_VAULT_ROLLBACK");
  await bringBack(driver, new Map());
  for (const machine of [folder, other]) {
    expect(await codeOf(open({ folder: machine }).get(a))).toBe("E_VAULT_ROLLBACK");
    expect(await codeOf(open({ folder: machine }).init())).toBe("E_VAULT_ROLLBACK");
  }
});

test("vault attack 5: a slot of somebody else's making, and events that they signed, are refused", async () => {
  const { driver, open } = await filled();
  const good = await contents(driver);
  const recipient = await identityToRecipient(await generateX25519Identity());
  for (const key of [...good.keys()].filter((one) => one.startsWith("slot/"))) {
    const file = new Encrypter();
    file.addRecipient(recipient);
    await driver.put(key, await file.encrypt(randomBytes(32)));
    expect(
      (await exitOf(open().audit({ verify: true }))) ||
        (await open().audit({ verify: true })).problems.length,
      key,
    ).toBeGreaterThan(0);
    await driver.put(key, good.get(key) as Buffer);
  }
  const { privateKey, publicKey } = await generateKeyPair("EdDSA", { crv: "Ed25519" });
  const theirs = await calculateJwkThumbprint(await exportJWK(publicKey));
  const store = openStore({ driver, grace: 60_000, memory: 1e6 });
  const ledger = store.ledger(vaultKind());
  const { head, seq } = (await ledger.read(vaultName))!.state;
  const admin = (await open().audit()).items[0] as any;
  const scope = (await open().audit()).items[1] as any;
  const event = { op: "scope", s: "mine", slot: scope.event.slot, rec: scope.event.rec };
  const next = { ...event, seq: seq + 1, prev: head, at: Date.now() };
  const sign = (by: string, kid: string) =>
    new CompactSign(text(JSON.stringify({ ...next, by })))
      .setProtectedHeader({ alg: "EdDSA", kid, typ: "citadel-vault" })
      .sign(privateKey);
  const { by } = admin.event;
  const unsigned = (await sign(by, by)).replace(/[^.]*$/, "");
  const none = `${Buffer.from(JSON.stringify({ alg: "none", kid: by, typ: "citadel-vault" })).toString("base64url")}.${unsigned.split(".")[1]}.`;
  const hmac = await new CompactSign(text(JSON.stringify({ ...next, by })))
    .setProtectedHeader({ alg: "HS256", kid: by, typ: "citadel-vault" })
    .sign(text(JSON.stringify(admin.event.sign)));
  for (const jws of [
    await sign(theirs, theirs),
    await sign(by, by),
    await sign(by, theirs),
    unsigned,
    none,
    hmac,
    "",
    "a.b.c",
  ]) {
    await ledger.change(vaultName, { name: "x", via: "cli" }, () => [{ jws, keep: [], drop: [] }]);
    expect(await codeOf(open().list()), jws).toBe("E_VAULT_DAMAGED");
    await bringBack(driver, good);
    store.doubt();
  }
  expect((await open().audit({ verify: true })).problems).toEqual([]);
});

test("vault attack 12: a hostile key file is refused before any work", async () => {
  const { folder, open } = await filled();
  const file = join(folder, "identity.jwe");
  const good = await readFile(file, "utf8");
  const salt = randomBytes(16).toString("base64url");
  const head = (kdf: unknown, more = {}) => {
    const header = {
      alg: "dir",
      enc: "A256GCM",
      crit: ["kdf"],
      kdf,
      typ: "citadel-identity",
      ...more,
    };
    return good.replace(/^[^.]*/, Buffer.from(JSON.stringify(header)).toString("base64url"));
  };
  const argon = { name: "argon2id", salt, m: 65536, t: 3, p: 4 };
  const bad: Record<string, string> = {
    "t = 2^31": head({ ...argon, t: 2 ** 31 }),
    "1 TiB": head({ ...argon, m: 2 ** 30 }),
    "2^40": head({ name: "scrypt", salt, n: 2 ** 40, r: 8, p: 1 }),
    "scrypt of 8 GiB": head({ name: "scrypt", salt, n: 2 ** 20, r: 32, p: 16 }),
    "no salt": head({ ...argon, salt: "" }),
    unknown: head({ ...argon, name: "md5" }),
    PBES2: head(argon, { alg: "PBES2-HS512+A256KW", p2c: 2 ** 31 }),
    zip: head(argon, { zip: "DEF" }),
    large: "x".repeat(20_000),
    empty: "",
  };
  const asked = async (): Promise<string | undefined> => codeOf(open().list());
  for (const [name, content] of Object.entries(bad)) {
    await writeFile(file, content, { mode: 0o600 });
    expect(await asked(), name).toBe("E_VAULT_LOCKED");
  }
  await rm(file);
  await writeFile(join(folder, "elsewhere"), good, { mode: 0o600 });
  await symlink(join(folder, "elsewhere"), file);
  expect(await asked(), "link").toBe("E_VAULT_LOCKED");
  await rm(file);
  execFileSync("mkfifo", ["-m", "600", file]);
  expect(await asked(), "fifo").toBe("E_VAULT_LOCKED");
  await rm(file);
  await mkdir(file);
  expect(await asked(), "folder").toBe("E_VAULT_LOCKED");
  await rm(file, { recursive: true });
  await writeFile(file, good, { mode: 0o600 });
  await chmod(file, 0o640);
  expect(await asked(), "mode").toBe("E_VAULT_LOCKED");
  await chmod(file, 0o600);
  expect(await asked()).toBeUndefined();
  expect(await codeOf(open({ passphrase: `${passphrase}!` }).list())).toBe("E_VAULT_LOCKED");
});

test("vault attack 18: what is changed in the access log is named, and without the log nothing is handed out", async () => {
  const { folder, open, vault } = await filled();
  for (let version = 1; version <= 3; version++) await valueOf(vault, version);
  const id = ((await vault.audit()).items[0] as any).event;
  expect(id.op).toBe("genesis");
  const [file = ""] = (await import("node:fs"))
    .readdirSync(folder)
    .filter((one) => one.startsWith("access-"));
  const path = join(folder, file);
  const good = await readFile(path);
  const changes: [string, string, number][] = [
    ["edited", "UPDATE entry SET body = replace(body, '\"n\":2', '\"n\":3') WHERE i = 2", 2],
    ["removed", "DELETE FROM entry WHERE i = 1", 1],
    ["cut", "DELETE FROM entry WHERE i = 3", 3],
    ["cut and counted", "DELETE FROM entry WHERE i = 3; UPDATE chain SET next = 3", 3],
    [
      "reordered",
      "UPDATE entry SET i = 9 WHERE i = 1; UPDATE entry SET i = 1 WHERE i = 2; UPDATE entry SET i = 2 WHERE i = 9",
      1,
    ],
    ["key of today", "UPDATE chain SET key = zeroblob(32)", 4],
  ];
  for (const [what, sql, first] of changes) {
    const database = new DatabaseSync(path);
    database.exec(sql);
    database.close();
    const { problems } = await open().audit();
    expect(problems.join(), what).toContain(`from entry ${first} on`);
    await writeFile(path, good);
  }
  expect((await open().audit()).problems).toEqual([]);
  await rm(path);
  await mkdir(path);
  expect(await codeOf(open().get(a))).toBe("E_ACCESS_LOG");
});

test("vault attack 24: names, values and hashes of them are nowhere in the store", async () => {
  const { driver, open } = await place();
  const vault = open();
  await vault.init();
  const words = ["database-password", "payments-scope", "the-value-itself"];
  await vault.set({ name: words[0] ?? "", scope: words[1] }, text(words[2] ?? ""));
  await vault.get({ name: words[0] ?? "" });
  for (const [key, bytes] of await contents(driver))
    for (const word of words)
      for (const form of [
        word,
        text(word).toString("base64url"),
        text(word).toString("hex"),
        createHash("sha256").update(word).digest("base64url"),
      ])
        expect(key.includes(form) || bytes.includes(form), `${form} in ${key}`).toBe(false);
  // the payloads of the signed events are base64url of JSON
  for (const item of (await vault.audit()).items)
    if (item.kind === "change")
      for (const word of words) expect(JSON.stringify(item.event)).not.toContain(word);
});

test("vault attack 22: a weak value cannot be guessed from the store or this machine: no hash of it under any key, and no key, is kept", async () => {
  const at = await place();
  const { driver } = at;
  const folder = dirname(at.folder);
  const weak = text("hunter2");
  const [ann, bob] = [await machine(driver, folder), await machine(driver, folder)];
  const vault = ann.open();
  await vault.init();
  // the same in two secrets and two versions; beside it one of another length
  for (const name of ["one", "two"]) await vault.set({ name }, weak);
  await vault.set({ name: "one" }, weak, { force: true });
  await vault.set({ name: "long" }, text("x".repeat(30)));
  await vault.addMember(publicId(bob.identity.member), {
    ...{ name: "bob", kind: "person", role: "dev", scopes: ["default"] },
  });
  await vault.get({ name: "one" });
  await vault.traces();
  await vault.rekey();
  await vault.set({ name: "two" }, text("another"));

  // keys that somebody could have or guess: none, what lies open, and those of the scopes, which only members can open
  const opened = async (bytes: Uint8Array) => {
    const file = new Decrypter();
    file.addIdentity(ann.identity.age);
    return Buffer.from(await file.decrypt(bytes));
  };
  const objects = await contents(driver);
  const slots = [...objects].filter(([key]) => key.startsWith("slot/"));
  const secret = await Promise.all(slots.map(([, bytes]) => opened(bytes)));
  expect(secret.length).toBeGreaterThanOrEqual(2);
  const derived = secret.flatMap((key) =>
    ["index/", "index", ""].map((info) => Buffer.from(hkdfSync("sha256", key, "", info, 32))),
  );
  const { items } = await vault.audit();
  const open = items.flatMap((item) =>
    item.kind === "change"
      ? Object.values(item.event).filter((one) => typeof one === "string")
      : [],
  );
  const keys = [...secret, ...derived, ...["", "one", "two", "default", ...open].map(text)];
  const sums = ["md5", "sha1", "sha256", "sha512"].flatMap((name) => [
    createHash(name).update(weak).digest(),
    ...keys.map((key) => createHmac(name, key).update(weak).digest()),
  ]);
  const forms = [...sums, ...secret, ...derived, weak].flatMap((bytes) => [
    bytes,
    ...(["hex", "base64", "base64url"] as const).map((form) =>
      text(bytes.toString(form).replace(/=+$/, "")),
    ),
  ]);
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((one) =>
    one.isFile(),
  );
  expect(files.length).toBeGreaterThanOrEqual(2);
  for (const { parentPath, name } of files)
    objects.set(name, await readFile(join(parentPath, name)));
  for (const [key, bytes] of objects)
    for (const form of forms)
      expect(bytes.includes(form), `${form.toString()} in ${key}`).toBe(false);

  // equal values cannot be told from others: no two records share what is sealed, and all are of the same few sizes
  const sealed = [...objects]
    .filter(([key]) => key.startsWith("m/"))
    .map(([, bytes]) => (JSON.parse(bytes.toString()) as { ciphertext: string }).ciphertext);
  expect(sealed.length).toBeGreaterThan(5);
  expect(new Set(sealed).size).toBe(sealed.length);
  const sizes = new Set(sealed.map((one) => Buffer.from(one, "base64url").byteLength));
  expect([...sizes].filter((size) => size % 64 !== 0)).toEqual([]);
});
