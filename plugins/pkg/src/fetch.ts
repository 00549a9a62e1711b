import { realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { withFolder, type Citadel, type Scratch } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import {
  readFolder,
  readHistory,
  unpackVersion,
  type PackageHistory,
} from "@citadel/core/documents";
import { CitadelError, errorCode } from "@citadel/core/errors";
import { readPackageJson } from "@citadel/core/pack";
import { checkName } from "@citadel/core/registry";
import { readDocuments, wanted, type PackageDocuments } from "./documents.ts";
import { openShelf, type Shelf } from "./shelf.ts";

export interface Asked {
  /** name, with `@version`, `@range` or `@tag` */
  readonly what: string;
  /** absolute; where it is looked for what is installed */
  readonly folder: string;
  /** ask no other registry */
  readonly offline?: boolean;
}

export interface Fetched {
  readonly documents: PackageDocuments;
  /** why it is this version */
  readonly because: "asked" | "installed" | "tag";
  /** it was read from what is kept */
  readonly kept: boolean;
  /** the registry behind this one could not be asked */
  readonly stale?: true;
}

/**
 * The documents of the version that is installed around a folder, else of the one that `latest` points to. What was fetched before
 * is not fetched again.
 * @throws E_INVALID_NAME, E_PACKAGE_NOT_FOUND, E_VERSION_NOT_FOUND, E_REMOTE_*, E_TOO_LARGE
 */
export async function fetchDocuments(
  citadel: Citadel,
  caller: Caller,
  { what, folder, offline = false }: Asked,
  scratch: Scratch = new Set(),
): Promise<Fetched> {
  const { name, spec } = parseSpec(what);
  const installed = spec === undefined ? await findInstalled(name, folder) : undefined;
  const because = spec !== undefined ? "asked" : installed ? "installed" : "tag";
  const shelf = await openShelf(citadel);
  try {
    const found = await historyOf(citadel, caller, shelf, { name, spec, installed, offline });
    if ("documents" in found) return { ...found, because, kept: true };
    const { history } = found;
    const version = await pick(history, spec ?? installed?.version ?? "latest", installed);
    if (version === undefined && installed)
      return { documents: await ofFolder(name, installed), because, kept: false };
    const record = history?.versions.find((one) => one.version === version);
    const kept = version === undefined ? undefined : shelf.get(name, version);
    if (kept && kept.integrity === (record?.integrity ?? null))
      return { documents: kept, because, kept: true };
    const { origin = "here" } = history ?? {};
    const documents = await withFolder(`${citadel.dirs.cache}/tmp`, scratch, async (place) =>
      readDocuments(
        await unpackVersion(
          citadel,
          caller,
          { name, version: version ?? "", origin },
          place,
          wanted,
        ),
        { name, version: version ?? "", origin, integrity: record?.integrity ?? null },
      ),
    );
    shelf.put(documents);
    return { documents, because, kept: false };
  } finally {
    shelf.close();
  }
}

/** @throws E_INVALID_NAME */
function parseSpec(what: string): { name: string; spec?: string } {
  const at = what.indexOf("@", 1);
  const name = checkName(at < 0 ? what : what.slice(0, at));
  const spec = at < 0 ? "" : what.slice(at + 1).trim();
  return { name, ...(spec !== "" && { spec }) };
}

interface Installed {
  readonly path: string;
  readonly version: string;
}

/** Where Node would load the package from. */
async function findInstalled(name: string, folder: string): Promise<Installed | undefined> {
  for (let at = folder; ; at = dirname(at)) {
    const path = join(at, "node_modules", name);
    try {
      const manifest = readPackageJson(path);
      const { version } = manifest;
      if (manifest["name"] === name && typeof version === "string")
        return { path: await realpath(path), version };
    } catch {
      // not here, or not a package
    }
    if (at === dirname(at)) return undefined;
  }
}

/** Another registry could not be asked. */
const unreachable = new Set<string>([
  "E_REMOTE_UNAVAILABLE",
  "E_REMOTE_TIMEOUT",
  "E_REMOTE_ANSWER",
]);

interface Wanted {
  readonly name: string;
  readonly spec: string | undefined;
  readonly installed: Installed | undefined;
  readonly offline: boolean;
}

/** What there is to choose from; what is kept where nobody can be asked. `history` is undefined for what is only installed. */
async function historyOf(
  citadel: Citadel,
  caller: Caller,
  shelf: Shelf,
  { name, spec, installed, offline }: Wanted,
): Promise<
  | { readonly history: PackageHistory | undefined }
  | { readonly documents: PackageDocuments; readonly stale: true }
> {
  const kept = async (): Promise<PackageDocuments | undefined> => {
    // of a package of this registry the registry decides who reads it
    const documents = shelf.get(name, spec ?? installed?.version);
    if (!documents || documents.origin === "here") return undefined;
    return (await citadel.registry.elsewhere(name, caller)) ? documents : undefined;
  };
  try {
    if (offline) {
      const documents = await kept();
      if (documents) return { documents, stale: true };
      if (!(await citadel.registry.known(name, caller)))
        throw new CitadelError("E_PACKAGE_NOT_FOUND", `nothing of ${name} is kept`, {
          hint: [`fetch it while there is a network: citadel pkg:fetch ${name}`],
        });
    }
    return { history: await readHistory(citadel, name, caller) };
  } catch (error) {
    const code = errorCode(error) ?? "";
    if (unreachable.has(code)) {
      const documents = await kept();
      if (documents) return { documents, stale: true };
    }
    if (installed && (code === "E_PACKAGE_NOT_FOUND" || unreachable.has(code)))
      return { history: undefined };
    throw error;
  }
}

/** The version that is meant; undefined: it is only installed. @throws E_VERSION_NOT_FOUND */
async function pick(
  history: PackageHistory | undefined,
  spec: string,
  installed: Installed | undefined,
): Promise<string | undefined> {
  if (!history) return undefined;
  const live = history.versions.filter(({ removed }) => !removed).map(({ version }) => version);
  const [{ default: highest }, { default: clean }] = await Promise.all([
    import("semver/ranges/max-satisfying.js"),
    import("semver/functions/clean.js"),
  ]);
  const tagged = history.tags.get(spec);
  const exact = [tagged, spec, clean(spec)].find((one) => one != null && live.includes(one));
  const version = exact ?? highest(live, spec) ?? (spec === "latest" ? live.at(-1) : undefined);
  if (version !== undefined) return version;
  if (installed) return undefined;
  throw new CitadelError(
    "E_VERSION_NOT_FOUND",
    `${history.name} has no version ${JSON.stringify(spec.slice(0, 80))}`,
    { hint: [`there is ${live.slice(-5).toReversed().join(", ")}`] },
  );
}

/** What is installed and nowhere published that we know of; it is there to be read, so it is not kept. */
async function ofFolder(name: string, { path, version }: Installed): Promise<PackageDocuments> {
  const from = { name, version, origin: "folder", integrity: null };
  return readDocuments(await readFolder(path), from);
}
