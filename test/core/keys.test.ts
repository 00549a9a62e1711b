import { createPublicKey, sign as signWith, verify } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createKeys, signatureProblem, type Keys } from "@citadel/core/keys";
import { openStore, type Store } from "@citadel/core/store";
import memory from "@citadel/driver-memory";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { tempFolder, type Temp } from "../support/temp.ts";
import { codeOf } from "./registry-harness.ts";

let temp: Temp;
let store: Store;
beforeEach(async () => {
  temp = await tempFolder("keys");
  const driver = memory(new URL("memory:"));
  await driver.open();
  store = openStore({ driver, grace: 3_600_000, memory: 2 ** 20 });
});
afterEach(async () => {
  await store.close();
  await temp.remove();
});

const secret = (byte: number) => Buffer.alloc(32, byte).toString("base64");
/** A server over the same store. */
const server = (serverKey: string | undefined, folder = join(temp.path, "data")): Keys =>
  createKeys({ store, serverKey, folder });
const who = { name: "local", via: "cli" } as const;
const integrity = "sha512-x";
const signed = (keys: Keys) => keys.signVersion("@s/p", "1.0.0", integrity);
const version = { name: "@s/p", version: "1.0.0", integrity, time: 0 };

async function everything(): Promise<string> {
  const { entries } = await store.driver.list({ prefix: "" });
  const items = await Promise.all(entries.map(({ key }) => store.driver.get(key)));
  return items.map((item) => Buffer.from(item?.body ?? []).toString("latin1")).join("\n");
}

