import * as crypto from "node:crypto";
import { promisify } from "node:util";
import { CitadelError } from "../../errors.ts";

/** How a passphrase becomes a key; stands beside what the key seals. */
export type Derivation =
  | {
      readonly name: "argon2id";
      /** base64url */
      readonly salt: string;
      /** KiB */
      readonly m: number;
      readonly t: number;
      readonly p: number;
    }
  | {
      readonly name: "scrypt";
      readonly salt: string;
      readonly n: number;
      readonly r: number;
      readonly p: number;
    };

const keyBytes = 32;
const saltBytes = 16;
/** Bytes that a derivation may ask for. */
const mostMemory = 2 ** 30;

const scrypt = promisify<string, Buffer, number, crypto.ScryptOptions, Buffer>(crypto.scrypt);

/** RFC 9106 argon2id where this Node has it, else scrypt (RFC 7914). */
export function newDerivation(): Derivation {
  const salt = crypto.randomBytes(saltBytes).toString("base64url");
  // Node 22 and others have no argon2
  return typeof crypto.argon2 === "function"
    ? { name: "argon2id", salt, m: 64 * 1024, t: 3, p: 4 }
    : { name: "scrypt", salt, n: 2 ** 17, r: 8, p: 1 };
}

/**
 * What a file says of its derivation, when it asks for no more than a reasonable amount of work.
 * @returns undefined for anything else
 */
export function readDerivation(value: unknown): Derivation | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { name, salt, m, t, p, n, r, ...more } = value as Record<string, unknown> & Fields;
  const upTo = (number: unknown, most: number): number is number =>
    Number.isSafeInteger(number) && (number as number) > 0 && (number as number) <= most;
  if (Object.keys(more).length > 0 || typeof salt !== "string") return undefined;
  const { length } = Buffer.from(salt, "base64url");
  if (length < saltBytes || length > 64 || !upTo(p, 16)) return undefined;
  if (name === "argon2id" && n === undefined && r === undefined)
    return upTo(m, mostMemory / 1024) && upTo(t, 10) ? { name, salt, m, t, p } : undefined;
  if (name === "scrypt" && m === undefined && t === undefined)
    return upTo(n, 2 ** 20) && (n & (n - 1)) === 0 && upTo(r, 32) && 128 * n * r * p <= mostMemory
      ? { name, salt, n, r, p }
      : undefined;
  return undefined;
}

interface Fields {
  name?: unknown;
  salt?: unknown;
  m?: unknown;
  t?: unknown;
  p?: unknown;
  n?: unknown;
  r?: unknown;
}

/** 32 bytes from a passphrase. @throws E_VAULT_LOCKED when this Node cannot do it */
export async function deriveKey(passphrase: string, how: Derivation): Promise<Buffer> {
  const message = passphrase.normalize("NFC");
  const nonce = Buffer.from(how.salt, "base64url");
  if (how.name === "scrypt") {
    const { n: N, r, p } = how;
    return scrypt(message, nonce, keyBytes, { N, r, p, maxmem: 2 * mostMemory });
  }
  if (typeof crypto.argon2 !== "function")
    throw new CitadelError("E_VAULT_LOCKED", "this key file needs argon2, which this Node lacks", {
      hint: ["run it with Node 24.7 or newer"],
    });
  const { m: memory, t: passes, p: parallelism } = how;
  const argon2 = promisify(crypto.argon2);
  return argon2("argon2id", {
    ...{ message, nonce, memory, passes, parallelism },
    tagLength: keyBytes,
  });
}
