import { posix } from "node:path";

import type hostedGit from "hosted-git-info";
import clean from "semver/functions/clean.js";
import validRange from "semver/ranges/valid.js";

import { CitadelError } from "../errors.ts";
import { isObject } from "./manifest.ts";
import { baseName } from "./names.ts";
import type { Inspected } from "./tarball.ts";
import type { Json, JsonObject } from "./types.ts";

/** differences that an error names at most */
const shown = 3;

/** Scripts that pnpm takes out when it publishes: they run before or around a publish, never where the package is installed. */
const publishScripts: ReadonlySet<string> = new Set([
  "prepare",
  "prepublish",
  "prepublishOnly",
  "prepack",
  "postpack",
  "publish",
  "postpublish",
]);

/** What stands for a version inside a workspace and is replaced by one on publish. */
const replaced = /^(?:workspace|catalog|link|file|portal|patch|jsr):/;

type Strings = ReadonlyMap<string, string>;
type HostedGit = typeof hostedGit;

/**
 * Refuses "manifest confusion": what the registry tells about a version must be what its tarball does (H7). Name, version,
 * dependencies of every kind, scripts and bin are compared, after what npm, pnpm, yarn, bun, deno and lerna change on publish:
 *
 * - the version without `v` and without build metadata;
 * - dependencies given as list or text become an object, entries that are not text are dropped; what is optional may stand in
 *   `dependencies` too; `workspace:`, `catalog:` and other local ranges become ranges; git addresses may be spelled differently;
 * - development dependencies may be left out, and so may scripts that run around a publish;
 * - `bundleDependencies` as list, object or boolean, under either spelling;
 * - `bin` as text, list or object, with tidied names and paths; from `publishConfig.bin`; or made of the files in `directories.bin`;
 * - `install: node-gyp rebuild` where there is a binding.gyp, and `start: node server.js`, which old clients add.
 *
 * @throws E_MANIFEST_MISMATCH, naming the first differences
 */
export async function agree(
  inspected: Pick<Inspected, "packageJson" | "hasBindingGyp">,
  manifest: JsonObject,
): Promise<void> {
  if (differences(inspected, manifest).length === 0) return;
  const { default: git } = await import("hosted-git-info");
  const found = differences(inspected, manifest, git);
  if (found.length === 0) return;
  const more = found.length > shown ? `, and ${found.length - shown} more` : "";
  throw new CitadelError(
    "E_MANIFEST_MISMATCH",
    `package.json and the manifest disagree: ${found.slice(0, shown).join("; ")}${more}`,
  );
}

/** @param git tells whether two git addresses are the same; without it they differ when their spelling does */
function differences(
  { packageJson, hasBindingGyp }: Pick<Inspected, "packageJson" | "hasBindingGyp">,
  manifest: JsonObject,
  git?: HostedGit,
): string[] {
  const name = typeof manifest["name"] === "string" ? manifest["name"] : "";
  const inside = describe(packageJson, name);
  const outside = describe(manifest, name);

  const found: string[] = [];
  const report = (what: string, a: string | undefined, b: string | undefined): void => {
    found.push(`${what} is ${said(a)} in the tarball and ${said(b)} in the manifest`);
  };
  const compare = (
    field: string,
    a: Strings,
    b: Strings,
    accept: (a: string | undefined, b: string | undefined, key: string) => boolean = () => false,
  ): void => {
    for (const key of new Set([...a.keys(), ...b.keys()]))
      if (a.get(key) !== b.get(key) && !accept(a.get(key), b.get(key), key))
        report(`${field}.${key}`, a.get(key), b.get(key));
  };
  const sameRange = (a?: string, b?: string): boolean =>
    a !== undefined && b !== undefined && equalRange(a, b, git);

  if (inside.name !== outside.name) report("name", inside.name, outside.name);
  if (inside.version !== outside.version) report("version", inside.version, outside.version);
  for (const field of ["dependencies", "optionalDependencies", "peerDependencies"] as const)
    compare(field, inside[field], outside[field], sameRange);
  compare(
    "devDependencies",
    inside.devDependencies,
    outside.devDependencies,
    (a, b) => b === undefined || sameRange(a, b),
  );
  compare("bundleDependencies", inside.bundled, outside.bundled);
  const gyp = hasBindingGyp && !inside.scripts.has("preinstall");
  compare("scripts", inside.scripts, outside.scripts, (a, b, key) =>
    b === undefined ? publishScripts.has(key) : a === undefined && addedScript(key, b, gyp),
  );
  if (!sameBin(packageJson, inside.bin, outside.bin, name)) compare("bin", inside.bin, outside.bin);
  return found;
}

