import { segment, type Key } from "../driver/index.ts";

/** Everything of an export lies below it, beside what else the bucket may hold. */
export const root = "edge/";

/** Goes up when a reader of the old layout could not read the new one, or its bytes are other ones for the same state. */
export const FORMAT = 1;

/** What an export knows of the target, see {@link Index}. */
export const indexKey: Key = `${root}index.json`;
/** `GET /-/npm/v1/keys` */
export const keysKey: Key = `${root}keys.json`;

export const areas = ["public", "private"] as const;
/** `public`: everybody may read it; `private`: only who is in a group of its `readers.json`. */
export type Area = (typeof areas)[number];

/** Where everything of a package lies. */
export const placeOf = (area: Area, name: string): string => `${root}${area}/${segment(name)}/`;

/** Names of objects below a package's place. */
export const files = {
  /** packuments, gzip */
  full: "full.json",
  short: "short.json",
  /** {@link Readers} */
  readers: "readers.json",
  tarball: (version: string): string => `${segment(version)}.tgz`,
} as const;

/** Groups that may read the package, see `access/readers.ts`. */
export interface Readers {
  readonly readers: readonly string[];
}

/** Characters of a token's SHA-256 that say where it lies: an address tells nothing that could be tried out. */
const shardLength = 3;
export const shardOf = (sha256: string): string => sha256.slice(0, shardLength);
export const shardKey = (shard: string): Key => `${root}tokens/${shard}.json`;

/** A token that may read. The token itself is nowhere. */
export interface EdgeToken {
  /** of the token, hex */
  readonly sha256: string;
  /** of its user, now */
  readonly groups: readonly string[];
  /** patterns of the names that it is good for. Absent: all */
  readonly names?: readonly string[];
  /** ms since 1970 */
  readonly expires?: number;
}
export interface Shard {
  readonly tokens: readonly EdgeToken[];
}
