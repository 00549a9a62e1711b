import { createHash, randomInt } from "node:crypto";

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** 238 bits; secret scanners know `npm_` with 36 to 48 of these */
const length = 40;
/** characters that lists show */
const shown = 8;

/** A new random token, `npm_` and 40 letters and digits. */
export function newToken(): string {
  return `npm_${Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join("")}`;
}

/** The name under which a token is kept: its SHA-256, hex. */
export function tokenId(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** What may be shown of a token. */
export function tokenPrefix(token: string): string {
  return token.slice(0, shown);
}
