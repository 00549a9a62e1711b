import { pipeline, Readable, type Duplex } from "node:stream";
import { promisify } from "node:util";
import * as zlib from "node:zlib";
import { checkPut, checkRead, checkWrite, rangeOf } from "./check.ts";
import { delegate } from "./delegate.ts";
import type { Driver, Entry, Key, ListEntry, Opened, ReadOptions } from "./driver.ts";
import { StoreError, storeCode } from "./error.ts";
import { withHeads } from "./heads.ts";
import { incoming } from "./incoming.ts";

type Algorithm = "zstd" | "gzip";

export interface CompressedOptions {
  /** for what is written from now on; what is there already stays readable @default "zstd" */
  readonly algorithm?: Algorithm | "none";
  /** @default 3 for zstd, 6 for gzip */
  readonly level?: number;
  /** bytes from which it is worth trying @default 512 */
  readonly min?: number;
}

/** The name in `meta` that says how an object is kept and how long it is when plain: `zstd 12345`. */
const MARK = "citadel-plain";
/** Compressed to more than this share, an object is kept as it is. */
const WORTH = 0.9;
const SAMPLE = 64 * 1024;

/**
 * Keeps objects compressed where that helps, which a sample decides; content that is compressed already is left
 * alone, and so are streams whose size was not announced. Everything comes back plain: bytes, sizes, ranges,
 * digests. A range of a compressed object costs reading it up to the end of the range; a list costs a head per entry,
 * because the plain size is kept in `meta`.
 */
export function compressed(driver: Driver, options: CompressedOptions = {}): Driver {
  const { algorithm = "zstd", min = 512 } = options;
  // gzip knows no more than nine
  const level = algorithm === "gzip" ? Math.min(options.level ?? 6, 9) : (options.level ?? 3);

  return delegate(driver, {
    name: algorithm === "none" ? driver.name : `${driver.name}+${algorithm}`,

    async get(key, opts) {
      const item = await driver.get(key, opts);
      const mark = item && markOf(item);
      if (!mark) return item;
      const body = await expand(key, item.body, mark);
      return { ...plain(item), body };
    },
    async head(key, opts) {
      const entry = await driver.head(key, opts);
      return entry && plain(entry);
    },
    async put(key, body, opts = {}) {
      checkPut(key, body, opts, driver.caps);
      refuseMark(key, opts.meta);
      if (algorithm === "none" || body.byteLength < min || isCompressed(body))
        return driver.put(key, body, opts);
      const small = await shrink(body, algorithm, level);
      const meta = marked(opts.meta, algorithm, body.byteLength);
      if (!meta || small.byteLength > body.byteLength * WORTH) return driver.put(key, body, opts);
      return plain(await driver.put(key, small, { ...opts, meta }));
    },
    async list(opts) {
      const page = await driver.list(opts);
      return withHeads(driver, page, opts, ({ meta }) => meta === undefined, sized);
    },

    async read(key, opts = {}) {
      checkRead(key, opts, driver.caps);
      const { start, end, ...others } = opts;
      if (start === undefined && end === undefined) {
        const opened = await driver.read(key, others);
        const mark = opened && markOf(opened);
        return mark ? inflated(opened, mark, {}) : opened;
      }
      // which bytes to ask for depends on how the object is kept
      for (let again = 0; ; again++) {
        const entry = await driver.head(key, others);
        if (!entry) return undefined;
        if (opts.ifMatch !== undefined && opts.ifMatch !== entry.etag)
          throw new StoreError("CHANGED", `${key} is another version`, {
            key,
            current: entry.etag,
          });
        const pinned: ReadOptions = { ...others, ifMatch: opts.ifMatch ?? entry.etag };
        const mark = markOf(entry);
        try {
          if (!mark) return await driver.read(key, { ...opts, ...pinned });
          rangeOf(key, mark.size, opts);
          const opened = await driver.read(key, pinned);
          return opened && inflated(opened, mark, opts);
        } catch (error) {
          if (opts.ifMatch !== undefined || again >= 5 || storeCode(error) !== "CHANGED")
            throw error;
        }
      }
    },
    async write(key, source, opts = {}) {
      checkWrite(key, opts, driver.caps);
      refuseMark(key, opts.meta);
      const { size, sha512: _, ...others } = opts;
      if (algorithm === "none" || size === undefined || size < min)
        return driver.write(key, source, opts);
      const meta = marked(opts.meta, algorithm, size);
      if (!meta) return driver.write(key, source, opts);
      const chunks = incoming(key, source, opts, { max: driver.caps.maxObject });
      try {
        const sample = await take(chunks, SAMPLE);
        const whole = sample.byteLength === size;
        // the end of the source is where its digest is checked
        if (whole) await chunks.next();
        const rest = prepend(sample, chunks);
        const asIs = () => driver.write(key, rest, { ...others, size });
        if (isCompressed(sample)) return await asIs();
        const small = await shrink(sample, algorithm, level);
        if (small.byteLength > sample.byteLength * WORTH) return await asIs();
        const written = whole
          ? driver.write(key, one(small), { ...others, size: small.byteLength, meta })
          : driver.write(key, through(rest, compressor(algorithm, level)), { ...others, meta });
        return plain(await written);
      } finally {
        // a write that was refused at once has not even begun with it
        chunks.return(undefined).catch(() => {});
      }
    },
  });
}

