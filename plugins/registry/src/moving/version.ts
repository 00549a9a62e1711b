import type { Citadel } from "@citadel/core";
import { CitadelError } from "@citadel/core/errors";
import {
  agree,
  checkDist,
  checkManifest,
  checkVersion,
  deprecationOf,
  hashesOf,
  inspect,
  isObject,
  longestMessage,
  readmeOf,
  spool,
  storeManifest,
  type DistHashes,
  type JsonObject,
  type ManifestInput,
  type VersionRecord,
} from "@citadel/core/registry";
import type { SourcePackage } from "./source.ts";

type Person = ManifestInput["publisher"];

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

/** The manifest of one version of a document. @throws E_INVALID_DOCUMENT */
export function manifestOf(document: JsonObject, version: string): JsonObject {
  const { versions } = document;
  const manifest = isObject(versions) && Object.hasOwn(versions, version) && versions[version];
  return checkManifest(manifest);
}

/** @throws E_INTEGRITY when nothing tells which bytes are meant */
export function namedHashes(manifest: JsonObject): DistHashes {
  const hashes = hashesOf(manifest["dist"]);
  if (hashes.sha512.length === 0 && hashes.sha1 === undefined)
    throw new CitadelError("E_INTEGRITY", "no hash is known that its tarball could be checked by");
  return hashes;
}

/**
 * Checks a version as a publish does, and against the hashes of its document, and stores its content, which nobody sees yet.
 * @throws E_INTEGRITY, E_INVALID_*, E_MANIFEST_MISMATCH, E_TOO_LARGE
 */
export async function takeVersion(
  { store, settings }: Citadel,
  job: VersionJob,
): Promise<VersionRecord> {
  const { name, version, source, dir } = job;
  const manifest = manifestOf(source.document, version);
  if (manifest["name"] !== name || checkVersion(manifest["version"]) !== checkVersion(version))
    throw new CitadelError("E_MANIFEST_MISMATCH", "its manifest is that of another version");
  const hashes = namedHashes(manifest);
  await using tarball = await spool(source.tarball(version, manifest), {
    limit: settings.limits.tarball,
    dir,
  });
  checkDist(hashes, tarball, "E_INTEGRITY");
  const inspected = await inspect(tarball.content, settings.limits);
  await agree(inspected, manifest);

  const people = peopleOf(manifest, job.owners);
  const bytes = storeManifest({
    ...{ manifest, name, version: checkVersion(version), tarball, inspected, ...people },
  });
  const readme = readmeOf(manifest["readme"]) ?? readmeOf(inspected.readme) ?? readmeOf(job.readme);
  const deprecated = deprecationOf(manifest)?.slice(0, longestMessage);
  const record = {
    integrity: tarball.integrity,
    size: tarball.size,
    time: job.time,
    by: people.publisher.name,
    ...(deprecated !== undefined && { deprecated }),
  };
  if (job.dryRun) return { ...record, manifest: "" };
  const [manifestHash, readmeHash] = await Promise.all([
    store.manifests.put(bytes),
    readme === undefined ? undefined : store.manifests.put(Buffer.from(readme)),
    store.blobs.put(tarball.content, tarball),
  ]);
  return {
    ...record,
    manifest: manifestHash,
    ...(readmeHash !== undefined && { readme: readmeHash }),
  };
}

/** Who published and who maintained, as the manifest says, else the owners of the package. */
function peopleOf(
  { _npmUser, maintainers }: JsonObject,
  owners: readonly string[],
): { readonly publisher: Person; readonly maintainers: readonly Person[] } {
  const named = (Array.isArray(maintainers) ? maintainers : []).map(personOf);
  const all = named.filter((person) => person !== undefined);
  const people = all.length > 0 ? all : owners.map((name) => ({ name, email: "" }));
  return { publisher: personOf(_npmUser) ?? people[0] ?? nobody, maintainers: people };
}

const nobody: Person = { name: "unknown", email: "" };

/** `{name, email}` or `name <email>`, where it is a name that can be shown. */
export function personOf(value: unknown): Person | undefined {
  const text = typeof value === "string" ? /^([^<]*)(?:<([^>]*)>)?/.exec(value) : undefined;
  const { name, email } = text
    ? { name: text[1]?.trim(), email: text[2] }
    : ((value ?? {}) as { name?: unknown; email?: unknown });
  if (typeof name !== "string" || name === "" || name.length > 214 || !plain(name))
    return undefined;
  const address = typeof email === "string" && email.length <= 254 && plain(email) ? email : "";
  return { name, email: address };
}

const plain = (text: string): boolean => !/\p{Cc}/u.test(text) && text.isWellFormed();