/** What matters of a package.json or a manifest, in one form whoever wrote it. */
function describe(json: JsonObject, name: string) {
  const optionalDependencies = dependenciesOf(json["optionalDependencies"]);
  const dependencies = dependenciesOf(json["dependencies"]);
  for (const optional of optionalDependencies.keys()) dependencies.delete(optional);
  return {
    name: typeof json["name"] === "string" ? json["name"].trim() : undefined,
    version:
      typeof json["version"] === "string" ? (clean(json["version"], true) ?? undefined) : undefined,
    dependencies,
    optionalDependencies,
    devDependencies: dependenciesOf(json["devDependencies"]),
    peerDependencies: dependenciesOf(json["peerDependencies"]),
    bundled: bundledOf(json["bundleDependencies"] ?? json["bundledDependencies"], dependencies),
    scripts: scriptsOf(json["scripts"]),
    bin: binOf(json["bin"], name),
  };
}

/** Old packages list their dependencies as `["a >=1", "b@2"]`, or as one text of them. */
function dependenciesOf(value: Json | undefined): Map<string, string> {
  if (typeof value === "string") return dependenciesOf(value.trim().split(/[\s,]+/));
  if (!Array.isArray(value)) return new Map(stringsOf(value));
  return new Map(
    value.flatMap((item): [string, string][] => {
      const [, name, range = ""] =
        (typeof item === "string" && /^\s*([^\s@=<>]+)(.*)$/s.exec(item)) || [];
      return name === undefined ? [] : [[name, range.trim().replace(/^@/, "").trim()]];
    }),
  );
}

function bundledOf(value: Json | undefined, dependencies: Strings): Strings {
  const names =
    value === true
      ? [...dependencies.keys()]
      : Array.isArray(value)
        ? value.filter((name) => typeof name === "string")
        : isObject(value)
          ? Object.keys(value)
          : [];
  return new Map(names.map((name) => [name, "bundled"]));
}

function scriptsOf(value: Json | undefined): Strings {
  const path = /^(?:\.[/\\])?node_modules[/\\]\.bin[/\\]/;
  return new Map(stringsOf(value).map(([key, script]) => [key, script.replace(path, "")]));
}

/** File paths by command name. A command is named without folders, and a path cannot lead out of the package. */
function binOf(value: Json | undefined, name: string): Strings {
  const pairs: [string, string][] =
    typeof value === "string"
      ? [[baseName(name), value]]
      : Array.isArray(value)
        ? value.flatMap((path) => (typeof path === "string" ? [[path, path]] : []))
        : stringsOf(value);
  return new Map(
    pairs
      .map(([command, path]): [string, string] => [posix.basename(tidy(command)), tidy(path)])
      .filter(([command, path]) => command !== "" && path !== ""),
  );
}

function tidy(path: string): string {
  return posix.join("/", path.replaceAll(/[\\:]/g, "/")).slice(1);
}

function sameBin(packageJson: JsonObject, inside: Strings, bin: Strings, name: string): boolean {
  if (equal(inside, bin)) return true;
  const { publishConfig, directories } = packageJson;
  if (isObject(publishConfig) && publishConfig["bin"] !== undefined)
    if (equal(binOf(publishConfig["bin"], name), bin)) return true;
  const folder = isObject(directories) ? directories["bin"] : undefined;
  if (inside.size > 0 || typeof folder !== "string") return false;
  const root = tidy(`${folder}/`);
  return [...bin.values()].every((path) => path.startsWith(root));
}

function addedScript(key: string, script: string | undefined, gyp: boolean): boolean {
  if (key === "install") return gyp && script === "node-gyp rebuild";
  return key === "start" && script === "node server.js";
}

/** Is the manifest's `b` what a client makes of the tarball's `a`? */
function equalRange(a: string, b: string, git: HostedGit | undefined): boolean {
  const [inside, outside] = [a.trim() || "*", b.trim() || "*"];
  if (inside === outside) return true;
  if (replaced.test(inside)) return validRange(outside) !== null || outside.startsWith("npm:");
  const [one, other] = [git?.fromUrl(inside), git?.fromUrl(outside)];
  const place = (host: typeof one): string | undefined =>
    host && [host.type, host.user, host.project, host.committish ?? ""].join(" ");
  return one !== undefined && place(one) === place(other);
}

function equal(a: Strings, b: Strings): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

function stringsOf(value: Json | undefined): [string, string][] {
  if (!isObject(value)) return [];
  return Object.entries(value).filter(
    (pair): pair is [string, string] => typeof pair[1] === "string",
  );
}

function said(value: string | undefined): string {
  return value === undefined ? "absent" : JSON.stringify(value.slice(0, 100));
}
