import { CitadelError, type ErrorCode } from "../errors.ts";
import { isObject } from "./manifest.ts";

/** Hashes that a manifest names for its tarball. */
export interface DistHashes {
  /** SRI strings with SHA-512, any of which may be the one */
  readonly sha512: readonly string[];
  /** hex */
  readonly sha1?: string;
}

/** @param dist of a manifest; nothing in it is trusted */
export function hashesOf(dist: unknown): DistHashes {
  const { integrity, shasum } = isObject(dist) ? dist : {};
  const hashes = typeof integrity === "string" ? integrity.trim().split(/\s+/) : [];
  const [old] = hashes.filter((hash) => hash.startsWith("sha1-"));
  const hex = old === undefined ? undefined : Buffer.from(old.slice(5), "base64").toString("hex");
  const sha1 = typeof shasum === "string" && shasum !== "" ? shasum.toLowerCase() : hex;
  return {
    sha512: hashes.filter((hash) => hash.startsWith("sha512-")),
    ...(sha1 !== undefined && { sha1 }),
  };
}

/** @throws `code` unless the tarball has every hash that is named */
export function checkDist(
  { sha512, sha1 }: DistHashes,
  tarball: { readonly integrity: string; readonly shasum: string },
  code: ErrorCode,
): void {
  if (sha512.length > 0 && !sha512.includes(tarball.integrity))
    throw new CitadelError(
      code,
      `the tarball is not the one that dist.integrity names: it has ${tarball.integrity}`,
    );
  if (sha1 !== undefined && sha1 !== tarball.shasum)
    throw new CitadelError(
      code,
      `the tarball is not the one that dist.shasum names: it has ${tarball.shasum}`,
    );
}
