import { randomBytes, randomUUID } from "node:crypto";
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { fileURLToPath } from "node:url";
import { locked } from "../problems.ts";
import type { Identity } from "../types.ts";
import { readSecretText, secretText } from "./text.ts";

/** A place of the operating system's for small secrets. Every call may throw: it is locked, or not there. */
export interface Keychain {
  get(account: string): Promise<string | undefined>;
  set(account: string, text: string): Promise<void>;
  delete(account: string): Promise<void>;
}

/** A module whose `open` returns a keychain. */
export type KeychainModule = string;

const keyring: KeychainModule = new URL("./keyring.js", import.meta.url).href;
/** ms */
const patience = 10_000;

const openKeychain = async (module: KeychainModule): Promise<Keychain> =>
  ((await import(module)) as { open(): Promise<Keychain> }).open();

/** Says in which entry of the keychain the identity is. Only what has this asks the keychain at all. */
const markerOf = (folder: string): string => join(folder, "keychain.json");

/**
 * Why the keychain of this machine is of no use; undefined when it is. A value is written, read by another process,
 * compared and deleted: some systems take everything, and forget it with the process.
 */
export async function whyNoKeychain(module = keyring): Promise<string | undefined> {
  const account = `probe-${randomUUID()}`;
  const value = randomBytes(16).toString("hex");
  try {
    const keychain = await openKeychain(module);
    await keychain.set(account, value);
    try {
      const child = fileURLToPath(new URL("./read-back.js", import.meta.url));
      const { stdout } = await promisify(execFile)(process.execPath, [child, module, account], {
        timeout: patience,
      });
      return stdout === value ? undefined : "it does not keep what it takes";
    } finally {
      await keychain.delete(account);
    }
  } catch (error) {
    return (error instanceof Error ? error.message : String(error)).split("\n")[0];
  }
}

/** The identity of the keychain; undefined when none was put there. @throws E_VAULT_LOCKED */
export async function openFromKeychain(
  folder: string,
  module = keyring,
): Promise<Identity | undefined> {
  const path = markerOf(folder);
  const marker = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw locked(`${path} cannot be read`, error);
  });
  if (marker === undefined) return undefined;
  let text: string | undefined;
  try {
    const { account } = JSON.parse(marker) as { account: string };
    text = await (await openKeychain(module)).get(account);
  } catch (error) {
    throw locked("the keychain does not open, and the identity is in it", error, [
      "unlock it, and try again",
    ]);
  }
  const identity = text === undefined ? undefined : await readSecretText(text);
  if (!identity) throw locked(`the keychain has no identity, though ${path} says so`);
  return identity;
}

/** Puts an identity into the keychain of this user. @throws E_VAULT_LOCKED */
export async function keepInKeychain(
  folder: string,
  identity: Identity,
  module = keyring,
): Promise<void> {
  const account = randomUUID();
  try {
    await (await openKeychain(module)).set(account, secretText(identity));
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const marker = `${JSON.stringify({ account })}\n`;
    await writeFile(markerOf(folder), marker, { mode: 0o600, flag: "wx", flush: true });
  } catch (error) {
    throw locked("the keychain does not take the identity", error);
  }
}
