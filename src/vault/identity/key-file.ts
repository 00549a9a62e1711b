import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { link, mkdir, open, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  CompactEncrypt,
  compactDecrypt,
  exportJWK,
  generateKeyPair,
  decodeProtectedHeader,
  type JWK,
} from "jose";
import { CitadelError } from "../../errors.ts";
import { locked } from "../problems.ts";
import { deriveKey, newDerivation, readDerivation } from "./passphrase.ts";
import type { Identity } from "../types.ts";
import { identityOf } from "./text.ts";

/** Asks for the passphrase of something that is to be sealed, or is. */
export type AskPassphrase = (use: "new" | "known") => Promise<string>;

/** Where an identity lies: sealed under a passphrase, readable by this user alone. */
export const keyFileOf = (folder: string): string => join(folder, "identity.jwe");

const mostBytes = 16 * 1024;
const fewestCharacters = 8;
const typ = "citadel-identity";

/**
 * The identity of the key file.
 * @param passphrase asked for when there is a file that may be opened
 * @returns undefined when there is none
 * @throws E_VAULT_LOCKED
 */
export async function openKeyFile(
  folder: string,
  passphrase: AskPassphrase,
): Promise<Identity | undefined> {
  const path = keyFileOf(folder);
  const text = await readPrivate(folder, path);
  return text === undefined ? undefined : openSealed(text, path, passphrase);
}

/** The identity of a sealed text. @param where it was found, for people @throws E_VAULT_LOCKED */
export async function openSealed(
  text: string,
  where: string,
  passphrase: AskPassphrase,
): Promise<Identity> {
  const how = derivationOf(text);
  if (!how) throw locked(`${where} is no key file, or asks for more work than any real one`);
  const key = await deriveKey(await passphrase("known"), how);
  try {
    const { plaintext } = await compactDecrypt(text, key, {
      keyManagementAlgorithms: ["dir"],
      contentEncryptionAlgorithms: ["A256GCM"],
      crit: { kdf: true },
    });
    const { age, sign } = JSON.parse(Buffer.from(plaintext).toString()) as Sealed;
    return await identityOf(age, sign);
  } catch (error) {
    throw locked(`${where} does not open with this passphrase`, error);
  } finally {
    key.fill(0);
  }
}

/** A new identity; nobody else has its keys. */
export async function newIdentity(): Promise<Identity> {
  const { generateX25519Identity } = await import("age-encryption");
  const pair = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
  return identityOf(await generateX25519Identity(), await exportJWK(pair.privateKey));
}

/** Seals an identity in a new key file; whole or not at all. @throws E_USAGE for a passphrase that is too short, E_VAULT_LOCKED */
export async function keepInKeyFile(
  folder: string,
  { age, sign }: Identity,
  passphrase: AskPassphrase,
): Promise<void> {
  const chosen = await passphrase("new");
  if (chosen.length < fewestCharacters)
    throw new CitadelError("E_USAGE", `a passphrase has ${fewestCharacters} characters or more`);
  const kdf = newDerivation();
  const key = await deriveKey(chosen, kdf);
  const text = await new CompactEncrypt(Buffer.from(JSON.stringify({ age, sign })))
    .setProtectedHeader({ alg: "dir", enc: "A256GCM", crit: ["kdf"], kdf, typ })
    .encrypt(key, { crit: { kdf: true } });
  key.fill(0);
  const path = keyFileOf(folder);
  const draft = `${path}.${randomUUID()}`;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(draft, `${text}\n`, { mode: 0o600, flag: "wx", flush: true });
    await link(draft, path);
  } catch (error) {
    throw locked(`${path} cannot be made`, error);
  } finally {
    await rm(draft, { force: true }).catch(() => {});
  }
}

interface Sealed {
  readonly age: string;
  readonly sign: JWK;
}

function derivationOf(text: string): ReturnType<typeof readDerivation> {
  try {
    const { alg, enc, crit, kdf, typ: type, ...more } = decodeProtectedHeader(text);
    const ours = alg === "dir" && enc === "A256GCM" && type === typ && String(crit) === "kdf";
    return ours && Object.keys(more).length === 0 ? readDerivation(kdf) : undefined;
  } catch {
    return undefined;
  }
}

/** A file and a folder of this user's alone; anything else could have been put there by somebody. */
async function readPrivate(folder: string, path: string): Promise<string | undefined> {
  const posix = process.platform !== "win32";
  // a fifo would wait for a writer, a link would lead elsewhere
  const flags = constants.O_RDONLY | (posix ? constants.O_NOFOLLOW | constants.O_NONBLOCK : 0);
  const file = await open(path, flags).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw locked(error.code === "ELOOP" ? `${path} is a link` : `${path} cannot be read`, error);
  });
  if (!file) return undefined;
  try {
    const [found, around] = await Promise.all([file.stat(), stat(folder)]);
    if (!found.isFile() || found.size > mostBytes) throw locked(`${path} is no key file`);
    if (posix && ((found.mode & 0o077) !== 0 || (around.mode & 0o077) !== 0))
      throw locked(`${path} or its folder can be read by others`, undefined, [
        `chmod 700 ${folder} && chmod 600 ${path}`,
      ]);
    if (posix && found.uid !== process.getuid?.()) throw locked(`${path} belongs to another user`);
    return (await file.readFile("utf8")).trim();
  } finally {
    await file.close();
  }
}
