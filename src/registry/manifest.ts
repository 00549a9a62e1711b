import type { TrustedPublisher } from "../access/types.ts";
import { CitadelError } from "../errors.ts";
import { baseName } from "./names.ts";
import type { Json, JsonObject } from "./types.ts";

/** bytes of a version's manifest as stored */
const largestManifest = 4 * 2 ** 20;
/** nesting of objects and arrays; real manifests stay below ten */
const deepest = 64;
/** characters of a readme that are kept */
const longestReadme = 2 ** 20;

/** Fields of the short form, in the order in which they are sent (`protocol.md`, section 4.2); `dist` comes last. */
const shortFields = [
  "name",
  "version",
  "dependencies",
  "optionalDependencies",
  "devDependencies",
  "bundleDependencies",
  "bundledDependencies",
  "peerDependencies",
  "peerDependenciesMeta",
  "acceptDependencies",
  "bin",
  "directories",
  "engines",
  "funding",
  "cpu",
  "os",
  "libc",
  "_hasShrinkwrap",
] as const;

/** What the publisher must not decide, or what is kept somewhere else. */
const dropped: ReadonlySet<string> = new Set([
  "_attachments",
  "_rev",
  "deprecated",
  "dist",
  "readme",
]);

export const dependencyFields = [
  "dependencies",
  "devDependencies",
  "optionalDependencies",
  "peerDependencies",
] as const;

/** npm's `{name, email}`. */
export type Person = { readonly name: string; readonly email: string };

/** Who made a version: the job or person that built it, and who approved it when it was staged. */
export interface Publisher extends Person {
  readonly trustedPublisher?: TrustedPublisher;
  readonly approver?: Person;
}

export interface ManifestInput {
  /** as the client sent it, checked with {@link checkManifest} */
  readonly manifest: JsonObject;
  readonly name: string;
  readonly version: string;
  /** from the session, never from the body */
  readonly publisher: Publisher;
  readonly maintainers: readonly Person[];
  readonly tarball: { readonly integrity: string; readonly shasum: string };
  readonly inspected: {
    readonly fileCount: number;
    readonly unpackedSize: number;
    readonly hasShrinkwrap: boolean;
    readonly hasBindingGyp: boolean;
  };
}

/**
 * Checks the shape of a manifest: what package managers read without looking must be what they expect.
 * @throws E_INVALID_DOCUMENT
 */
export function checkManifest(manifest: unknown): JsonObject {
  if (!isObject(manifest)) throw invalid("the manifest must be an object");
  if (deeperThan(manifest, deepest))
    throw invalid(`the manifest is nested deeper than ${deepest} levels`);
  for (const field of [...dependencyFields, "scripts", "acceptDependencies"])
    if (manifest[field] !== undefined && !isStrings(manifest[field]))
      throw invalid(`${field} must be an object of strings`);
  for (const field of ["dist", "directories", "peerDependenciesMeta", "dependenciesMeta"])
    if (manifest[field] !== undefined && !isObject(manifest[field]))
      throw invalid(`${field} must be an object`);
  for (const field of ["bundleDependencies", "bundledDependencies"])
    if (!isBundle(manifest[field])) throw invalid(`${field} must be a list of names or a boolean`);
  for (const field of ["os", "cpu", "libc"])
    if (!isWords(manifest[field])) throw invalid(`${field} must be a string or a list of strings`);
  const { bin } = manifest;
  if (bin !== undefined && typeof bin !== "string" && !isStrings(bin) && !isStringList(bin))
    throw invalid("bin must be a path or an object of paths");
  return manifest;
}

/**
 * The bytes that are stored for a version: the manifest as published, in the publisher's order, with what the registry knows
 * better put in. `dist` is the last key and has no `tarball`: who serves it puts the address before the last `}}`.
 */
export function storeManifest(input: ManifestInput): Uint8Array {
  const { manifest, name, version, publisher, maintainers, tarball, inspected } = input;
  const known: { [key: string]: Json } = {
    name,
    version,
    _id: `${name}@${version}`,
    _npmUser: JSON.parse(JSON.stringify(publisher)) as JsonObject,
    maintainers: maintainers.map((person) => ({ ...person })),
  };
  const { bin, _hasShrinkwrap } = manifest;
  if (typeof bin === "string") known["bin"] = { [baseName(name)]: bin };
  else if (Array.isArray(bin))
    known["bin"] = Object.fromEntries(
      bin.flatMap((path) => (typeof path === "string" ? [[baseName(path), path]] : [])),
    );
  if (inspected.hasShrinkwrap || _hasShrinkwrap !== undefined)
    known["_hasShrinkwrap"] = inspected.hasShrinkwrap;
  // npm says it like this when it finds a binding.gyp; other clients leave it to the registry
  if (inspected.hasBindingGyp && !installs(manifest) && manifest["gypfile"] === undefined)
    known["gypfile"] = true;
  const kept = Object.entries(manifest).filter(([key]) => !dropped.has(key));
  const text = JSON.stringify({
    ...Object.fromEntries(kept),
    ...known,
    dist: {
      integrity: tarball.integrity,
      shasum: tarball.shasum,
      fileCount: inspected.fileCount,
      unpackedSize: inspected.unpackedSize,
    },
  });
  const bytes = Buffer.from(text);
  if (bytes.length > largestManifest)
    throw new CitadelError(
      "E_TOO_LARGE",
      `the manifest of ${name}@${version} has ${bytes.length} bytes, more than ${largestManifest}`,
    );
  return bytes;
}

/** The short form of a stored manifest; `dist` is the last key here too. */
export function shortManifest(manifest: JsonObject): JsonObject {
  const short: JsonObject = {};
  for (const field of shortFields) {
    const value = manifest[field];
    if (value !== undefined) short[field] = value;
  }
  if (installs(manifest) || manifest["gypfile"] === true) short["hasInstallScript"] = true;
  const { dist } = manifest;
  if (dist !== undefined) short["dist"] = dist;
  return short;
}

/** A readme that a publisher sent, if it is one. Older clients send a sentence when they found none. */
export function readmeOf(text: unknown): string | undefined {
  if (typeof text !== "string" || text.startsWith("ERROR: No README data found")) return undefined;
  return text === "" ? undefined : text.slice(0, longestReadme).toWellFormed();
}

/** The deprecation that a manifest brings along; some publish old versions that way. */
export function deprecationOf({ deprecated }: JsonObject): string | undefined {
  return typeof deprecated === "string" && deprecated !== "" ? deprecated : undefined;
}

function installs({ scripts }: JsonObject): boolean {
  if (!isObject(scripts)) return false;
  return Boolean(scripts["preinstall"] || scripts["install"] || scripts["postinstall"]);
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isStrings(value: Json): boolean {
  return isObject(value) && Object.values(value).every((item) => typeof item === "string");
}

function isStringList(value: Json | undefined): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isWords(value: Json | undefined): boolean {
  return value === undefined || typeof value === "string" || isStringList(value);
}

function isBundle(value: Json | undefined): boolean {
  return (
    value === undefined || typeof value === "boolean" || isObject(value) || isStringList(value)
  );
}

/** Without recursion: the depth is what somebody attacks with. */
function deeperThan(root: JsonObject, limit: number): boolean {
  let level: Json[] = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true;
    level = level
      .flatMap((value) => (typeof value === "object" && value !== null ? Object.values(value) : []))
      .filter((value) => typeof value === "object" && value !== null);
  }
  return false;
}

function invalid(message: string): CitadelError {
  return new CitadelError("E_INVALID_DOCUMENT", message);
}
