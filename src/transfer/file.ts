import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { pipeline, Readable } from "node:stream";
import { createGzip, createZstdCompress } from "node:zlib";
import type { CacheRow } from "../cache/types.ts";
import { CitadelError } from "../errors.ts";
import { replaceFile, type Scratch } from "../scratch.ts";
import type { Outgoing } from "./contents.ts";
import { formatVersion, type ExportFormat, type ExportHead, type SealedSecrets } from "./format.ts";
import { jsonOf, tarOf } from "./write.ts";

/** bytes written at a time */
const piece = 256 * 1024;

export interface WriteOptions {
  /** for people, see {@link ExportHead} */
  readonly config: ExportHead["config"];
  /** all of them, sealed @default none */
  readonly secrets?: SealedSecrets;
  /** what the tiers on disk hold, without the bodies @default nothing */
  readonly cache?: readonly CacheRow[];
  /** ends it; what was at the path stays */
  readonly signal?: AbortSignal;
  /** hears how many packages are done */
  readonly seen?: (packages: number) => void;
}

export interface Exported {
  /** absolute */
  readonly path: string;
  readonly format: ExportFormat;
  /** ISO 8601 */
  readonly exportedAt: string;
  readonly packages: number;
  readonly versions: number;
  /** bytes of all tarballs */
  readonly bytes: number;
  readonly secrets: number;
  /** bytes of the file */
  readonly size: number;
}

/**
 * Writes packages to one file that `local:import` reads, in constant memory. The file appears whole or not at all and is for this user
 * only.
 * @param path ends in `.json`, `.tar`, `.tar.gz`, `.tgz` or `.tar.zst`
 * @throws E_USAGE, E_CANCELLED, and whatever the packages throw
 */
export async function writeExport(
  path: string,
  packages: AsyncIterable<Outgoing>,
  { config, secrets, cache = [], signal, seen }: WriteOptions,
  scratch: Scratch = new Set(),
): Promise<Exported> {
  const format = formatOf(path);
  const file = resolve(path);
  if ((await stat(file).catch(() => undefined))?.isDirectory())
    throw new CitadelError("E_USAGE", `${path} is a folder`, { hint: ["name a file"] });
  const exportedAt = new Date().toISOString();
  const head = { version: formatVersion, exportedAt, config } as const;
  const count = { packages: 0, versions: 0, bytes: 0, size: 0 };

  async function* watched(): AsyncGenerator<Outgoing, void, void> {
    for await (const outgoing of packages) {
      yield outgoing;
      const { versions } = outgoing.document;
      count.packages++;
      count.versions += versions.length;
      count.bytes += versions.reduce((sum, { size }) => sum + size, 0);
      seen?.(count.packages);
    }
  }
  async function* counted(): AsyncGenerator<Uint8Array, void, void> {
    const write = format === "json" ? jsonOf : tarOf;
    const chunks = write(head, watched(), { secrets: secrets ? [secrets] : [], cache });
    for await (const chunk of compressed(inPieces(chunks), format)) {
      signal?.throwIfAborted();
      count.size += chunk.byteLength;
      yield chunk;
    }
  }
  await replaceFile(file, counted(), scratch, 0o600).catch((error: unknown) => {
    throw isDisk(error)
      ? new CitadelError("E_USAGE", `${path} cannot be written: ${error.message}`, {
          hint: ["name a file in a folder with room that you may write to"],
          cause: error,
        })
      : error;
  });
  return { path: file, format, exportedAt, ...count, secrets: secrets?.count ?? 0 };
}

function formatOf(path: string): ExportFormat {
  const end = /\.(json|tar|tgz|tar\.gz|tar\.zst)$/i.exec(path)?.[1]?.toLowerCase();
  if (end === undefined)
    throw new CitadelError("E_USAGE", `${path} does not say in which format to export`, {
      hint: ["end it in .tar.zst, .tar.gz, .tar or .json"],
    });
  return end === "tgz" ? "tar.gz" : (end as ExportFormat);
}

function compressed(
  source: AsyncIterable<Uint8Array>,
  format: ExportFormat,
): AsyncIterable<Uint8Array> {
  if (format === "json" || format === "tar") return source;
  // tarballs are compressed already; what is left is worth no more time than this
  const packing = format === "tar.gz" ? createGzip({ level: 4 }) : createZstdCompress();
  // failures come out of the iteration
  return pipeline(Readable.from(source), packing, () => {});
}

/** The same bytes in pieces of a size that is worth a call of the system. */
async function* inPieces(
  source: AsyncIterable<Uint8Array | string>,
): AsyncGenerator<Uint8Array, void, void> {
  let parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source) {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    parts.push(bytes);
    size += bytes.byteLength;
    if (size < piece) continue;
    yield Buffer.concat(parts);
    parts = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(parts);
}

const isDisk = (error: unknown): error is Error =>
  typeof (error as { errno?: unknown } | undefined)?.errno === "number";
