import type { Key } from "./driver.ts";
import { StoreError } from "./error.ts";

const grammar =
  /^(?!\.{1,2}(?:\/|$))[\w.~@!$&'()*+,;=%-]+(?:\/(?!\.{1,2}(?:\/|$))[\w.~@!$&'()*+,;=%-]+)*$/;

/** Throws INVALID unless `key` obeys the grammar of {@link Key}. */
export function checkKey(key: Key): void {
  if (typeof key !== "string" || key.length > 512 || !grammar.test(key))
    throw new StoreError("INVALID", `not a storage key: ${JSON.stringify(key)?.slice(0, 200)}`);
}

/** Any text as one key segment: `@s/p` becomes `@s%2Fp`. Undone by `decodeURIComponent`. */
export function segment(text: string): string {
  const encoded = encodeURIComponent(text).replaceAll("%40", "@");
  return encoded === "." || encoded === ".." ? encoded.replaceAll(".", "%2E") : encoded;
}

/** The first key that sorts after everything that starts with `prefix`; undefined when there is none. */
export function prefixEnd(prefix: string): string | undefined {
  for (let n = prefix.length; n > 0; n--) {
    const last = prefix.charCodeAt(n - 1);
    if (last < 0x7f) return prefix.slice(0, n - 1) + String.fromCharCode(last + 1);
  }
  return undefined;
}
