import { checkPut, checkRead, checkWrite, rangeOf } from "./check.ts";
import { delegate } from "./delegate.ts";
import type { Driver, Entry, Item, Key, ListEntry, Opened, ReadOptions } from "./driver.ts";
import { StoreError, storeCode } from "./error.ts";
import { withHeads } from "./heads.ts";
import { incoming } from "./incoming.ts";
import {
  aes256GcmHkdf1Mb as format,
  beginningOf,
  capacity,
  headerBytes,
  plainSize,
  sealedSize,
  segmentOf,
  segments,
  type Segments,
} from "./segments.ts";

/** A key of 32 bytes, from which each object gets its own. */
export interface SealingKey {
  /** at most 32 of `A-Za-z0-9_-`; stands beside what was sealed */
  readonly id: string;
  readonly secret: Uint8Array;
}

/** Where keys come from; asked for each object. */
export interface SealingKeys {
  /** the one to seal with; at once where it is known, as a write that waits for it may meet a close */
  current(): SealingKey | Promise<SealingKey>;
  /** The one that `object` was sealed with. @throws E_SERVER_KEY */
  named(id: string, object: Key): Promise<SealingKey>;
}

export interface SealedOptions {
  readonly keys: SealingKeys;
  /** for what is written from now on; what is there already stays readable @default true */
  readonly seal?: boolean;
  /** the keys below which it works; all else passes untouched @default all */
  readonly covers?: (key: Key) => boolean;
  /** whether a body is sealed by somebody else already, and left alone @default none is */
  readonly already?: (key: Key, body: Uint8Array) => boolean;
}

/** The name in `meta` that says that an object is sealed, how, and under which key. */
const MARK = "citadel-sealed";
const NAME = "aes256-gcm-hkdf-1mb";
/** Bytes of `meta` that callers may use; the rest is for the mark. */
export const sealedMeta = 2048 - MARK.length - NAME.length - 1 - 32;
/** More than one read of a range may meet another version of an object that is being replaced. */
const ATTEMPTS = 6;

/**
 * Keeps objects encrypted, in the format of `segments.ts`, each bound to its key: of what was changed, cut off, moved or
 * swapped nothing is given out, and reading it is CORRUPT. Everything comes back plain: bytes, sizes, ranges, digests. A
 * range costs a head, and reading its segments; a list costs a head per entry, which tells whether it is sealed. Streams
 * hold one segment.
 */