interface Mark {
  readonly algorithm: Algorithm;
  /** bytes when plain */
  readonly size: number;
}

function markOf(entry: Pick<Entry, "meta">): Mark | undefined {
  const [, algorithm, size] = /^(zstd|gzip) (\d+)$/.exec(entry.meta?.[MARK] ?? "") ?? [];
  return algorithm ? { algorithm: algorithm as Algorithm, size: Number(size) } : undefined;
}

/** The caller's meta with the mark; undefined when there is no room for it. */
function marked(
  meta: Readonly<Record<string, string>> = {},
  algorithm: Algorithm,
  size: number,
): Record<string, string> | undefined {
  const all = { ...meta, [MARK]: `${algorithm} ${size}` };
  const length = Object.entries(all).reduce((sum, [a, b]) => sum + a.length + b.length, 0);
  return length > 2048 ? undefined : all;
}

function refuseMark(key: Key, meta: Readonly<Record<string, string>> | undefined): void {
  if (meta && MARK in meta)
    throw new StoreError("INVALID", `the name ${MARK} in meta is taken`, { key });
}

/** An entry as the caller knows it: the plain size beside the stored one, and meta without the mark. */
function plain<E extends Entry>(entry: E): E {
  const mark = markOf(entry);
  if (!mark) return entry;
  const { meta, ...others } = entry;
  const { [MARK]: _, ...left } = meta ?? {};
  const known = Object.keys(left).length > 0 ? { meta: left } : {};
  return {
    ...others,
    ...known,
    size: mark.size,
    stored: entry.stored ?? entry.size,
    compressed: true,
  } as E;
}

function sized({ meta, ...entry }: ListEntry, head: Entry | undefined): ListEntry {
  const known = entry.etag === undefined || entry.etag === head?.etag ? head?.meta : undefined;
  const mark = markOf({ meta: meta ?? known ?? {} });
  return mark ? { ...entry, size: mark.size } : entry;
}

/** Starts of gzip, zstd, xz, bzip2, zip, 7z, lz4, PNG, JPEG, GIF, WebP/WebM containers, WOFF and WOFF2 files. */
const STARTS = [
  "1f8b", "28b52ffd", "fd377a585a00", "425a68", "504b0304", "377abcaf271c", "04224d18", "89504e47", "ffd8ff", "474946383",
  "1a45dfa3", "774f4646", "774f4632",
]; // prettier-ignore

function isCompressed(start: Uint8Array): boolean {
  const hex = Buffer.from(start.subarray(0, 8)).toString("hex");
  return STARTS.some((one) => hex.startsWith(one));
}

