// a reference to the vault, percent-encoded, is no secret
const inUrl = /(:\/\/[^\s/:@]*):(?!citadel%3A%2F%2F)[^\s@/]+@/gi;
const inQuery =
  /([?&](?:password|secret|token|key|signature)[^=&\s]*=)(?!citadel(?::|%3A)(?:\/|%2F){2})[^&\s]+/gi;
const tokens = /\b(?:npm_|ctdl_|ghp_|eyJ)[\w.-]{8,}/g;

/** The text without what unlocks something: passwords in URLs, secret query parameters, tokens of known form. */
export function mask(text: string): string {
  return text.replace(inUrl, "$1:***@").replace(inQuery, "$1***").replace(tokens, "***");
}

/** Whether a variable or field of this name holds a secret. */
export function secretName(name: string): boolean {
  return /pass(word|wd|phrase)?$|secret|token|_auth|authorization|cookie|credential|private|(^|_|access)key(_?id)?$/i.test(
    name,
  );
}

/** The same for a value of any shape; null for none. */
export function maskValue(value: unknown): unknown {
  if (typeof value === "string") return mask(value);
  if (Array.isArray(value)) return value.map(maskValue);
  if (typeof value === "object" && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [name, secretName(name) ? "***" : maskValue(one)]),
    );
  return value ?? null;
}
