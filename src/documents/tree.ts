import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { realpath } from "node:fs/promises";
import type { Caller } from "../access/types.ts";
import type { Citadel } from "../citadel.ts";
import { CitadelError } from "../errors.ts";
import { listFiles, readPackageJson } from "../pack/folder.ts";
import { tarballFile } from "../registry/names.ts";
import type { JsonObject } from "../registry/types.ts";

/** An unpacked package. */
export interface Tree {
  /** absolute path */
  readonly root: string;
  readonly manifest: JsonObject;
  /** relative paths, with slashes; all of the package, also those that were not unpacked */
  readonly files: readonly string[];
}

/** bytes that are unpacked */
const most = 256 * 2 ** 20;
/** declarations, code and JSON: what can be compared */
const comparable = /\.(?:[cm]?js|[cm]?ts|json)$/;

/**
 * Unpacks a published version, without links.
 * @param folder an empty one
 * @param wanted paths of files that are unpacked @default code, declarations and JSON
 * @throws E_INTEGRITY, E_TOO_LARGE, E_INVALID_DOCUMENT
 */
export async function unpackVersion(
  citadel: Citadel,
  caller: Caller,
  version: { readonly name: string; readonly version: string; readonly origin: string },
  folder: string,
  wanted?: RegExp,
): Promise<Tree> {
  return unpack(await tarballOf(citadel, caller, version), folder, wanted);
}

/** The same of any gzipped tarball. */
export async function unpack(
  source: AsyncIterable<Uint8Array>,
  folder: string,
  wanted = comparable,
): Promise<Tree> {
  const { Unpack } = await import("tar");
  const files: string[] = [];
  let sum = 0;
  const to = new Unpack({
    cwd: folder,
    strip: 1,
    strict: false,
    filter(path, entry) {
      const file = path.slice(path.indexOf("/") + 1);
      if (!("type" in entry) || entry.type !== "File") return false;
      files.push(file);
      if (!wanted.test(file)) return false;
      sum += entry.size;
      if (sum > most)
        throw new CitadelError("E_TOO_LARGE", `more than ${most} bytes would have to be unpacked`);
      return true;
    },
  });
  await pipeline(source, createGunzip(), to);
  return { root: await realpath(folder), manifest: readPackageJson(folder), files };
}

/** The bytes of a published version. @throws E_VERSION_NOT_FOUND, E_INTEGRITY, E_POLICY, E_REMOTE_* */
export async function tarballOf(
  { registry, store, upstream }: Citadel,
  caller: Caller,
  { name, version, origin }: { name: string; version: string; origin: string },
): Promise<AsyncIterable<Uint8Array>> {
  if (origin !== "here" && upstream) {
    const found = await upstream.tarball(name, tarballFile(name, version), caller);
    const body = await found.body();
    return body instanceof Uint8Array ? Readable.from([body]) : readable(body);
  }
  const { record } = await registry.resolve(name, version, caller);
  const stream = await store.blobs.open({ integrity: record.integrity, size: record.size });
  if (stream) return readable(stream);
  throw new CitadelError(
    "E_INTEGRITY",
    `the tarball of ${name}@${version} (${record.integrity}) is missing from the store`,
  );
}

const readable = (stream: ReadableStream<Uint8Array>): Readable =>
  Readable.fromWeb(stream as Parameters<typeof Readable.fromWeb>[0]);

/**
 * A package folder, as far as npm would pack it.
 * @throws E_USAGE without a package.json
 */
export async function readFolder(path: string): Promise<Tree> {
  const manifest = readPackageJson(path);
  const root = await realpath(path);
  return { root, manifest, files: (await listFiles(root, manifest)).files };
}
