import { createHash } from "node:crypto";

import type { RevisionOf } from "./types.ts";

/** `_rev` of a document: its number and the beginning of its history's hash. */
export const revisionOf: RevisionOf = ({ rev, tip }) => `${rev}-${tip.slice(0, 16)}`;

/**
 * Stable id of a version: a UUID of version 8 (RFC 9562) made of its name, number and stored manifest.
 * @param manifest name (base64url SHA-256) of the stored manifest
 */
export function uuidOf(name: string, version: string, manifest: string): string {
  const bytes = createHash("sha256")
    .update(`${name}@${version}:${manifest}`)
    .digest()
    .subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
