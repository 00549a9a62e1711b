import { createReadStream } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import type { Caller } from "@citadel/core/access";
import { withFolder, type Scratch, type Citadel } from "@citadel/core";
import { CitadelError } from "@citadel/core/errors";
import type { Guard } from "@citadel/core/guard";
import {
  checkName,
  checkTag,
  checkVersion,
  inspect,
  spool,
  type JsonObject,
  type Spooled,
  type Tarball,
} from "@citadel/core/registry";
import { storedAs } from "@citadel/core/catalog";
import { listFiles, pack, readPackageJson } from "@citadel/core/pack";
import { makePackage, singleFile, type SingleFile } from "./file.ts";
import { scopeOf } from "./names.ts";

/**
 * What a package is made of.
 *
 * - text, bytes or a stream: one file, called `fileName`; without that name, what begins as gzip is a ready tarball
 * - `{ path }`: a folder with a package.json, a ready `.tgz` or `.tar.gz`, or any other file
 */
export type PackageContent =
  | string
  | Uint8Array
  | AsyncIterable<Uint8Array>
  | { readonly path: string };

export interface PublishOptions {
  /** @default "latest" */
  readonly tag?: string;
  /** what the file is called in the package; makes a single file of a tarball, too @default its own name, `index.js` for bytes */
  readonly fileName?: string;
  /** an administrator takes a name that an upstream has @default false */
  readonly claim?: boolean;
  /** checks and packs, stores nothing @default false */
  readonly dryRun?: boolean;
  /** looks into the package first @default nobody does */
  readonly guard?: Guard;
  /** hears how far it is, in bytes */
  readonly onProgress?: (at: PublishProgress) => void;
}

export interface PublishProgress {
  readonly phase: "packing" | "checking" | "storing";
  readonly done: number;
  /** unknown while packing a folder or a stream */
  readonly total?: number;
}

export interface PublishedPackage {
  /** npm name, `@scope/name` */
  readonly name: string;
  readonly version: string;
  /** without `@` */
  readonly scope?: string;
  readonly tag: string;
  /** stable id of this version; not yet known in a dry run */
  readonly uuid?: string;
  /** `sha512-<base64>` of the tarball */
  readonly integrity: string;
  /** bytes of the tarball */
  readonly size: number;
  /** bytes that it takes in the store; not yet known in a dry run */
  readonly storedSize?: number;
  readonly compressed?: boolean;
  readonly encrypted?: boolean;
  /** the single file that the package was made of */
  readonly file?: SingleFile;
  readonly dryRun: boolean;
}

/** A package ready to be handed to the registry. */
interface Prepared {
  readonly manifest: JsonObject;
  readonly tarball: Spooled;
}

/**
 * Makes an ordinary npm package of any content and publishes it.
 * @param name npm name
 * @throws E_VERSION_EXISTS, E_MANIFEST_MISMATCH, E_USAGE, E_INVALID_*, E_TOO_LARGE; nothing was published then
 */
export async function publish(
  citadel: Citadel,
  caller: Caller,
  input: {
    readonly name: string;
    readonly version: string;
    readonly content: PackageContent;
    readonly metadata?: JsonObject;
  } & PublishOptions,
  scratch: Scratch = new Set(),
): Promise<PublishedPackage> {
  const { tag = "latest", dryRun = false } = input;
  const name = checkName(input.name);
  const version = checkVersion(input.version);
  checkTag(tag);
  await demandFree(citadel, name, version);
  const temporary = join(citadel.dirs.cache, "tmp");
  return withFolder(temporary, scratch, async (folder) => {
    const { manifest, tarball } = await prepare(citadel, folder, { ...input, name, version });
    await input.guard?.(`${name}@${version}`, tarball.content);
    const scope = scopeOf(name);
    const file = singleFile(manifest);
    const { integrity, size } = tarball;
    const plan = {
      name,
      version,
      ...(scope !== undefined && { scope }),
      tag,
      integrity,
      size,
      ...(file && { file }),
      dryRun,
    };
    const { claim = false } = input;
    const content = watched(tarball, input);
    const wanted = { name, version, manifest, tarball: content, tags: [tag], claim };
    if (dryRun) {
      await citadel.registry.checkPublish(wanted, caller);
      return plan;
    }
    const published = await citadel.registry.publish(wanted, caller);
    // A repeat of a request whose answer got lost makes sense over HTTP; here it is a second publish.
    if (published.repeated) throw versionExists(name, version);
    const stored = await storedAs(citadel.store.driver, integrity);
    const { size: storedSize = size, compressed, encrypted } = stored;
    return { ...plan, uuid: published.uuid, storedSize, compressed, encrypted };
  });
}

/** The same tarball, which the registry reads twice when it is large: to check it, and to store it. */
function watched(tarball: Tarball, { onProgress }: PublishOptions): Tarball {
  const { content } = tarball;
  if (!onProgress || content instanceof Uint8Array) return tarball;
  const { size: total } = content;
  let phase: PublishProgress["phase"] = "checking";
  const stream = () => {
    const now = phase;
    phase = "storing";
    return counted(content.stream(), (done) => onProgress({ phase: now, done, total }));
  };
  return { ...tarball, content: { size: total, stream } };
}