export function sealed(driver: Driver, options: SealedOptions): Driver {
  const { keys, seal = true, covers = () => true, already = () => false } = options;
  const sealsPut = (key: Key, body: Uint8Array): boolean =>
    seal && covers(key) && !already(key, body);
  const capsOf = ({ maxItem, maxObject, ...others }: Driver["caps"]): Driver["caps"] => ({
    ...others,
    maxItem: roomIn(maxItem),
    maxObject: roomIn(maxObject),
  });
  const fresh = (key: Key, { id, secret }: SealingKey) => ({
    mark: `${NAME} ${id}`,
    parts: segments(format, secret, Buffer.from(key)),
  });
  /** @throws CORRUPT, E_SERVER_KEY */
  const partsOf = async (key: Key, mark: string, header: Buffer): Promise<Segments> => {
    const id = mark.slice(NAME.length + 1);
    if (mark !== `${NAME} ${id}` || !/^[\w-]{1,32}$/.test(id))
      throw damaged(key, "how it is sealed is not known here");
    const { secret } = await keys.named(id, key);
    try {
      return segments(format, secret, Buffer.from(key), header);
    } catch (cause) {
      throw damaged(key, "its beginning is not one", cause);
    }
  };

  const whole = async (item: Item, mark: string): Promise<Item> => {
    const { key, body } = item;
    const size = sizeOf(key, body.byteLength);
    const stored = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    const parts = await partsOf(key, mark, stored.subarray(0, headerBytes(format)));
    const out = new Uint8Array(size);
    const last = lastOf(size);
    for (let n = 0; n <= last; n++)
      out.set(openPart(key, parts, stored.subarray(...placeOf(n, size)), n, last), beginningOf(format, n)); // prettier-ignore
    return { ...plain(item), body: out };
  };

  /** @param opened all of the sealed object, or what of it {@link placesOf} says */
  const unsealed = async (
    opened: Opened,
    mark: string,
    asked: ReadOptions,
    known?: Segments,
  ): Promise<Opened> => {
    const { key } = opened;
    const source = puller(opened.stream);
    try {
      const size = sizeOf(key, opened.size);
      const range = rangeOf(key, size, asked);
      const parts = known ?? (await partsOf(key, mark, await source.take(headerBytes(format))));
      const { stream: _, ...entry } = opened;
      return { ...plain(entry), range, stream: opening(key, parts, source, size, range) };
    } catch (error) {
      await source.cancel();
      throw error;
    }
  };

  return delegate(
    driver,
    {
      name: seal ? `${driver.name}+sealed` : driver.name,

      async get(key, opts) {
        const item = await driver.get(key, opts);
        const mark = item?.meta?.[MARK];
        return item && mark !== undefined ? whole(item, mark) : item;
      },
      async head(key, opts) {
        const entry = await driver.head(key, opts);
        return entry && plain(entry);
      },
      async put(key, body, opts = {}) {
        checkPut(key, body, opts, capsOf(driver.caps));
        refuseMeta(key, opts.meta);
        if (!sealsPut(key, body)) return driver.put(key, body, opts);
        const found = keys.current();
        const { mark, parts } = fresh(key, found instanceof Promise ? await found : found);
        const bytes = Buffer.concat(await Array.fromAsync(sealing(one(body), parts, body.byteLength))); // prettier-ignore
        return plain(await driver.put(key, bytes, { ...opts, meta: { ...opts.meta, [MARK]: mark } })); // prettier-ignore
      },
      async list(opts) {
        const page = await driver.list(opts);
        return withHeads(driver, page, opts, ({ key }) => covers(key), sized);
      },

      async read(key, opts = {}) {
        checkRead(key, opts, driver.caps);
        const { start, end, ...others } = opts;
        if (!covers(key)) return driver.read(key, opts);
        if (start === undefined && end === undefined) {
          const opened = await driver.read(key, others);
          const mark = opened?.meta?.[MARK];
          return opened && mark !== undefined ? unsealed(opened, mark, {}) : opened;
        }
        // which bytes to ask for depends on how the object is kept
        for (let attempt = 1; ; attempt++) {
          const entry = await driver.head(key, others);
          if (!entry) return undefined;
          if (opts.ifMatch !== undefined && opts.ifMatch !== entry.etag)
            throw new StoreError("CHANGED", `${key} is another version`, { key, current: entry.etag }); // prettier-ignore
          const pinned: ReadOptions = { ...others, ifMatch: opts.ifMatch ?? entry.etag };
          const mark = entry.meta?.[MARK];
          try {
            if (mark === undefined) return await driver.read(key, { ...opts, ...pinned });
            return await readRange(entry, mark, opts, pinned);
          } catch (error) {
            if (opts.ifMatch !== undefined || attempt === ATTEMPTS || storeCode(error) !== "CHANGED") throw error; // prettier-ignore
          }
        }
      },
      async write(key, source, opts = {}) {
        checkWrite(key, opts, capsOf(driver.caps));
        refuseMeta(key, opts.meta);
        if (!seal || !covers(key)) return driver.write(key, source, opts);
        const { size, sha512: _, meta, ...others } = opts;
        const chunks = incoming(key, source, opts, { max: roomIn(driver.caps.maxObject) });
        try {
          const found = keys.current();
          const { mark, parts } = fresh(key, found instanceof Promise ? await found : found);
          return plain(
            await driver.write(key, sealing(chunks, parts, size), {
              ...others,
              ...(size !== undefined && { size: sealedSize(format, size) }),
              meta: { ...meta, [MARK]: mark },
            }),
          );
        } finally {
          // a write that was refused at once has not even begun with it
          chunks.return(undefined).catch(() => {});
        }
      },
    },
    capsOf,
  );

  async function readRange(
    entry: Entry,
    mark: string,
    asked: ReadOptions,
    pinned: ReadOptions,
  ): Promise<Opened | undefined> {
    const { key } = entry;
    const size = sizeOf(key, entry.size);
    const { start, end } = rangeOf(key, size, asked);
    const first = segmentOf(format, start);
    const [from] = placeOf(first, size);
    const [, to] = placeOf(segmentOf(format, Math.max(start, end - 1)), size);
    if (first === 0) {
      const opened = await driver.read(key, { ...pinned, start: 0, end: to });
      return opened && unsealed(opened, mark, asked);
    }
    const beginning = await driver.read(key, { ...pinned, start: 0, end: headerBytes(format) });
    if (!beginning) return undefined;
    const source = puller(beginning.stream);
    const header = await source.take(headerBytes(format));
    await source.cancel();
    const parts = await partsOf(key, mark, header);
    const opened = await driver.read(key, { ...pinned, start: from, end: to });
    return opened && unsealed(opened, mark, asked, parts);
  }
}

/** Bytes of content for which a store has room that takes objects of `most` bytes. */
function roomIn(most: number): number {
  const segment = Math.ceil(most / format.segment);
  return Math.max(0, most - headerBytes(format) - 16 * segment);
}

const lastOf = (size: number): number => segmentOf(format, Math.max(0, size - 1));

/** Where the segment `n` of an object with `size` bytes of content lies, without the header. */
const placeOf = (n: number, size: number): [from: number, to: number] => [
  n === 0 ? headerBytes(format) : n * format.segment,
  Math.min((n + 1) * format.segment, sealedSize(format, size)),
];

