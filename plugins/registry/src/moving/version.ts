import type { Citadel } from "@citadel/core";
import {
  manifestOf,
  namedHashes,
  naturalise,
  spool,
  type VersionRecord,
} from "@citadel/core/registry";
import type { SourcePackage } from "./source.ts";

export interface VersionJob {
  readonly name: string;
  readonly version: string;
  readonly source: SourcePackage;
  /** ms since 1970 */
  readonly time: number;
  /** who counts as publisher and maintainers where the manifest does not say */
  readonly owners: readonly string[];
  /** text for a version that has none of its own */
  readonly readme?: string;
  /** folder for what does not fit into memory */
  readonly dir: string;
  readonly dryRun: boolean;
}

/**
 * Checks a version as a publish does, and against the hashes of its document, and stores its content, which nobody sees yet.
 * @throws E_INTEGRITY, E_INVALID_*, E_MANIFEST_MISMATCH, E_TOO_LARGE
 */
export async function takeVersion(
  { store, settings }: Citadel,
  { name, version, source, dir, time, owners, readme, dryRun }: VersionJob,
): Promise<VersionRecord> {
  const { limits } = settings;
  const manifest = manifestOf(source.document, version);
  // what could not be checked is not fetched
  namedHashes(manifest);
  await using tarball = await spool(source.tarball(version, manifest), {
    limit: limits.tarball,
    dir,
  });
  const ready = await naturalise({ name, version, manifest, tarball, owners, readme, limits });
  const { by, deprecated } = ready;
  const record = {
    ...{ integrity: tarball.integrity, size: tarball.size, time, by },
    ...(deprecated !== undefined && { deprecated }),
  };
  if (dryRun) return { ...record, manifest: "" };
  const [manifestHash, readmeHash] = await Promise.all([
    store.manifests.put(ready.manifest),
    ready.readme === undefined ? undefined : store.manifests.put(Buffer.from(ready.readme)),
    store.blobs.put(tarball.content, tarball),
  ]);
  return {
    ...record,
    manifest: manifestHash,
    ...(readmeHash !== undefined && { readme: readmeHash }),
  };
}
