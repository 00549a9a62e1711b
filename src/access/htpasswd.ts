import { createHash, timingSafeEqual } from "node:crypto";

/** Marks a hash of an htpasswd file among PHC strings; it is replaced at the first login. */
const mark = "$htpasswd";

/** What htpasswd files hold: bcrypt, Apache's MD5, SHA-1 and crypt(3) with DES. */
const forms = [
  // more rounds would let every attempt to log in hold the server up for seconds
  /^\$2[aby]\$(?:0[4-9]|1[0-4])\$[./A-Za-z0-9]{53}$/,
  /^\$apr1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}$/,
  /^\{SHA\}[A-Za-z0-9+/]{27}=$/,
  /^[./+A-Za-z0-9]{13}$/,
];

/** A hash of an htpasswd file in the form that accounts keep; undefined for one that nobody can verify. */
export const fromHtpasswd = (hash: string): string | undefined =>
  forms.some((form) => form.test(hash))
    ? `${mark}${hash.startsWith("$") ? "" : "$"}${hash}`
    : undefined;

/** The inverse of {@link fromHtpasswd}; undefined for a hash of our own. */
export function foreignHash(stored: string): string | undefined {
  if (!stored.startsWith(`${mark}$`)) return undefined;
  const rest = stored.slice(mark.length);
  return /^\$(?:2[aby]|apr1)\$/.test(rest) ? rest : rest.slice(1);
}

/** Is it the password of this hash? The libraries are loaded for the first one of their kind. */
export async function matchesForeign(password: string, hash: string): Promise<boolean> {
  if (hash.startsWith("$2")) {
    const { compare } = await import("bcryptjs");
    return compare(password, hash);
  }
  if (hash.startsWith("{SHA}"))
    return same(`{SHA}${createHash("sha1").update(password).digest("base64")}`, hash);
  if (hash.startsWith("$")) {
    const { default: md5 } = await import("apache-md5");
    return same(md5(password, hash), hash);
  }
  const { default: crypt } = await import("unix-crypt-td-js");
  return same(crypt(password, hash.slice(0, 2)), hash);
}

const same = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