const zstdOptions = (level: number): zlib.ZstdOptions => ({
  params: { [zlib.constants.ZSTD_c_compressionLevel]: level },
});

const compressor = (algorithm: Algorithm, level: number): Duplex =>
  algorithm === "zstd" ? zlib.createZstdCompress(zstdOptions(level)) : zlib.createGzip({ level });

const gzip = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gzip);
const gunzip = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.gunzip);
const zstd = promisify<zlib.InputType, zlib.ZstdOptions, Buffer>(zlib.zstdCompress);
const unzstd = promisify<zlib.InputType, zlib.ZstdOptions, Buffer>(zlib.zstdDecompress);

const shrink = (body: Uint8Array, algorithm: Algorithm, level: number): Promise<Buffer> =>
  algorithm === "zstd" ? zstd(body, zstdOptions(level)) : gzip(body, { level });

async function expand(key: Key, body: Uint8Array, { algorithm, size }: Mark): Promise<Uint8Array> {
  // never more than was promised, whatever the bytes say
  const options = { maxOutputLength: Math.max(size, 1) };
  let whole: Buffer;
  try {
    whole = await (algorithm === "zstd" ? unzstd(body, options) : gunzip(body, options));
  } catch (cause) {
    throw damaged(key, cause);
  }
  if (whole.byteLength !== size) throw damaged(key);
  return whole;
}

const damaged = (key: Key, cause?: unknown): StoreError =>
  new StoreError("CORRUPT", `the compressed bytes of ${key} are damaged`, {
    key,
    ...(cause === undefined ? {} : { cause }),
  });

/** What `opened` carries, plain, and of that the range asked for. */
function inflated(opened: Opened, mark: Mark, asked: ReadOptions): Opened {
  const { key } = opened;
  const range = rangeOf(key, mark.size, asked);
  const stored = Readable.fromWeb(opened.stream as Parameters<typeof Readable.fromWeb>[0]);
  const expander = mark.algorithm === "zstd" ? zlib.createZstdDecompress() : zlib.createGunzip();
  const stream = ReadableStream.from(cut(key, through(stored, expander), mark.size, range));
  const { stream: _, range: __, ...entry } = opened;
  return { ...plain(entry), range, stream };
}

/** The bytes of `range` out of a plain stream of `size` bytes; CORRUPT when it is not one. */
async function* cut(
  key: Key,
  chunks: AsyncIterable<Uint8Array>,
  size: number,
  { start, end }: Opened["range"],
): AsyncGenerator<Uint8Array> {
  let at = 0;
  try {
    for await (const chunk of chunks) {
      const from = Math.max(start - at, 0);
      const to = Math.min(end - at, chunk.byteLength);
      at += chunk.byteLength;
      if (at > size) throw damaged(key);
      if (from < to) yield chunk.subarray(from, to);
      if (at >= end && end < size) return;
    }
  } catch (error) {
    throw storeCode(error) ? error : damaged(key, error);
  }
  if (at !== size) throw damaged(key);
}

/** `source` through a transform, pulled; ends with the source's own error when it fails. */
async function* through(
  source: AsyncIterable<Uint8Array>,
  transform: Duplex,
): AsyncGenerator<Uint8Array> {
  const end = pipeline(source, transform, () => {}); // failures come out of the iteration
  yield* end as AsyncIterable<Uint8Array>;
}

async function* one(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}

/** At least `size` bytes of a source, or all that there is. */
async function take(chunks: AsyncGenerator<Uint8Array>, size: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  while (length < size) {
    const next = await chunks.next();
    if (next.done) break;
    parts.push(Buffer.from(next.value)); // a copy: a source may fill the same buffer again
    length += next.value.byteLength;
  }
  return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
}

async function* prepend(
  first: Uint8Array,
  chunks: AsyncGenerator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    if (first.byteLength > 0) yield first;
    // copies, because a transform reads ahead and a source may fill the same buffer again
    for await (const chunk of chunks) yield Buffer.from(chunk);
  } finally {
    await chunks.return(undefined);
  }
}
