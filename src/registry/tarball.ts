import { createGunzip, gunzipSync } from "node:zlib";

import type { Parser } from "tar/parse";
import type { ReadEntry } from "tar/read-entry";

import { CitadelError } from "../errors.ts";
import { isObject } from "./manifest.ts";
import type { JsonObject, RegistryLimits, Tarball } from "./types.ts";

/** Compressed bytes up to which unpacking at once is cheaper than a stream. */
const atOnce = 64 * 2 ** 10;
/** Unpacked bytes that may be held for it. */
const atOnceUnpacked = 2 ** 20;
/** bytes of a package.json; the largest real ones have a few hundred kilobytes */
const largestPackageJson = 4 * 2 ** 20;
/** bytes of a readme that is taken from the tarball */
const largestReadme = 2 ** 20;

/** What a tarball says about itself. */
export interface Inspected {
  readonly packageJson: JsonObject;
  /** text of the file at the root, the Markdown one if there are several */
  readonly readme?: string;
  readonly readmeFilename?: string;
  /** files, without folders */
  readonly fileCount: number;
  /** bytes of all files */
  readonly unpackedSize: number;
  /** holds an npm-shrinkwrap.json */
  readonly hasShrinkwrap: boolean;
  readonly hasBindingGyp: boolean;
}

/**
 * Reads a package tarball to its end without writing anything: gzip, tar, one root folder of any name (npm takes the first
 * part off each path), in it exactly one package.json. Memory does not grow with the size.
 *
 * Refused are devices, absolute paths, `..`, links that lead out of the folder, and a second package.json, of which each client
 * would believe another one. Links inside count as nothing, as npm leaves them out; so does what follows the
 * archive's end.
 * @throws E_INVALID_TARBALL, E_TOO_LARGE
 */
export async function inspect(
  content: Tarball["content"],
  limits: RegistryLimits,
): Promise<Inspected> {
  const { Parser } = await import("tar/parse");
  const reader = createReader(new Parser({ zstd: false, brotli: false }), limits);
  const small = content instanceof Uint8Array ? unpackedAtOnce(content, limits) : undefined;
  if (small) reader.write(small);
  else for await (const chunk of unpacked(content)) reader.write(chunk);
  return reader.end();
}

/** The plain tar of a small tarball; undefined when a stream has to look at it. */
function unpackedAtOnce(content: Uint8Array, limits: RegistryLimits): Buffer | undefined {
  if (content.length > atOnce) return undefined;
  try {
    return gunzipSync(content, { maxOutputLength: Math.min(atOnceUnpacked, limits.unpacked) });
  } catch (error) {
    if ((error as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE") return undefined;
    throw badGzip(error);
  }
}

/** The plain tar, a chunk at a time. @throws E_INVALID_TARBALL */
export async function* unpacked(content: Tarball["content"]): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: 2 ** 16 });
  const source = content instanceof Uint8Array ? [content] : content.stream();
  const poured = pour(source, gunzip).catch((error: unknown) => {
    gunzip.destroy(error instanceof Error ? error : new Error(String(error)));
    return error;
  });
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) yield chunk;
  } catch (error) {
    throw (error as { errno?: unknown }).errno === undefined ? error : badGzip(error);
  } finally {
    gunzip.destroy();
    await poured;
  }
}

async function pour(
  source: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  gunzip: ReturnType<typeof createGunzip>,
): Promise<void> {
  for await (const chunk of source) {
    if (gunzip.destroyed) return;
    if (!gunzip.write(chunk))
      await new Promise<void>((resolve) => {
        const done = (): void => {
          gunzip.off("drain", done).off("close", done);
          resolve();
        };
        gunzip.on("drain", done).on("close", done);
      });
  }
  gunzip.end();
}