describe("H2 keys of the server", () => {
  test("nothing is made or read before the first signature", async () => {
    const keys = server(undefined);
    expect(await keys.list("registry")).toEqual([]);
    expect((await store.driver.list({ prefix: "" })).entries).toEqual([]);
    await expect(stat(join(temp.path, "data"))).rejects.toThrow("ENOENT");
  });

  test("many servers that start together end with one key", async () => {
    const signatures = await Promise.all(
      Array.from({ length: 8 }, (_, n) => signed(server(n % 2 ? secret(1) : secret(1)))),
    );
    const [key, ...others] = await server(secret(1)).list("registry");
    expect(others).toEqual([]);
    expect(new Set(signatures.map(({ keyid }) => keyid))).toEqual(new Set([key?.keyid]));
  });

  test("processes over one folder make one key file, for this user alone", async () => {
    const signatures = await Promise.all(
      Array.from({ length: 8 }, () => signed(server(undefined))),
    );
    expect(new Set(signatures.map(({ keyid }) => keyid)).size).toBe(1);
    const file = join(temp.path, "data", "server.key");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(Buffer.from(await readFile(file, "utf8"), "base64")).toHaveLength(32);
  });

  test("a signature is npm's: DER, ECDSA P-256 over NAME@VERSION:INTEGRITY", async () => {
    const keys = server(secret(1));
    const { keyid, sig } = await signed(keys);
    const [key] = await keys.list("registry");
    expect(key).toMatchObject({ keyid, algorithm: "ecdsa-p256", expires: null });
    const pem = `-----BEGIN PUBLIC KEY-----\n${key?.public ?? ""}\n-----END PUBLIC KEY-----`;
    const text = Buffer.from(`@s/p@1.0.0:${integrity}`);
    expect(verify("sha256", text, pem, Buffer.from(sig, "base64"))).toBe(true);
    expect(createPublicKey(pem).asymmetricKeyDetails).toEqual({ namedCurve: "prime256v1" });
  });

  test("the private half is nowhere in the store, and opens for its own use only", async () => {
    const keys = server(secret(1));
    const { key } = await keys.current("registry");
    const der = key.export({ format: "der", type: "pkcs8" });
    const text = await everything();
    for (const form of ["latin1", "base64", "base64url", "hex"] as const)
      expect(text).not.toContain(der.toString(form).slice(0, -4));
    const sealed = await keys.seal(Buffer.from("hook"), "hook/1");
    expect((await keys.unseal(sealed, "hook/1", "it")).toString()).toBe("hook");
    expect(await codeOf(keys.unseal(sealed, "hook/2", "it"))).toBe("E_SERVER_KEY");
    const changed = sealed.slice(0, -3) + (sealed.endsWith("AAA") ? "BBB" : "AAA");
    expect(await codeOf(keys.unseal(changed, "hook/1", "it"))).toBe("E_SERVER_KEY");
  });

  test("a server with another key, or with none, says so and makes no second signing key", async () => {
    const { keyid } = await signed(server(secret(1)));
    for (const other of [server(secret(2)), server(undefined)]) {
      const failure = await signed(other).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: "E_SERVER_KEY" });
      expect(String((failure as { hint: string[] }).hint)).toContain("CITADEL_SERVER_KEY");
      expect((await other.list("registry")).map((key) => key.keyid)).toEqual([keyid]);
    }
    // nor a key file, with which it would be in the way of the right one
    await expect(stat(join(temp.path, "data", "server.key"))).rejects.toThrow("ENOENT");
  });

  test("a value that is no key is refused, and not shown", async () => {
    for (const bad of ["short", secret(1).slice(4), "é".repeat(44)]) {
      const failure = await signed(server(bad)).catch((error: unknown) => error as Error);
      expect(failure).toMatchObject({ code: "E_SERVER_KEY" });
      expect((failure as Error).message).not.toContain(bad);
    }
    await signed(server(undefined));
    await writeFile(join(temp.path, "data", "server.key"), "damaged");
    expect(await codeOf(signed(server(undefined)))).toBe("E_SERVER_KEY");
  });

  test("after a rotation the new key signs, the old one verifies until it expires", async () => {
    const keys = server(secret(1));
    const before = await signed(keys);
    const made = await keys.rotate("registry", who, 60_000);
    const after = await signed(server(secret(1)));
    expect(after.keyid).toBe(made.keyid);
    expect(after.keyid).not.toBe(before.keyid);
    const known = await keys.list("registry");
    expect(known.map(({ keyid }) => keyid)).toEqual([after.keyid, before.keyid]);
    const { expires = null } = known[1] ?? {};
    expect(expires).toBe((known[0]?.created ?? 0) + 60_000);
    for (const one of [before, after])
      expect(signatureProblem(known, one, version)).toBeUndefined();
    const late = { ...version, time: Number(expires) + 1 };
    expect(signatureProblem(known, before, late)).toMatch(/expired/);
    // a server whose own key is another can take over, when the old one is lost
    const other = server(secret(2));
    const { keyid } = await other.rotate("registry", who, 0);
    expect((await signed(other)).keyid).toBe(keyid);
  });

  test("what is not exactly what was signed is not valid", async () => {
    const keys = server(secret(1));
    const good = await signed(keys);
    const known = await keys.list("registry");
    for (const change of [{ name: "@s/q" }, { version: "1.0.1" }, { integrity: "sha512-y" }])
      expect(signatureProblem(known, good, { ...version, ...change })).toMatch(/wrong/);
    expect(signatureProblem(known, { ...good, sig: "AAAA" }, version)).toMatch(/wrong/);
    expect(signatureProblem([], good, version)).toMatch(/no key of this registry/);
  });

  test("keys for tokens and tips are of their kind", async () => {
    const keys = server(secret(1));
    for (const [purpose, type] of [
      ["jwt-rs256", "rsa"],
      ["jwt-eddsa", "ed25519"],
      ["tip", "ed25519"],
    ] as const) {
      const { key, keyid } = await keys.current(purpose);
      expect(key.asymmetricKeyType).toBe(type);
      expect((await server(secret(1)).current(purpose)).keyid).toBe(keyid);
    }
    const { key } = await keys.current("tip");
    expect(signWith(null, Buffer.from("x"), key)).toHaveLength(64);
  });
});
