import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { basename, join, resolve as absolute } from "node:path";
import { pipeline, Readable } from "node:stream";
import { pipeline as piped } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { replaceFile, withFolder, type Scratch, type Citadel } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import { storedAs } from "@citadel/core/catalog";
import { CitadelError } from "@citadel/core/errors";
import { spool, tarballFile, type JsonObject } from "@citadel/core/registry";
import { singleFile, type SingleFile } from "./file.ts";
import { scopeOf } from "./names.ts";

export interface ResolvedPackage {
  /** npm name, `@scope/name` */
  readonly name: string;
  readonly version: string;
  /** without `@` */
  readonly scope?: string;
  readonly uuid: string;
  /** dist-tags that point here */
  readonly tags: readonly string[];
  readonly description: string;
  /** `sha512-<base64>` of the tarball */
  readonly integrity: string;
  /** bytes of the tarball */
  readonly size: number;
  /** bytes that it takes in the store */
  readonly storedSize: number;
  readonly compressed: boolean;
  readonly encrypted: boolean;
  /** ISO 8601, UTC */
  readonly published: string;
  readonly publisher: string;
  readonly deprecated?: string;
  /** the single file that the package was made of; absent for other packages */
  readonly file?: SingleFile;
  /** the manifest as published */
  readonly manifest: JsonObject;
}

/**
 * A version of a package by number, range or tag.
 * @throws E_PACKAGE_NOT_FOUND, E_VERSION_NOT_FOUND
 */
export async function resolve(
  citadel: Citadel,
  caller: Caller,
  name: string,
  spec: string,
): Promise<ResolvedPackage> {
  const { version, record, uuid, tags, manifest } = await citadel.registry.resolve(
    name,
    spec,
    caller,
  );
  const { integrity, size, deprecated } = record;
  const {
    size: storedSize = size,
    compressed,
    encrypted,
  } = await storedAs(citadel.store.driver, integrity);
  const scope = scopeOf(name);
  const file = singleFile(manifest);
  const { description } = manifest;
  return {
    name,
    version,
    ...(scope !== undefined && { scope }),
    uuid,
    tags,
    description: typeof description === "string" ? description : "",
    integrity,
    size,
    storedSize,
    compressed,
    encrypted,
    published: new Date(record.time).toISOString(),
    publisher: record.by,
    ...(deprecated !== undefined && { deprecated }),
    ...(file && { file }),
    manifest,
  };
}

/** What the content is called when nobody says otherwise. */
export const contentName = ({ name, version, file }: ResolvedPackage): string =>
  basename(file?.content ?? tarballFile(name, version));

/**
 * The content as it was given to publish: the single file, or the tarball. Fails before its last bytes when a hash is wrong, so
 * what ended well is what was published.
 * @throws E_INTEGRITY that names the damaged object
 */
export async function* contentOf(
  citadel: Citadel,
  { name, version, integrity, size, file }: ResolvedPackage,
): AsyncGenerator<Uint8Array> {
  const tarball = await citadel.store.blobs.open({ integrity, size });
  if (!tarball)
    throw new CitadelError(
      "E_INTEGRITY",
      `the tarball of ${name}@${version} (${integrity}) is missing from the store`,
    );
  if (file) yield* checked(fileIn(tarball, file.content), file, `${name}@${version}`);
  else yield* tarball;
}

/** Unpacks one file of a gzipped tarball, in constant memory. */
async function* fileIn(
  tarball: ReadableStream<Uint8Array>,
  path: string,
): AsyncGenerator<Uint8Array> {
  const { Parser } = await import("tar/parse");
  const parser = new Parser({ zstd: false, brotli: false });
  const parts: Buffer[] = [];
  parser.on("entry", (entry) => {
    if (entry.path.slice(entry.path.indexOf("/") + 1) === path)
      entry.on("data", (chunk: Buffer) => parts.push(chunk));
    else entry.resume();
  });
  const source = Readable.fromWeb(tarball as Parameters<typeof Readable.fromWeb>[0]);
  // Failures come out of the iteration.
  const plain = pipeline(source, createGunzip(), () => {});
  for await (const chunk of plain as AsyncIterable<Buffer>) {
    parser.write(chunk);
    yield* parts.splice(0);
  }
  parser.end();
  yield* parts.splice(0);
}

/** The same bytes, the last of them only when all are known to be right. */
async function* checked(
  source: AsyncIterable<Uint8Array>,
  file: SingleFile,
  what: string,
): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha512");
  let held: Uint8Array | undefined;
  for await (const chunk of source) {
    hash.update(chunk);
    if (held) yield held;
    held = chunk;
  }
  if (`sha512-${hash.digest("base64")}` !== file.integrity)
    throw new CitadelError(
      "E_INTEGRITY",
      `${file.content} in the tarball of ${what} is not the file that was published`,
    );
  if (held) yield held;
}

/**
 * Writes the content to a file, or into a folder under its own name. A file appears whole or not at all.
 * @returns the path written
 */
export async function writeContent(
  citadel: Citadel,
  found: ResolvedPackage,
  output: string,
  scratch: Scratch = new Set(),
): Promise<string> {
  const { path, regular } = await target(output, contentName(found));
  if (regular) await replaceFile(path, contentOf(citadel, found), scratch);
  else await passContent(citadel, found, createWriteStream(path), scratch, { end: true });
  return path;
}

/** Writes the content to a stream. That cannot be taken back, so all is checked before the first byte goes out. */
export async function passContent(
  citadel: Citadel,
  found: ResolvedPackage,
  to: NodeJS.WritableStream,
  scratch: Scratch = new Set(),
  { end = false } = {},
): Promise<void> {
  await withFolder(join(citadel.dirs.cache, "tmp"), scratch, async (dir) => {
    const { content } = await spool(contentOf(citadel, found), { limit: Infinity, dir });
    await piped(content instanceof Uint8Array ? [content] : content.stream(), to, { end });
  });
}

async function target(output: string, name: string): Promise<{ path: string; regular: boolean }> {
  const wanted = absolute(output);
  const entry = await stat(wanted).catch(() => undefined);
  if (entry?.isDirectory()) return { path: join(wanted, name), regular: true };
  if (/[\\/]$/.test(output)) return { path: join(wanted, name), regular: true };
  // The file behind a link is replaced, not the link; a device is written to.
  return entry
    ? { path: await realpath(wanted), regular: entry.isFile() }
    : { path: wanted, regular: true };
}