function sizeOf(key: Key, stored: number): number {
  const size = plainSize(format, stored);
  if (size === undefined) throw damaged(key, "it is cut off");
  return size;
}

function openPart(key: Key, parts: Segments, bytes: Uint8Array, n: number, last: number): Buffer {
  try {
    return parts.open(bytes, n, n === last);
  } catch (cause) {
    throw damaged(key, `segment ${n} is not what was sealed`, cause);
  }
}

const damaged = (key: Key, why: string, cause?: unknown): StoreError =>
  new StoreError("CORRUPT", `the sealed bytes of ${key} are damaged: ${why}`, {
    key,
    ...(cause === undefined ? {} : { cause }),
  });

function refuseMeta(key: Key, meta: Readonly<Record<string, string>> = {}): void {
  if (MARK in meta) throw new StoreError("INVALID", `the name ${MARK} in meta is taken`, { key });
  const length = Object.entries(meta).reduce((sum, [a, b]) => sum + a.length + b.length, 0);
  if (length > sealedMeta)
    throw new StoreError("INVALID", `meta has ${length} bytes, at most ${sealedMeta} are kept`, {
      key,
    });
}

/** An entry as the caller knows it: the plain size beside the stored one, and meta without the mark. */
function plain<E extends Entry>(entry: E): E {
  if (entry.meta?.[MARK] === undefined) return entry;
  const { meta, ...others } = entry;
  const { [MARK]: _, ...left } = meta;
  return {
    ...others,
    ...(Object.keys(left).length > 0 && { meta: left }),
    // one that is cut off says so when it is read
    size: plainSize(format, entry.size) ?? entry.size,
    stored: entry.stored ?? entry.size,
    sealed: true,
  } as E;
}

/** Tells the head's meta, so that nobody else has to ask for it. */
function sized(entry: ListEntry, head: Entry | undefined): ListEntry {
  if (!head || (entry.etag !== undefined && entry.etag !== head.etag)) return entry;
  const { size, meta = {} } = plain(head);
  return { ...entry, size, meta };
}

async function* one(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield body;
}

/** A sealed object, in pieces that belong to the reader. @param size of the content, where it is known */
async function* sealing(
  chunks: AsyncIterable<Uint8Array>,
  parts: Segments,
  size = Infinity,
): AsyncGenerator<Uint8Array> {
  yield parts.header;
  const buffer = Buffer.allocUnsafeSlow(Math.min(size, capacity(format, 1)));
  let n = 0;
  let filled = 0;
  for await (const chunk of chunks)
    for (let from = 0; from < chunk.byteLength;) {
      // only when more comes is it known not to be the last one
      if (filled === capacity(format, n)) {
        yield parts.seal(buffer.subarray(0, filled), n++, false);
        filled = 0;
      }
      const part = chunk.subarray(from, from + capacity(format, n) - filled);
      buffer.set(part, filled);
      filled += part.byteLength;
      from += part.byteLength;
    }
  yield parts.seal(buffer.subarray(0, filled), n, true);
}

interface Puller {
  /** the next `size` bytes, fewer at the end */
  take(size: number): Promise<Buffer>;
  cancel(reason?: unknown): Promise<void>;
}

function puller(stream: ReadableStream<Uint8Array>): Puller {
  const reader = stream.getReader();
  let rest: Uint8Array = new Uint8Array();
  return {
    async take(size) {
      const bytes = Buffer.allocUnsafeSlow(size);
      let filled = 0;
      while (filled < size) {
        if (rest.byteLength === 0) {
          const next = await reader.read();
          if (next.done) break;
          rest = next.value;
          continue;
        }
        const part = rest.subarray(0, size - filled);
        bytes.set(part, filled);
        filled += part.byteLength;
        rest = rest.subarray(part.byteLength);
      }
      return bytes.subarray(0, filled);
    },
    cancel: (reason) => reader.cancel(reason),
  };
}

/** The content of `range` out of the segments that carry it, each given out once it is verified. */
function opening(
  key: Key,
  parts: Segments,
  source: Puller,
  size: number,
  { start, end }: Opened["range"],
): ReadableStream<Uint8Array> {
  const last = lastOf(size);
  const final = segmentOf(format, Math.max(start, end - 1));
  let n = segmentOf(format, start);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          if (n <= final) {
            const [from, to] = placeOf(n, size);
            const content = openPart(key, parts, await source.take(to - from), n, last);
            const at = beginningOf(format, n++);
            if (start < end)
              return controller.enqueue(content.subarray(Math.max(start - at, 0), end - at));
          }
          // its end tells whether it was one version to the last byte
          await source.take(1);
          controller.close();
        } catch (error) {
          await source.cancel(error).catch(() => {});
          throw error;
        }
      },
      cancel: (reason) => source.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
