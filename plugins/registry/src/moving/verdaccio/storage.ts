import { createReadStream, type Dirent } from "node:fs";
import { lstat, readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { CitadelError } from "@citadel/core/errors";
import { checkName, isObject, tarballFile, type JsonObject } from "@citadel/core/registry";
import type { Problem, Source, SourcePackage } from "../source.ts";

/** bytes of a document; the largest of the public registry have a tenth */
const largestDocument = 256 * 2 ** 20;

/** `.verdaccio-db.json`: the packages that were published there, and what its tokens are made with. */
export interface VerdaccioDatabase {
  readonly list: readonly string[];
  readonly secret?: string;
}

export interface VerdaccioStorage extends Source {
  readonly database: VerdaccioDatabase;
  /** what is wrong with the folders as a whole */
  readonly problems: readonly Problem[];
}

/**
 * The packages in the folders of a Verdaccio, as its local storage keeps them: `<name>/package.json` beside tarballs. They are found
 * by looking, since the list of them is known to get lost. Nothing is written.
 * @throws E_USAGE when a folder cannot be read
 */
export async function openVerdaccioStorage(folders: readonly string[]): Promise<VerdaccioStorage> {
  const places = new Map<string, string>();
  for (const folder of folders)
    for (const name of await packagesIn(folder, folder === folders[0]))
      if (!places.has(name)) places.set(name, join(folder, name));
  const { database, problems } = await readDatabase(folders[0] ?? "");
  const lost = database.list.filter((name) => !places.has(name));
  const names = [...places.keys()].toSorted();
  return {
    near: true,
    names,
    database,
    problems: [...problems, ...lost.map(lostOne)],
    read: (name) => readPackage(places.get(name) ?? "", name),
  };
}

const lostOne = (name: string): Problem => ({
  subject: name.slice(0, 214),
  code: "E_PACKAGE_NOT_FOUND",
  message: "Verdaccio lists it, but it has no folder",
});

async function packagesIn(folder: string, needed: boolean): Promise<string[]> {
  const top = await readdir(folder, { withFileTypes: true }).catch((error: unknown): Dirent[] => {
    if (!needed) return [];
    throw new CitadelError("E_USAGE", `${folder} cannot be read`, {
      hint: ["name Verdaccio's config.yaml, or its storage folder"],
      cause: error,
    });
  });
  const names: string[] = [];
  for (const entry of top) {
    if (!entry.isDirectory() || entry.name.startsWith(".")) continue;
    if (await isPackage(join(folder, entry.name))) names.push(entry.name);
    else if (entry.name.startsWith("@"))
      for (const inner of await readdir(join(folder, entry.name), { withFileTypes: true }))
        if (inner.isDirectory() && (await isPackage(join(folder, entry.name, inner.name))))
          names.push(`${entry.name}/${inner.name}`);
  }
  return names;
}

const isPackage = async (folder: string): Promise<boolean> => isFile(join(folder, "package.json"));

/** A file, and no link that leads out of the storage. */
const isFile = async (path: string): Promise<boolean> =>
  (await lstat(path).catch(() => undefined))?.isFile() === true;

async function readDatabase(
  folder: string,
): Promise<{ database: VerdaccioDatabase; problems: Problem[] }> {
  const text = await readFile(join(folder, ".verdaccio-db.json"), "utf8").catch(() => undefined);
  if (text === undefined) return { database: { list: [] }, problems: [] };
  try {
    const { list, secret } = JSON.parse(text) as { list?: unknown; secret?: unknown };
    const names = (Array.isArray(list) ? list : []).filter((name) => typeof name === "string");
    return {
      database: { list: names, ...(typeof secret === "string" && { secret }) },
      problems: [],
    };
  } catch {
    const message = "Verdaccio's list of packages is damaged; its folders are taken as they are";
    const problem = { subject: ".verdaccio-db.json", code: "E_INVALID_DOCUMENT", message };
    return { database: { list: [] }, problems: [problem] };
  }
}

async function readPackage(folder: string, name: string): Promise<SourcePackage> {
  checkName(name);
  const document = await readDocument(join(folder, "package.json"));
  if (document["name"] !== name)
    throw new CitadelError("E_INVALID_DOCUMENT", "its package.json is that of another package");
  const files = sectionOf(document, "_attachments");
  const upstream = sectionOf(document, "_distfiles");
  const all = sectionOf(document, "versions");
  const versions: string[] = [];
  const fileOf = new Map<string, string>();
  for (const version of Object.keys(all)) {
    const file = fileNames(name, version, all[version]).find((one) => Object.hasOwn(files, one));
    const attachment = file === undefined ? undefined : files[file];
    if (file === undefined || !isObject(attachment)) continue;
    // a copy from an upstream has an attachment, too, once it was asked for; what was published here says its version
    if (attachment["version"] === undefined && Object.hasOwn(upstream, file)) continue;
    versions.push(version);
    fileOf.set(version, file);
    addHash(all[version], attachment["shasum"]);
  }
  return {
    document,
    versions,
    cached: Object.keys(all).length - versions.length,
    tarball: (version) => fileBytes(join(folder, fileOf.get(version) ?? "")),
  };
}

/** File names that a version's tarball may have: the usual one, and the last part of its address. */
function fileNames(name: string, version: string, manifest: unknown): string[] {
  const dist = isObject(manifest) ? manifest["dist"] : undefined;
  const address = isObject(dist) ? dist["tarball"] : undefined;
  const last = typeof address === "string" ? basename(address.split(/[?#]/)[0] ?? "") : "";
  return [tarballFile(name, version), last].filter((file) => /^[^/\\]+\.tgz$/.test(file));
}

/** Verdaccio notes a hash of its own beside the file; documents of its first years have no other. */
function addHash(manifest: unknown, shasum: unknown): void {
  if (!isObject(manifest) || typeof shasum !== "string") return;
  const dist = isObject(manifest["dist"]) ? manifest["dist"] : {};
  if (dist["shasum"] === undefined) manifest["dist"] = { ...dist, shasum };
}

async function readDocument(path: string): Promise<JsonObject> {
  const { size } = await lstat(path);
  if (size > largestDocument)
    throw new CitadelError("E_TOO_LARGE", `its package.json has ${size} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    throw new CitadelError("E_INVALID_DOCUMENT", "its package.json is damaged or cannot be read", {
      cause: error,
    });
  }
  if (isObject(value)) return value;
  throw new CitadelError("E_INVALID_DOCUMENT", "its package.json is not an object");
}

async function* fileBytes(path: string): AsyncGenerator<Uint8Array, void, void> {
  if (!(await isFile(path)))
    throw new CitadelError("E_INTEGRITY", `its tarball ${basename(path)} is missing`);
  try {
    yield* createReadStream(path, { highWaterMark: 2 ** 18 }) as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw new CitadelError("E_INTEGRITY", `its tarball ${basename(path)} cannot be read`, {
      cause: error,
    });
  }
}

function sectionOf(document: JsonObject, key: string): JsonObject {
  const value = document[key];
  return isObject(value) ? value : {};
}
