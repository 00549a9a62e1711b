import type { CacheRow } from "@citadel/core/cache";
import type { JsonObject } from "@citadel/core/registry";
import { formatVersion, type ExportedPackage, type ExportIndex } from "@citadel/core/transfer";
import { z } from "zod";

const time = z.iso.datetime().transform((text) => Date.parse(text));
const sha256 = z.string().regex(/^sha256-[A-Za-z0-9+/]{43}=$/);
const name = z.string().min(1).max(1000);

/** A live version, without its content. */
const version = z.object({
  version: name,
  time,
  /** who published */
  by: name,
  /** SRI and bytes of the tarball */
  integrity: z.string().regex(/^sha512-[A-Za-z0-9+/]{86}==$/),
  size: z.int().nonnegative(),
  /** SRI of the manifest and of the readme as stored */
  manifestIntegrity: sha256,
  readmeIntegrity: sha256.optional(),
  deprecated: z.string().min(1).max(4096).optional(),
});

/** A number that was unpublished and stays taken. */
const removal = z.object({
  version: name,
  time,
  removed: time,
  manifestIntegrity: sha256,
  manifest: z.custom<JsonObject>((value) => typeof value === "object" && value !== null),
});

/** A package, in a tar after the content of its versions. */
export const packageSchema = z.object({
  name,
  created: time,
  owners: z.array(name).min(1),
  stars: z.array(name),
  /** who claimed the package's scope */
  scopeOwner: name.optional(),
  /** it is an organisation */
  scopeOrg: z.literal(true).optional(),
  visibility: z.enum(["public", "restricted"]).optional(),
  /** `<org>:<team>` → what its members may */
  teams: z.record(name, z.enum(["read", "write"])).optional(),
  tfa: z.enum(["publish", "automation"]).optional(),
  tags: z.record(z.string(), z.string()),
  removed: z.array(removal),
  versions: z.array(version),
}) satisfies z.ZodType<unknown, ExportedPackage>;

/** All secrets in one age file, see `docs/secrets-files.md`. */
const sealedSecrets = z.strictObject({
  format: z.literal("age"),
  count: z.int().nonnegative(),
  /** armoured */
  sealed: z.string().startsWith("-----BEGIN AGE ENCRYPTED FILE-----"),
});

const ms = z.number().nonnegative();

/** What a cache held, without its body, which is made again: a finished answer of somebody else is not to be believed. */
const cacheEntry = z.strictObject({
  key: name,
  size: z.int().nonnegative(),
  integrity: sha256,
  timestamp: ms,
  ttl: ms.nullable(),
  access_count: z.int().nonnegative(),
  last_accessed: ms,
}) satisfies z.ZodType<CacheRow>;

/** What an export says about itself. */
export const headSchema = z.object({
  version: z.literal(formatVersion),
  exportedAt: z.iso.datetime(),
  secrets: z.array(sealedSecrets).max(1),
  cache: z.array(cacheEntry),
});

/** The last entry of a tar: nothing was cut off, added or moved. */
export const indexSchema = z.object({
  packages: z.int(),
  versions: z.int(),
  /** bytes of all tarballs */
  bytes: z.int(),
  /** base64 SHA-256 of the path, the size and the content of each entry before */
  sha256: z.string(),
}) satisfies z.ZodType<ExportIndex>;

export type ImportedPackage = z.output<typeof packageSchema>;

/** The inverse of `sriOf`. */
export const hashOf = (sri: string): string =>
  Buffer.from(sri.slice("sha256-".length), "base64").toString("base64url");
