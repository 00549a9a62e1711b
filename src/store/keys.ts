import { segment, type Key } from "../driver/index.ts";
import { CitadelError } from "../errors.ts";
import type { BlobKey } from "./types.ts";

/** `d/<kind>/<name>`; without a name the prefix of all documents of the kind. */
export const documentKey = (kind: string, name = ""): Key => `d/${kind}/${segment(name)}`;

/** `h/<kind>/<name>/`: where the entries of a name lie. */
export const entriesOf = (kind: string, name: string): Key => `h/${kind}/${segment(name)}/`;

export const entryKey = (kind: string, name: string, rev: number, id: string): Key =>
  `${entriesOf(kind, name)}${String(rev).padStart(10, "0")}-${id}`;

/** `n/coming/<kind>/<name>`: says up to which revision entries may lie here before their document is moved to them. */
export const comingKey = (kind: string, name: string): Key => `n/coming/${kind}/${segment(name)}`;

/** What the key of an entry says; undefined when it is no such key. `segment` is the name as it stands in keys. */
export function parseEntryKey(
  key: Key,
): { readonly segment: string; readonly rev: number; readonly id: string } | undefined {
  const found = /^h\/[^/]+\/([^/]+)\/(\d{10})-([^/]+)$/.exec(key);
  if (!found) return undefined;
  const [, name = "", rev, id = ""] = found;
  return { segment: name, rev: Number(rev), id };
}

/** The part of a name that all names starting with `prefix` share in keys; `segment` alone treats "." apart. */
export const segmentPrefix = (prefix: string): string => segment(`${prefix}x`).slice(0, -1);

/** The 64 raw bytes of `sha512-<base64>`. Throws E_INTEGRITY for anything but exactly one sha512. */
export function sha512Bytes(integrity: string): Buffer {
  const base64 = /^sha512-([A-Za-z0-9+/]{86}==)$/.exec(integrity)?.[1];
  const bytes = base64 === undefined ? undefined : Buffer.from(base64, "base64");
  // one hash has one spelling, so that it has one key
  if (bytes === undefined || bytes.toString("base64") !== base64)
    throw new CitadelError(
      "E_INTEGRITY",
      `not the integrity of a blob: ${integrity.slice(0, 120)}`,
    );
  return bytes;
}

/** Where a blob lies. Throws E_INTEGRITY for anything but `sha512-<base64>`. */
export const blobKey: BlobKey = (integrity) => {
  const hex = sha512Bytes(integrity).toString("hex");
  return `b/sha512/${hex.slice(0, 2)}/${hex}`;
};

/** Where the manifest named `hash` (base64url SHA-256) lies. Throws E_INTEGRITY when it is no such name. */
export function manifestKey(hash: string): Key {
  const bytes = Buffer.from(hash, "base64url");
  if (bytes.byteLength !== 32 || bytes.toString("base64url") !== hash)
    throw new CitadelError("E_INTEGRITY", `not the name of a manifest: ${hash.slice(0, 120)}`);
  const hex = bytes.toString("hex");
  return `m/sha256/${hex.slice(0, 2)}/${hex}`;
}
