import { createHash, randomBytes, randomInt } from "node:crypto";

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** 238 bits; secret scanners know `npm_` with 36 to 48 of these */
const length = 40;
/** characters that lists show, with four or less of the secret */
const shown = { token: 8, apiKey: 9 };

/** A new random token, `npm_` and 40 letters and digits. */
export function newToken(): string {
  return `npm_${Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join("")}`;
}

const apiKeyPrefix = "ctdl_";
/** characters of the random part and of the checksum, base64url */
const keyLength = 43;
const checkLength = 6;

/** A new random API key: `ctdl_`, 32 bytes in base64url, and six characters that tell a mistyped one. */
export function newApiKey(): string {
  const body = apiKeyPrefix + randomBytes(32).toString("base64url");
  return body + checksum(body);
}

/** Whether a text has the form and the checksum of an API key; says nothing of whether there is such a one. */
export function isApiKey(text: string): boolean {
  const body = text.slice(0, -checkLength);
  return (
    text.startsWith(apiKeyPrefix) &&
    body.length === apiKeyPrefix.length + keyLength &&
    text.endsWith(checksum(body))
  );
}

/** Whether what lists show is of an API key. */
export const isKeyPrefix = (prefix: string): boolean => prefix.startsWith(apiKeyPrefix);

const checksum = (body: string): string =>
  createHash("sha256").update(body).digest("base64url").slice(0, checkLength);

/** The name under which a token is kept: its SHA-256, hex. */
export function tokenId(token: string): string {
  return createHash("sha256").update(token).digest("hex");
}

/** What may be shown of a token. */
export function tokenPrefix(token: string): string {
  return token.slice(0, isKeyPrefix(token) ? shown.apiKey : shown.token);
}
