import { CitadelError } from "../errors.ts";
import { agree } from "./agree.ts";
import { longestMessage } from "./deprecate.ts";
import { checkDist, hashesOf, type DistHashes } from "./dist.ts";
import {
  checkManifest,
  deprecationOf,
  isObject,
  readmeOf,
  storeManifest,
  type Publisher as Person,
} from "./manifest.ts";
import { checkVersion } from "./names.ts";
import { inspect } from "./tarball.ts";
import type { JsonObject, RegistryLimits, Tarball } from "./types.ts";

/** A version as another registry has it. */
export interface Foreign {
  readonly name: string;
  readonly version: string;
  /** as it stands in the packument there */
  readonly manifest: JsonObject;
  readonly tarball: Tarball;
  /** who counts as publisher and maintainers where the manifest does not say */
  readonly owners: readonly string[];
  /** text for a version that has none of its own */
  readonly readme?: string | undefined;
  readonly limits: RegistryLimits;
}

/** The same, ready to be kept here. */
export interface Naturalised {
  /** the manifest as it is stored */
  readonly manifest: Uint8Array;
  readonly readme: string | undefined;
  /** who published */
  readonly by: string;
  readonly deprecated?: string;
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
 * Checks a version as a publish does, and against the hashes of its packument.
 * @throws E_INTEGRITY, E_INVALID_*, E_MANIFEST_MISMATCH, E_TOO_LARGE
 */
export async function naturalise(foreign: Foreign): Promise<Naturalised> {
  const { name, manifest, tarball, limits } = foreign;
  const version = checkVersion(foreign.version);
  if (manifest["name"] !== name || checkVersion(manifest["version"]) !== version)
    throw new CitadelError("E_MANIFEST_MISMATCH", "its manifest is that of another version");
  checkDist(namedHashes(manifest), tarball, "E_INTEGRITY");
  const inspected = await inspect(tarball.content, limits);
  await agree(inspected, manifest);
  const people = peopleOf(manifest, foreign.owners);
  const deprecated = deprecationOf(manifest)?.slice(0, longestMessage);
  return {
    manifest: storeManifest({ manifest, name, version, tarball, inspected, ...people }),
    readme: readmeOf(manifest["readme"]) ?? readmeOf(inspected.readme) ?? readmeOf(foreign.readme),
    by: people.publisher.name,
    ...(deprecated !== undefined && { deprecated }),
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
