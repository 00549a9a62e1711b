import { randomBytes } from "node:crypto";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CitadelError, environment, errorCode, type Scratch } from "@citadel/core";
import { runChild } from "@citadel/core/child";
import { isObject, type JsonObject } from "@citadel/core/registry";
import type { Entry, Identity, RunCache } from "./cache.ts";
import { scrubbed } from "./environment.ts";
import { npmOptions } from "./npm-options.ts";
import type { Place } from "./registry.ts";
import { seal } from "./seal.ts";
import type { Allowed } from "./spec.ts";

export interface PrepareOptions {
  readonly cache: RunCache;
  readonly place: Place;
  readonly identity: Identity;
  /** what npm is asked to install */
  readonly spec: string;
  readonly upstream: string | undefined;
  readonly allowed: Allowed;
  /** the entry whose lockfile says what to install, which it takes the place of */
  readonly damaged?: Entry | undefined;
  readonly offline: boolean;
  readonly scratch: Scratch;
}

/**
 * Installs a package with its dependencies into an entry of its own. No install script runs that was not allowed.
 * @throws E_PREPARE, E_NOT_CACHED, E_PACKAGE_UNSOUND, E_SPEC_REFUSED, E_REMOTE_*
 */
export async function prepare(options: PrepareOptions): Promise<Entry> {
  const { cache, identity, damaged, scratch, upstream } = options;
  const draft = join(cache.drafts, `${process.pid}-${randomBytes(6).toString("hex")}`);
  scratch.add(draft);
  try {
    await mkdir(draft, { recursive: true, mode: 0o700 });
    await writeFile(join(draft, "package.json"), '{ "name": "run", "private": true }\n');
    const locked = damaged && (await takeLock(damaged, draft));
    await install(options, draft, locked ? undefined : options.spec);
    const packages = await packagesIn(draft);
    demandPromised(packages, identity);
    const withScripts = scriptsOf(packages);
    const ran = withScripts.filter((one) => identity.scripts.includes(one));
    if (ran.length > 0) await runScripts(draft, ran);
    const entry = {
      ...{ name: identity.name, version: identity.version, integrity: identity.integrity },
      ...(upstream !== undefined && { upstream }),
      ...(await seal(draft)),
      ran,
      skipped: withScripts.filter((one) => !identity.scripts.includes(one)),
    };
    return await cache.keep(draft, cache.idOf(identity), entry, { replace: damaged !== undefined });
  } finally {
    await rm(draft, { recursive: true, force: true });
    scratch.delete(draft);
  }
}

/** The lockfile and package.json of an entry, when they are those that it was made with. */
async function takeLock({ folder, lock }: Entry, draft: string): Promise<boolean> {
  const { sha256 } = await import("./cache.ts");
  const path = join(folder, "package-lock.json");
  const text = await readFile(path).catch(() => undefined);
  if (!text || sha256(text) !== lock) return false;
  for (const name of ["package.json", "package-lock.json"])
    await copyFile(join(folder, name), join(draft, name));
  return true;
}

async function install(
  { cache, place, allowed, offline, identity }: PrepareOptions,
  path: string,
  spec: string | undefined,
): Promise<void> {
  const { default: Arborist } = await import("@npmcli/arborist");
  const arborist = new Arborist({
    ...npmOptions(place, { cache: cache.content, offline, remote: allowed.remote }),
    path,
    ignoreScripts: true,
    audit: false,
    fund: false,
    savePrefix: "",
    omit: ["dev"],
    lockfileVersion: 3,
    allowGit: allowed.git ? "root" : "none",
    allowRemote: allowed.remote ? "root" : "none",
    allowFile: "none",
    allowDirectory: "none",
  });
  try {
    await arborist.reify(spec === undefined ? {} : { add: [spec] });
  } catch (error) {
    throw installError(error, `${identity.name}@${identity.version}`, offline);
  }
}

/** What npm's installer says, by our table. */
function installError(error: unknown, what: string, offline: boolean): unknown {
  if (errorCode(error)) return error;
  const { code = "", message = "" } = error as { code?: string; message?: string };
  if (offline || code === "ENOTCACHED")
    return new CitadelError("E_NOT_CACHED", `${what} or a dependency of it is not in the cache`, {
      cause: error,
    });
  if (code.startsWith("EALLOW"))
    return new CitadelError(
      "E_SPEC_REFUSED",
      `${what} depends on something that is in no registry: ${message}`,
      { cause: error, hint: ["ask its authors to publish what it depends on"] },
    );
  if (code === "EINTEGRITY")
    return new CitadelError(
      "E_PACKAGE_UNSOUND",
      `a tarball of ${what} is not what the registry promises`,
      { cause: error },
    );
  if (code === "E403")
    return new CitadelError("E_POLICY", `${what} needs a version that the registry withholds`, {
      cause: error,
    });
  return new CitadelError("E_PREPARE", `${what} cannot be installed`, { cause: error });
}

/** The packages of a lockfile by their folders. */
async function packagesIn(draft: string): Promise<Map<string, JsonObject>> {
  const lock: unknown = JSON.parse(await readFile(join(draft, "package-lock.json"), "utf8"));
  const packages = isObject(lock) && isObject(lock["packages"]) ? lock["packages"] : {};
  return new Map(
    Object.entries(packages).filter((pair): pair is [string, JsonObject] => isObject(pair[1])),
  );
}

/** @throws E_PACKAGE_UNSOUND when the registry said one thing when it was asked, and gave another */
function demandPromised(
  packages: ReadonlyMap<string, JsonObject>,
  { name, version, integrity }: Identity,
): void {
  const got = packages.get(modules + name);
  const hashes =
    typeof got?.["integrity"] === "string" ? got["integrity"].split(" ") : [got?.["resolved"]];
  if (got?.["version"] === version && hashes.includes(integrity)) return;
  throw new CitadelError(
    "E_PACKAGE_UNSOUND",
    `${name}@${version} is another one now than when the registry was asked`,
  );
}

/** `<name>@<version>` of all that want to run scripts when they are installed. */
function scriptsOf(packages: ReadonlyMap<string, JsonObject>): string[] {
  const found = [...packages].flatMap(([path, { name, version, hasInstallScript }]) => {
    if (hasInstallScript !== true || typeof version !== "string") return [];
    // only where the folder is called otherwise
    const own =
      typeof name === "string" ? name : path.slice(path.lastIndexOf(modules) + modules.length);
    return [`${own}@${version}`];
  });
  return [...new Set(found)].sort();
}

const modules = "node_modules/";

/** In a process of their own, so that they get the environment that programs get. */
async function runScripts(path: string, allowed: readonly string[]): Promise<void> {
  const worker = fileURLToPath(new URL("./scripts-worker.js", import.meta.url));
  const code = await runChild({
    file: process.execPath,
    args: [worker, path, ...allowed],
    env: scrubbed(environment()),
    // what they say is no data
    stdio: ["ignore", 2, 2],
  });
  if (code !== 0)
    throw new CitadelError("E_PREPARE", `an install script of ${allowed.join(", ")} failed`, {
      hint: ["what it said stands above"],
    });
}
