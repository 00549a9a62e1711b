import { createHash, type Hash } from "node:crypto";
import type { ReadEntry } from "tar/read-entry";
import { CitadelError } from "../errors.ts";
import { segments, unpacked } from "../registry/tarball.ts";

/** One file of a package, as it lies in the tarball. */
export interface PackedFile {
  /** below the root folder, with slashes; never leads out of it, but may hold any other character */
  readonly path: string;
  /** bytes */
  readonly size: number;
  /** names the content: base64url of half a SHA-256 */
  readonly hash: string;
  /** which entry of the archive it is */
  readonly entry: number;
}

/** What is in a package. */
export interface Contents {
  /** by path */
  readonly files: readonly PackedFile[];
  /** there is more than was looked at */
  readonly cut: boolean;
}

/** entries and plain bytes that are looked at */
const mostEntries = 20_000;
const mostBytes = 256 * 2 ** 20;

/**
 * Lists the files of a tarball as npm would unpack them: the last of two with one path counts, links are left out. Nothing is
 * written, and memory grows with the number of files alone.
 * @throws E_INVALID_TARBALL
 */
export async function contentsOf(tarball: AsyncIterable<Uint8Array>): Promise<Contents> {
  const files = new Map<string, PackedFile>();
  const cut = await scan(tarball, (entry, number) => {
    const path = pathOf(entry);
    if (path === undefined) return entry.resume();
    const hash = createHash("sha256");
    entry.on("data", (chunk: Buffer) => hash.update(chunk));
    entry.on("end", () => {
      files.set(path, { path, size: entry.size, hash: hashOf(hash), entry: number });
    });
  });
  const byPath = (a: PackedFile, b: PackedFile): number => (a.path < b.path ? -1 : 1);
  return { files: [...files.values()].toSorted(byPath), cut };
}

/** The content of one of them. @throws E_INVALID_TARBALL, E_INTEGRITY when it is not the one that was listed */
export async function contentOf(
  tarball: AsyncIterable<Uint8Array>,
  file: PackedFile,
): Promise<Buffer> {
  const parts: Buffer[] = [];
  let ended = false;
  await scan(tarball, (entry, number) => {
    if (number !== file.entry) return entry.resume();
    entry.on("data", (chunk: Buffer) => parts.push(chunk));
    entry.on("end", () => (ended = true));
  }, () => ended); // prettier-ignore
  const content = Buffer.concat(parts);
  if (hashOf(createHash("sha256").update(content)) === file.hash) return content;
  throw new CitadelError("E_INTEGRITY", `${JSON.stringify(file.path)} is not what it was`);
}

const hashOf = (hash: Hash): string => hash.digest("base64url").slice(0, 22);

/** @returns whether the end was not reached */
async function scan(
  tarball: AsyncIterable<Uint8Array>,
  visit: (entry: ReadEntry, number: number) => unknown,
  done: () => boolean = () => false,
): Promise<boolean> {
  const { Parser } = await import("tar/parse");
  const parser = new Parser({ zstd: false, brotli: false });
  let entries = 0;
  let failure: Error | undefined;
  parser.on("entry", (entry) => void visit(entry, entries++));
  parser.on("ignoredEntry", () => void entries++);
  parser.on("meta", () => void entries++);
  parser.on("error", (error: unknown) => (failure ??= error as Error));
  let plain = 0;
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of unpacked({ size: 0, stream: () => tarball })) {
    plain += chunk.length;
    if (plain > mostBytes || entries > mostEntries) return true;
    let bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    if (head) {
      bytes = head = Buffer.concat([head, bytes]);
      if (head.length < 2) continue;
      // the parser would unpack it once more, without a limit
      if (head[0] === 0x1f && head[1] === 0x8b) throw noTar("it is compressed twice");
      head = undefined;
    }
    parser.write(bytes);
    if (failure) throw noTar(failure.message);
    if (done()) return true;
  }
  parser.end();
  return false;
}

/** Undefined for what is no file of the package. */
function pathOf({ path, type }: ReadEntry): string | undefined {
  if (type !== "File" && type !== "OldFile" && type !== "ContiguousFile") return undefined;
  const [, ...rest] = segments(path);
  return rest.length === 0 || rest.includes("..") ? undefined : rest.join("/");
}

const noTar = (message: string): CitadelError =>
  new CitadelError("E_INVALID_TARBALL", `not a tar archive: ${message}`);
