import {
  createCipheriv,
  createDecipheriv,
  hkdfSync,
  randomBytes,
  randomUUID,
  type KeyObject,
  createSecretKey,
} from "node:crypto";
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Later } from "../config/reference.ts";
import { CitadelError } from "../errors.ts";

const keyBytes = 32;
const ivBytes = 12;
const tagBytes = 16;

/** Seals small secrets for the store: AES-256-GCM under the key of this server, bound to what they are for. */
export interface Sealer {
  /** names the key; part of everything that is sealed */
  readonly id: string;
  /** @returns `v1.<id of the key>.<base64url of nonce, ciphertext and tag>` */
  seal(plain: Uint8Array, use: string): string;
  /** @throws E_SERVER_KEY when it was sealed under another key, or for another use */
  open(sealed: string, use: string): Buffer;
  /** 32 bytes for one use, from which nobody finds the key or those of other uses */
  derive(use: string): Buffer;
}

export interface SealerOptions {
  /** value of CITADEL_SERVER_KEY */
  readonly serverKey: Later | undefined;
  /** folder of the key file */
  readonly folder: string;
}

/** Name of the file that holds the key of the server where CITADEL_SERVER_KEY is not set. */
const keyFile = "server.key";

/**
 * The key of this server: from CITADEL_SERVER_KEY, else from the key file.
 * @param make whether a key file is made where there is none, readable by this user alone
 * @returns undefined when there is no key and none may be made
 * @throws E_SERVER_KEY
 */
export async function openSealer(
  { serverKey, folder }: SealerOptions,
  make: boolean,
): Promise<Sealer | undefined> {
  const given = typeof serverKey === "function" ? await serverKey() : serverKey;
  if (given) return sealer(parseKey(given, "CITADEL_SERVER_KEY"));
  const path = join(folder, keyFile);
  const found = (await readKeyFile(path)) ?? (make ? await makeKeyFile(folder, path) : undefined);
  return found === undefined ? undefined : sealer(parseKey(found, path));
}

/** What a server says that cannot open what the others can. @param lost what to do when nobody has the key any more */
export function wrongKey(
  what: string,
  { folder }: SealerOptions,
  lost = "make a new signing key with citadel registry:keys:rotate",
): CitadelError {
  return new CitadelError(
    "E_SERVER_KEY",
    `${what} is sealed under the key of another server, which this one does not have`,
    {
      hint: [
        "give all servers of this store the same CITADEL_SERVER_KEY",
        `or copy ${keyFile} of the other server's data folder to ${folder}`,
        `the other key is lost: ${lost}`,
      ],
    },
  );
}

async function readKeyFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw unusable(`${path} cannot be read`, error);
  }
}

/** Whole or not at all, and once: of several processes that start at the same time one makes it. */
async function makeKeyFile(folder: string, path: string): Promise<string | undefined> {
  const draft = join(folder, `${keyFile}.${randomUUID()}`);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(draft, `${randomBytes(keyBytes).toString("base64")}\n`, {
      mode: 0o600,
      flag: "wx",
      flush: true,
    });
    await link(draft, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  } catch (error) {
    throw unusable(`${path} cannot be made`, error);
  } finally {
    await rm(draft, { force: true }).catch(() => {});
  }
  return readKeyFile(path);
}

function unusable(what: string, cause: unknown): CitadelError {
  return new CitadelError("E_SERVER_KEY", `the key of this server is missing: ${what}`, {
    cause,
    hint: ["set CITADEL_SERVER_KEY: openssl rand -base64 32"],
  });
}

/** 32 bytes in hex, base64 or base64url. The text itself never shows up in a message. */
function parseKey(text: string, where: string): Buffer {
  const plain = text.trim();
  const bytes = /^[0-9a-f]{64}$/i.test(plain)
    ? Buffer.from(plain, "hex")
    : /^[\w+/-]{43}=?$/.test(plain)
      ? Buffer.from(plain, "base64url")
      : undefined;
  if (bytes?.length === keyBytes) return bytes;
  throw new CitadelError("E_SERVER_KEY", `${where} is not a key: 32 bytes as base64 or hex`, {
    hint: ["make one: openssl rand -base64 32"],
  });
}

function sealer(secret: Buffer): Sealer {
  const derive = (use: string, length: number): Buffer =>
    Buffer.from(hkdfSync("sha256", secret, "", `citadel server key: ${use}`, length));
  const key: KeyObject = createSecretKey(derive("seal", keyBytes));
  const id = derive("id", 9).toString("base64url");
  return {
    id,
    derive: (use) => derive(`use ${use}`, keyBytes),
    seal(plain, use) {
      const iv = randomBytes(ivBytes);
      const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(use));
      const sealed = [iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()];
      return `v1.${id}.${Buffer.concat(sealed).toString("base64url")}`;
    },
    open(sealed, use) {
      const [version, under, data = ""] = sealed.split(".");
      const bytes = Buffer.from(data, "base64url");
      if (version !== "v1" || under !== id || bytes.length < ivBytes + tagBytes)
        throw new CitadelError("E_SERVER_KEY", "it is sealed under another key");
      const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, ivBytes), {
        authTagLength: tagBytes,
      })
        .setAAD(Buffer.from(use))
        .setAuthTag(bytes.subarray(-tagBytes));
      try {
        return Buffer.concat([
          decipher.update(bytes.subarray(ivBytes, -tagBytes)),
          decipher.final(),
        ]);
      } catch (error) {
        throw new CitadelError("E_SERVER_KEY", "it is damaged, or sealed for something else", {
          cause: error,
        });
      }
    },
  };
}
