import crypto, { randomBytes, timingSafeEqual, type BinaryLike } from "node:crypto";
import { promisify } from "node:util";

import { CitadelError } from "../errors.ts";
import { createTurns } from "../turns.ts";
import { foreignHash, matchesForeign } from "./htpasswd.ts";

/** Hashes under way at once; each takes a core and its memory. */
const atOnce = 2;
const saltBytes = 16;
const hashBytes = 32;

/** OWASP's parameters: Argon2id with 19 MiB, 2 passes, 1 lane; scrypt with N = 2^15, r = 8, p = 3. */
const argon2id = "$argon2id$v=19$m=19456,t=2,p=1";
const scrypt = "$scrypt$ln=15,r=8,p=3";

/** Hashing of passwords; one per store, so that the bound on hashes at once holds. */
export interface Passwords {
  /** A PHC string. */
  hash(password: string): Promise<string>;
  /** Takes equally long whether there is a stored hash or not. */
  matches(password: string, stored: string | undefined): Promise<boolean>;
  /** Was it made with other parameters than a new one would be? */
  outdated(stored: string): boolean;
}

type Derive = (password: string, salt: Buffer, length: number) => Promise<Buffer>;

/** Argon2id where this runtime has it, else scrypt. Both are verified wherever they can be. */
export function createPasswords(): Passwords {
  const preferred = typeof crypto.argon2 === "function" ? argon2id : scrypt;
  const turn = createTurns(atOnce);

  return {
    hash: (password) =>
      turn(async () => {
        const salt = randomBytes(saltBytes);
        const derive = derivation(preferred);
        const hash = await derive(password, salt, hashBytes);
        return `${preferred}$${base64(salt)}$${base64(hash)}`;
      }),

    matches: (password, stored) =>
      turn(async () => {
        const foreign = stored === undefined ? undefined : foreignHash(stored);
        const nobody = `${preferred}$${base64(Buffer.alloc(saltBytes))}$${base64(Buffer.alloc(hashBytes))}`;
        const { parameters, salt, hash } = parse(
          foreign === undefined ? (stored ?? nobody) : nobody,
        );
        const same = timingSafeEqual(
          await derivation(parameters)(password, salt, hash.length),
          hash,
        );
        // after the other, so that a quick hash of an account that came from elsewhere does not tell that there is one
        if (foreign !== undefined) return matchesForeign(password, foreign);
        return same && stored !== undefined;
      }),

    outdated: (stored) =>
      foreignHash(stored) !== undefined || parse(stored).parameters !== preferred,
  };
}

/** The function that PHC parameters (`$argon2id$v=19$m=…,t=…,p=…`, `$scrypt$ln=…,r=…,p=…`) stand for. */
function derivation(parameters: string): Derive {
  const [, algorithm, ...rest] = parameters.split("$");
  const numbers = new Map(
    (rest.at(-1) ?? "").split(",").map((pair): [string, number] => {
      const [key = "", value] = pair.split("=");
      return [key, Number(value)];
    }),
  );
  const number = (key: string): number => numbers.get(key) ?? 0;
  if (algorithm === "argon2id" && typeof crypto.argon2 === "function") {
    const derive = promisify(crypto.argon2);
    return (password, salt, tagLength) =>
      derive("argon2id", {
        message: password,
        nonce: salt,
        memory: number("m"),
        passes: number("t"),
        parallelism: number("p"),
        tagLength,
      });
  }
  if (algorithm === "scrypt") {
    const derive = promisify<BinaryLike, BinaryLike, number, crypto.ScryptOptions, Buffer>(
      crypto.scrypt,
    );
    const options = { N: 2 ** number("ln"), r: number("r"), p: number("p") };
    return (password, salt, length) =>
      // Node refuses what needs more than 32 MiB unless it is told
      derive(password, salt, length, { ...options, maxmem: 256 * options.N * options.r });
  }
  throw new CitadelError(
    "E_CONFIG",
    `this runtime has no ${algorithm ?? "such hash"} for passwords`,
    {
      hint: ["run Citadel with Node 24.7 or newer, as when the account was made"],
    },
  );
}

function parse(stored: string): { parameters: string; salt: Buffer; hash: Buffer } {
  const parts = stored.split("$");
  const [salt = "", hash = ""] = parts.splice(-2);
  return {
    parameters: parts.join("$"),
    salt: Buffer.from(salt, "base64"),
    hash: Buffer.from(hash, "base64"),
  };
}

/** PHC strings leave the padding off. */
function base64(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}
