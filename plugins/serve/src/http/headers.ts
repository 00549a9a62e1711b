/** Of everything under the npm API: nothing in an answer may run, load or be framed, whatever its type is taken for. */
export const apiHeaders: readonly string[] = [
  "content-security-policy",
  "default-src 'none'; frame-ancestors 'none'",
  "x-content-type-options",
  "nosniff",
];

/** Of bytes that somebody published. */
export const contentHeaders: readonly string[] = [
  "content-security-policy",
  "default-src 'none'; sandbox; form-action 'none'; frame-ancestors 'none'",
  "x-content-type-options",
  "nosniff",
  "content-disposition",
  "attachment",
];

/** ms since 1970 as an HTTP date. */
export const httpDate = (ms: number): string => new Date(ms).toUTCString();
