import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Key } from "@citadel/core/driver";

const LONGEST = 180;
const device = /^(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\.|$)/;
const escape = (character: string): string => `%${character.charCodeAt(0).toString(16)}`;

/**
 * One segment of a key as a name that is different from every other segment's on every file system: lower case only,
 * no name that Windows keeps for itself, never too long, and never with "+", which marks what is a key.
 */
export function encode(segment: string): string {
  let name = segment.replace(/[^a-z0-9._-]|^\.|\.$/g, escape);
  if (device.test(name)) name = escape(name) + name.slice(1);
  if (name.length <= LONGEST) return name;
  return `~${name.slice(0, 80)}~${createHash("sha256").update(segment).digest("hex")}`;
}

/** The segment that a name stands for; undefined for a long one, whose files tell. */
export function decode(name: string): string | undefined {
  return name.startsWith("~") ? undefined : decodeURIComponent(name);
}

/** Where a key is kept below the folder `keys`: a folder of versions, or one plain file when it is immutable. */
export function placeOf(keys: string, key: Key): string {
  return `${join(keys, ...key.split("/").map(encode))}+`;
}

/** Blobs, manifests and sealed keys never change, so they need no versions, and are gone at once when they are deleted. */
export function isImmutable(key: Key): boolean {
  return /^(?:b|m|slot)\//.test(key);
}

/** The file name of a version. */
export function versionName(n: number): string {
  return String(n).padStart(16, "0");
}

/** The version numbers among the names of a folder, ascending. */
export function versionsIn(names: readonly string[]): number[] {
  return names
    .filter((name) => /^\d{16}$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}
