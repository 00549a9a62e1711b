import type { Json, JsonObject } from "../registry/types.ts";

/** The version of the format that is written, and the only one that is read. */
export const formatVersion = 1;

export type ExportFormat = "json" | "tar" | "tar.gz" | "tar.zst";

/** A live version, without its content. Times are ISO 8601. */
export interface ExportedVersion {
  readonly version: string;
  readonly time: string;
  /** who published */
  readonly by: string;
  /** SRI and bytes of the tarball */
  readonly integrity: string;
  readonly size: number;
  /** SRI of the manifest and of the readme as stored */
  readonly manifestIntegrity: string;
  readonly readmeIntegrity?: string | undefined;
  readonly deprecated?: string | undefined;
}

/** A number that was unpublished and stays taken. */
export interface ExportedRemoval {
  readonly version: string;
  readonly time: string;
  readonly removed: string;
  readonly manifestIntegrity: string;
  readonly manifest: JsonObject;
}

/** A package, in a tar after the content of its versions. */
export interface ExportedPackage {
  readonly name: string;
  readonly created: string;
  /** one at least */
  readonly owners: readonly string[];
  readonly stars: readonly string[];
  /** who claimed the package's scope */
  readonly scopeOwner?: string | undefined;
  /** it is an organisation */
  readonly scopeOrg?: true | undefined;
  readonly visibility?: "public" | "restricted" | undefined;
  /** `<org>:<team>` → what its members may */
  readonly teams?: Readonly<Record<string, "read" | "write">> | undefined;
  readonly tfa?: "publish" | "automation" | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly removed: readonly ExportedRemoval[];
  readonly versions: readonly ExportedVersion[];
}

export interface ExportHead {
  readonly version: typeof formatVersion;
  /** ISO 8601 */
  readonly exportedAt: string;
  /** settings of the registry, without what unlocks something; for people */
  readonly config: Json;
}

/** All secrets in one age file, see `docs/secrets-files.md`. */
export interface SealedSecrets {
  readonly format: "age";
  readonly count: number;
  /** armoured */
  readonly sealed: string;
}

/** The last entry of a tar: nothing was cut off, added or moved. */
export interface ExportIndex {
  readonly packages: number;
  readonly versions: number;
  /** bytes of all tarballs */
  readonly bytes: number;
  /** base64 SHA-256 of the path, the size and the content of each entry before */
  readonly sha256: string;
}

/** Where things are in a tar. */
export const paths = {
  head: "citadel-export.json",
  secrets: "secrets.json",
  cache: "cache.json",
  index: "index.json",
} as const;

/** The SRI of a stored manifest or readme, whose name is its SHA-256 as base64url. */
export const sriOf = (hash: string): string =>
  `sha256-${Buffer.from(hash, "base64url").toString("base64")}`;
