import type { JWK } from "jose";

/** What a field of an event looks like. */
export type Check = (value: unknown) => boolean;

export const isText: Check = (value) =>
  typeof value === "string" && value.length > 0 && value.length <= 200;
/** SHA-256, base64url */
export const isHash: Check = (value) => typeof value === "string" && /^[\w-]{43}$/.test(value);
export const isFlag: Check = (value) => typeof value === "boolean";
/** A whole number from 1 on. */
export const isNumber: Check = (value) => Number.isSafeInteger(value) && (value as number) > 0;
/** Ed25519, the public half */
export const isKey: Check = (value) => {
  const { kty, crv, x, ...more } = (value ?? {}) as JWK;
  return kty === "OKP" && crv === "Ed25519" && isHash(x) && Object.keys(more).length === 0;
};
/** An age recipient of the classic form. One slot never mixes it with the hybrid form, which would weaken both. */
export const isRecipient: Check = (value) =>
  typeof value === "string" && /^age1[02-9ac-hj-np-z]{58}$/.test(value);

export const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
export const oneOf =
  (...words: readonly string[]): Check =>
  (value) =>
    words.includes(value as string);
/** Each only once. */
export const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && new Set(value).size === value.length && value.every(check);
/** Pairs, whose first parts are all different. */
export const pairsOf =
  (first: Check, second: Check): Check =>
  (value) =>
    Array.isArray(value) &&
    value.every((pair) => Array.isArray(pair) && pair.length === 2) &&
    (value as [unknown, unknown][]).every(([a, b]) => first(a) && second(b)) &&
    listOf(first)((value as [unknown, unknown][]).map(([a]) => a));
