import parse from "semver/functions/parse.js";
import validRange from "semver/ranges/valid.js";
import validate from "validate-npm-package-name";

import { CitadelError } from "../errors.ts";

const longestName = 214;
const longestTag = 214;

/**
 * A package name as it may be read: npm's rules for names of any age.
 * @throws E_INVALID_NAME
 */
export function checkName(name: unknown): string {
  const problem = nameProblem(name, false);
  if (problem !== undefined) throw invalidName(name, problem);
  return name as string;
}

/**
 * A package name that does not exist yet: lower case, no special characters, no core module.
 * @throws E_INVALID_NAME
 */
export function checkNewName(name: unknown): string {
  const problem = nameProblem(name, true);
  if (problem !== undefined) throw invalidName(name, problem);
  return name as string;
}

function nameProblem(name: unknown, fresh: boolean): string | undefined {
  if (typeof name !== "string") return "name must be a string";
  if (name.length > longestName) return `name cannot be longer than ${longestName} characters`;
  const { errors, warnings } = validate(name);
  const [problem] = [...(errors ?? []), ...(fresh ? (warnings ?? []) : [])];
  if (problem !== undefined) return problem;
  const scope = scopeOf(name);
  if (name.startsWith("@") && scope === undefined) return "a scoped name is @scope/name";
  if (scope?.startsWith(".")) return "scope cannot start with a period";
  // a client that keeps names in plain objects would change their prototype
  if (scope === "__proto__" || baseName(name) === "__proto__") return "__proto__ is not a name";
  return undefined;
}

function invalidName(name: unknown, problem: string): CitadelError {
  return new CitadelError("E_INVALID_NAME", `${shown(name)} is not a package name: ${problem}`);
}

/** `s` of `@s/p`; undefined for a name without a scope. */
export function scopeOf(name: string): string | undefined {
  const slash = name.indexOf("/");
  return name.startsWith("@") && slash > 1 ? name.slice(1, slash) : undefined;
}

/** `p` of `@s/p` and of `p`. */
export function baseName(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

/** File name in the address of a tarball: `p-1.0.0.tgz`, without the scope. */
export function tarballFile(name: string, version: string): string {
  return `${baseName(name)}-${version}.tgz`;
}

/** The version in `p-1.0.0.tgz`; publishers also write the scope in front. Undefined for any other file. */
export function versionOf(name: string, file: string): string | undefined {
  const base = baseName(name);
  const plain = file.startsWith(`${name}-`) ? file.slice(name.length - base.length) : file;
  if (!plain.startsWith(`${base}-`) || !plain.endsWith(".tgz")) return undefined;
  return plain.slice(base.length + 1, -".tgz".length);
}

/** `1.0.0beta2`, as packages of npm's first years have it; every client reads it loosely. */
const early = /^\d{1,9}\.\d{1,9}\.\d{1,9}[a-z][0-9a-z.-]{0,40}$/i;

/**
 * The number under which a version is kept: strict semver 2.0, build metadata cut off (`1.0.0+5` is `1.0.0`). What only a
 * copy of an early package has (`1.0.0beta`) is taken as it is.
 * @throws E_INVALID_VERSION
 */
export function checkVersion(version: unknown): string {
  const parsed = typeof version === "string" ? parse(version) : null;
  if (!parsed && typeof version === "string" && early.test(version) && parse(version, true))
    return version;
  const exact =
    parsed &&
    (parsed.build.length ? `${parsed.version}+${parsed.build.join(".")}` : parsed.version);
  if (!parsed || exact !== version)
    throw new CitadelError("E_INVALID_VERSION", `${shown(version)} is not a semantic version`);
  return parsed.version;
}

/**
 * A dist-tag: anything that cannot be taken for a version range and can stand in an address.
 * @throws E_INVALID_TAG
 */
export function checkTag(tag: unknown): string {
  const problem = tagProblem(tag);
  if (problem !== undefined)
    throw new CitadelError("E_INVALID_TAG", `${shown(tag)} is not a dist-tag: ${problem}`);
  return tag as string;
}

function tagProblem(tag: unknown): string | undefined {
  if (typeof tag !== "string") return "a tag is a string";
  if (tag.length > longestTag) return `a tag is at most ${longestTag} characters long`;
  if (tag === "__proto__") return "the word is reserved";
  if (tag.trim() !== tag) return "a tag has no blanks around it";
  if (/\p{Cc}/u.test(tag) || !tag.isWellFormed()) return "a tag is plain text";
  if (validRange(tag) !== null) return "a tag must not be a version range";
  return undefined;
}

function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 80)) : `a ${typeof value}`;
}