/** The same bytes; `hear` is told how many came so far. */
export async function* counted(
  source: AsyncIterable<Uint8Array>,
  hear: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void, void> {
  let bytes = 0;
  for await (const chunk of source) {
    hear((bytes += chunk.byteLength));
    yield chunk;
  }
}

/** Refuses before anything is packed; the registry asks again when it commits. */
async function demandFree({ registry }: Citadel, name: string, version: string): Promise<void> {
  const state = (await registry.packages.read(name))?.state;
  if (state?.versions.has(version)) throw versionExists(name, version);
  if (state?.removed.has(version))
    throw new CitadelError(
      "E_VERSION_EXISTS",
      `${name}@${version} was unpublished; the number stays taken`,
    );
}

const versionExists = (name: string, version: string) =>
  new CitadelError("E_VERSION_EXISTS", `${name}@${version} is already published`);

async function prepare(
  citadel: Citadel,
  folder: string,
  input: Parameters<typeof publish>[2],
): Promise<Prepared> {
  const { content, fileName, metadata = {}, onProgress } = input;
  const heard = (source: AsyncIterable<Uint8Array>, total?: number) =>
    onProgress
      ? counted(source, (done) =>
          onProgress({ phase: "packing", done, ...(total !== undefined && { total }) }),
        )
      : source;
  agree(metadata, input, "the metadata");
  if (typeof content === "object" && "path" in content) {
    const path = resolve(content.path);
    const entry = await stat(path).catch((error: unknown) => {
      throw new CitadelError("E_USAGE", `${content.path} cannot be read`, {
        hint: ["name a file or a folder: -f <path>"],
        cause: error,
      });
    });
    if (entry.isDirectory()) return fromFolder(citadel, folder, path, input, heard);
    if (fileName === undefined && /\.(?:tgz|tar\.gz)$/i.test(path))
      return fromTarball(citadel, folder, heard(createReadStream(path), entry.size), input);
    const source = heard(createReadStream(path), entry.size);
    return fromFile(citadel, folder, source, fileName ?? basename(path), input);
  }
  const { gzipped, whole } = await peek(heard(chunksOf(content)));
  return gzipped && fileName === undefined
    ? fromTarball(citadel, folder, whole, input)
    : fromFile(citadel, folder, whole, fileName ?? "index.js", input);
}

async function* chunksOf(
  content: string | Uint8Array | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (typeof content === "string") yield Buffer.from(content);
  else if (content instanceof Uint8Array) yield content;
  else yield* content;
}

type Wanted = Pick<Parameters<typeof publish>[2], "name" | "version" | "metadata">;

async function fromFile(
  citadel: Citadel,
  folder: string,
  source: AsyncIterable<Uint8Array>,
  fileName: string,
  { name, version, metadata = {} }: Wanted,
): Promise<Prepared> {
  const files = join(folder, "package");
  await mkdir(files);
  const limit = citadel.settings.limits.unpacked;
  const made = await makePackage(files, { name, version, fileName, source, metadata, limit });
  return {
    manifest: made.manifest,
    tarball: await spoolTarball(citadel, folder, pack(files, made.files, made.executable)),
  };
}

async function fromFolder(
  citadel: Citadel,
  folder: string,
  path: string,
  wanted: Wanted,
  heard: (tarball: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>,
): Promise<Prepared> {
  const packageJson = readPackageJson(path);
  const what = join(path, "package.json");
  agree(packageJson, wanted, what, ["name", "version"]);
  if (packageJson["private"] === true)
    throw new CitadelError("E_USAGE", `${what} says "private": true`, {
      hint: ['take "private" out of it to publish the package'],
    });
  const { files, executable } = await listFiles(path, packageJson);
  const tarball = await spoolTarball(citadel, folder, heard(pack(path, files, executable)));
  return { manifest: { ...packageJson, ...wanted.metadata }, tarball };
}

async function fromTarball(
  citadel: Citadel,
  folder: string,
  source: AsyncIterable<Uint8Array>,
  wanted: Wanted,
): Promise<Prepared> {
  const tarball = await spoolTarball(citadel, folder, source);
  const { packageJson } = await inspect(tarball.content, citadel.settings.limits);
  agree(packageJson, wanted, "package.json in the tarball", ["name", "version"]);
  return { manifest: { ...packageJson, ...wanted.metadata }, tarball };
}

const spoolTarball = ({ settings }: Citadel, dir: string, source: AsyncIterable<Uint8Array>) =>
  spool(source, { limit: settings.limits.tarball, dir });

/**
 * Name and version must be those that were asked for.
 * @param required fields that must be there
 * @throws E_MANIFEST_MISMATCH
 */
function agree(
  json: JsonObject,
  wanted: Wanted,
  what: string,
  required: readonly string[] = [],
): void {
  for (const field of ["name", "version"] as const) {
    const found = json[field];
    if (found === undefined && !required.includes(field)) continue;
    // npm cuts build metadata off a version: 1.0.0+5 is published as 1.0.0.
    const plain = typeof found === "string" && field === "version" ? found.split("+", 1)[0] : found;
    if (plain === wanted[field]) continue;
    const said = found === undefined ? `has no ${field}` : `says ${field} ${JSON.stringify(found)}`;
    throw new CitadelError(
      "E_MANIFEST_MISMATCH",
      `${what} ${said}, the command says ${wanted[field]}`,
      { hint: [`correct ${what}, or the command, so that both say the same`] },
    );
  }
}

/** Whether a stream begins as gzip does, and the same stream from its beginning. */
async function peek(
  source: AsyncIterable<Uint8Array>,
): Promise<{ readonly gzipped: boolean; readonly whole: AsyncIterable<Uint8Array> }> {
  const chunks = source[Symbol.asyncIterator]();
  const seen: Uint8Array[] = [];
  for (let size = 0; size < 2;) {
    const { done, value } = await chunks.next();
    if (done) break;
    seen.push(value);
    size += value.byteLength;
  }
  async function* whole() {
    yield* seen;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  }
  const [first, second] = Buffer.concat(seen);
  return { gzipped: first === 0x1f && second === 0x8b, whole: whole() };
}
