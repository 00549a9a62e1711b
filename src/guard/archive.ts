import { pipeline, Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { promisify } from "node:util";
import * as zlib from "node:zlib";
import type { Tarball } from "../registry/types.ts";
import type { Finder } from "../vault/mask/finder.ts";

/** A file of a tarball, or of an archive in it. */
export interface Seen {
  /** with the paths of the archives that it is in: `package/a.tgz!package/b.js` */
  readonly path: string;
  /** names of values that were found in it */
  readonly names: ReadonlySet<string>;
  /** its content, unless it is too large to look at as a whole */
  readonly content?: Buffer;
}

/** bytes of a file whose content is kept */
const mostKept = 2 ** 20;
/** Bytes of a compressed file within a package that is opened, and of what comes out of it: both are in memory. */
export interface Bounds {
  readonly packed: number;
  readonly unpacked: number;
}
const ordinary: Bounds = { packed: 64 * 2 ** 20, unpacked: 512 * 2 ** 20 };
/** bytes that are looked at before others have a turn */
const slice = 2 ** 20;
/** archives within archives */
const deepest = 3;

/** Reads a tarball to its end; memory does not grow with its size, but with the largest archive in it. */
export async function* filesIn(
  content: Tarball["content"],
  finder: Finder,
  bounds = ordinary,
): AsyncGenerator<Seen> {
  const source = content instanceof Uint8Array ? [content] : content.stream();
  const plain = pipeline(Readable.from(source), zlib.createGunzip(), () => {});
  yield* entriesOf(plain as AsyncIterable<Buffer>, "", { finder, bounds, depth: 0 });
}

interface Looking {
  readonly finder: Finder;
  readonly bounds: Bounds;
  readonly depth: number;
}

async function* entriesOf(
  source: AsyncIterable<Buffer>,
  within: string,
  looking: Looking,
): AsyncGenerator<Seen> {
  const { finder, bounds, depth } = looking;
  const { Parser } = await import("tar/parse");
  const parser = new Parser({ zstd: false, brotli: false, gzip: false });
  const done: (Seen & { readonly packed?: Buffer })[] = [];
  let failed = false;
  parser.on("entry", (entry) => {
    const look = createScan(finder);
    const parts: Buffer[] = [];
    let packed = false;
    let first = true;
    entry.on("data", (chunk: Buffer) => {
      if (first) packed = isGzip(chunk) && entry.size <= bounds.packed;
      first = false;
      look.push(chunk);
      if (packed || entry.size <= mostKept) parts.push(chunk);
    });
    entry.on("end", () => {
      const whole = Buffer.concat(parts);
      done.push({
        path: within + entry.path,
        names: look.names,
        ...(entry.size <= mostKept && { content: whole }),
        ...(packed && { packed: whole }),
      });
    });
  });
  parser.on("error", () => (failed = true));
  const flush = async function* (): AsyncGenerator<Seen> {
    for (const { packed, ...seen } of done.splice(0)) {
      yield seen;
      if (packed && depth < deepest)
        yield* unpacked(packed, seen.path, { ...looking, depth: depth + 1 });
    }
  };
  for await (const chunk of source) {
    // what is no archive any more was refused, or will be, by who reads it for good
    if (failed) return;
    parser.write(chunk);
    yield* flush();
  }
  parser.end();
  yield* flush();
}

/** What a compressed file holds: an archive, or another file. */
async function* unpacked(bytes: Buffer, path: string, looking: Looking): AsyncGenerator<Seen> {
  let plain: Buffer;
  try {
    plain = await gunzip(bytes, { maxOutputLength: looking.bounds.unpacked });
  } catch {
    return; // no gzip after all, or one that unpacks to more than anybody wants
  }
  if (plain.toString("latin1", 257, 262) === "ustar")
    return yield* entriesOf(slicesOf(plain), `${path}!`, looking);
  const look = createScan(looking.finder);
  for await (const part of slicesOf(plain)) look.push(part);
  yield {
    path: `${path}!`,
    names: look.names,
    ...(plain.length <= mostKept && { content: plain }),
  };
}

async function* slicesOf(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += slice) {
    yield bytes.subarray(at, at + slice);
    await setImmediate();
  }
}

/** Names of what is found in a stream. */
function createScan(finder: Finder): { names: Set<string>; push(chunk: Buffer): void } {
  const names = new Set<string>();
  let rest = Buffer.alloc(0);
  return {
    names,
    push(chunk) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      for (const { name } of finder.find(bytes)) names.add(name);
      rest = Buffer.from(bytes.subarray(finder.openFrom(bytes)));
    },
  };
}

const gunzip = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gunzip);

const isGzip = (bytes: Buffer): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;