function createReader(parser: Parser, limits: RegistryLimits) {
  let plain = 0;
  let head = Buffer.alloc(0);
  let begun = false;
  let entries = 0;
  let fileCount = 0;
  let unpackedSize = 0;
  let hasShrinkwrap = false;
  let hasBindingGyp = false;
  let ended = false;
  let failure: Error | undefined;
  let packageJson: Buffer[] | undefined;
  let readme: { name: string; parts: Buffer[] } | undefined;
  const links = new Set<string>();

  const refuse = (message: string): void => {
    failure ??= new CitadelError("E_INVALID_TARBALL", message);
  };
  const count = (): void => {
    if (++entries > limits.files)
      failure ??= new CitadelError(
        "E_TOO_LARGE",
        `the tarball has more than ${limits.files} entries`,
      );
  };

  parser.on("entry", (entry) => {
    count();
    const path = segments(entry.path);
    const problem = failure ? undefined : (entryProblem(entry, path) ?? throughLink(path, links));
    if (problem !== undefined) refuse(problem);
    const parts: Buffer[] = [];
    if (!failure && isLink(entry)) links.add(folded(path));
    else if (!failure && entry.type !== "Directory") {
      fileCount++;
      unpackedSize += entry.size;
      if (path.length <= 2) seen(path.at(-1) ?? "", path.length === 2, entry.size, parts);
    }
    if (parts === packageJson || parts === readme?.parts)
      entry.on("data", (chunk: Buffer) => parts.push(chunk));
    else entry.resume();
  });
  parser.on("ignoredEntry", (entry) => {
    count();
    if (entry.meta) refuse("the tarball has an oversized extended header");
  });
  parser.on("meta", count);
  parser.on("eof", () => (ended = true));
  parser.on("warn", (code, message) => {
    if (code !== "TAR_ENTRY_INFO") refuse(`not a tar archive: ${String(message)}`);
  });
  parser.on("error", (error: unknown) => refuse(`not a tar archive: ${(error as Error).message}`));

  /** A file in the root folder, or beside it: some clients take the folder off, some do not. */
  function seen(name: string, inRoot: boolean, size: number, parts: Buffer[]): void {
    if (folded([name]) === "package.json") {
      if (packageJson) return refuse("the tarball has more than one package.json");
      if (name !== "package.json" || !inRoot)
        return refuse(`the tarball has no package.json in its root folder, but a ${name}`);
      if (size > largestPackageJson)
        failure ??= new CitadelError(
          "E_TOO_LARGE",
          `package.json has ${size} bytes, more than ${largestPackageJson}`,
        );
      packageJson = parts;
    }
    if (!inRoot) return;
    if (name === "npm-shrinkwrap.json") hasShrinkwrap = true;
    if (name === "binding.gyp") hasBindingGyp = true;
    const better = /^readme\.(?:md|markdown)$/i.test(name) ? !isMarkdown(readme?.name) : !readme;
    if (better && size <= largestReadme && /^readme(?:\.|$)/i.test(name)) readme = { name, parts };
  }

  function feed(bytes: Buffer): void {
    if (!failure && !ended) parser.write(bytes);
    if (failure) throw failure;
  }

  return {
    /** @throws what is wrong with the archive, as soon as it is known */
    write(chunk: Uint8Array): void {
      plain += chunk.length;
      if (plain > limits.unpacked)
        failure ??= new CitadelError(
          "E_TOO_LARGE",
          `the tarball unpacks to more than ${limits.unpacked} bytes`,
        );
      if (begun) return feed(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
      // the parser would unpack a gzip inside the gzip, which no client does
      head = Buffer.concat([head, chunk]);
      if (head.length < 4) return;
      if (head[0] === 0x1f && head[1] === 0x8b) refuse("the tarball is compressed twice");
      begun = true;
      feed(head);
    },
    end(): Inspected {
      parser.end();
      if (failure) throw failure;
      if (!packageJson) refuse("the tarball has no package.json in its root folder");
      const parsed = parsePackageJson(Buffer.concat(packageJson ?? []), refuse);
      if (failure || !parsed) throw failure;
      return {
        packageJson: parsed,
        ...(readme
          ? { readme: Buffer.concat(readme.parts).toString(), readmeFilename: readme.name }
          : {}),
        fileCount,
        unpackedSize,
        hasShrinkwrap,
        hasBindingGyp,
      };
    },
  };
}

function isMarkdown(name: string | undefined): boolean {
  return name !== undefined && /\.(?:md|markdown)$/i.test(name);
}

const plainTypes: ReadonlySet<string> = new Set([
  "File",
  "OldFile",
  "ContiguousFile",
  "Directory",
  "GNUDumpDir",
]);

type Header = Pick<ReadEntry, "path" | "type" | "linkpath">;

function isLink({ type }: Pick<Header, "type">): boolean {
  return type === "SymbolicLink" || type === "Link";
}

function entryProblem(entry: Header, path: readonly string[]): string | undefined {
  const shown = JSON.stringify(entry.path.slice(0, 200));
  if (isAbsolute(entry.path)) return `the tarball has an absolute path: ${shown}`;
  if (path.includes("..")) return `the tarball has a path that leads outside: ${shown}`;
  if (isLink(entry))
    return leadsOut(entry, path)
      ? `the tarball has a link that leads outside: ${shown} to ${JSON.stringify(entry.linkpath?.slice(0, 200))}`
      : undefined;
  if (!plainTypes.has(entry.type))
    return `the tarball has an entry that is no file: ${shown} (${entry.type})`;
  return undefined;
}

/** Only links whose way can be told from their text: `..` first, names after. */
function leadsOut({ type, linkpath = "" }: Header, path: readonly string[]): boolean {
  if (isAbsolute(linkpath) || folded(path.slice(1)) === "package.json") return true;
  const target = segments(linkpath);
  if (type === "Link") return target.length < 2 || target[0] !== path[0] || target.includes("..");
  const up = target.findIndex((part) => part !== "..");
  return up < 0
    ? target.length > path.length - 2
    : up > path.length - 2 || target.lastIndexOf("..") >= up;
}

function throughLink(path: readonly string[], links: ReadonlySet<string>): string | undefined {
  if (links.size === 0) return undefined;
  const through = path.some((_, i) => links.has(folded(path.slice(0, i + 1))));
  return through
    ? `the tarball has a path through a link: ${JSON.stringify(path.join("/"))}`
    : undefined;
}

function isAbsolute(path: string): boolean {
  return /^(?:[\\/]|[a-z]:)/i.test(path);
}

/** As a disk that does not tell upper from lower case compares. */
function folded(path: readonly string[]): string {
  return path.join("/").normalize("NFC").toLowerCase();
}

/** Both slashes part a path: which one does depends on the machine that unpacks. */
export function segments(path: string): string[] {
  return path.split(/[\\/]+/).filter((part) => part !== "" && part !== ".");
}

function parsePackageJson(
  bytes: Buffer,
  refuse: (message: string) => void,
): JsonObject | undefined {
  try {
    const parsed: unknown = JSON.parse(bytes.toString().replace(/^\uFEFF/, ""));
    if (isObject(parsed)) return parsed;
    refuse("package.json in the tarball is not an object");
  } catch {
    refuse("package.json in the tarball is not JSON");
  }
  return undefined;
}

function badGzip(cause: unknown): CitadelError {
  return new CitadelError(
    "E_INVALID_TARBALL",
    `the tarball is not gzip, or it is cut off or damaged: ${(cause as Error).message}`,
    { cause },
  );
}
