import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Driver, OpOptions, Opened } from "../driver/index.ts";
import { CitadelError } from "../errors.ts";
import { checked, type Gather } from "./checked.ts";
import { Damage } from "./damage.ts";
import { keep } from "./immutable.ts";
import { blobKey, sha512Bytes } from "./keys.ts";
import type { BlobRef, Blobs, Content, Crash } from "./types.ts";

/** Bytes up to which a blob is written by one put, which lets a driver commit it together with others. */
const SMALL = 64 * 1024;

/** Blobs over a driver, with up to `memory` bytes of the ones asked for last kept in memory; `grace` in ms. */
export function openBlobs(driver: Driver, grace: number, memory: number, crash: Crash): Blobs {
  const cache = new LRUCache<string, Uint8Array>({
    maxSize: Math.max(1, memory),
    // one blob may not drive out all others
    maxEntrySize: Math.max(1, Math.floor(memory / 8)),
    sizeCalculation: (bytes) => bytes.byteLength + 256,
  });
  const fits = ({ size }: BlobRef): boolean => size + 256 <= cache.maxEntrySize;
  /** bytes of streams under way that are kept for the cache; without a bound, many readers could hold any amount */
  let gathering = 0;

  /** Where a stream leaves its bytes for the cache; undefined when there is no room for them. */
  const gather = (ref: BlobRef): Gather | undefined => {
    if (!fits(ref) || gathering + ref.size > cache.maxSize / 2) return undefined;
    gathering += ref.size;
    const bytes = new Uint8Array(ref.size);
    let at = 0;
    let over = false;
    return {
      add(chunk) {
        if (at + chunk.byteLength <= ref.size) bytes.set(chunk, at);
        at += chunk.byteLength;
      },
      end(whole) {
        if (over) return;
        over = true;
        gathering -= ref.size;
        if (whole) cache.set(ref.integrity, bytes);
      },
    };
  };

  const openChecked = async (
    ref: BlobRef,
    options: OpOptions,
    gathered?: () => Gather | undefined,
  ): Promise<Opened | undefined> => {
    const key = blobKey(ref.integrity);
    const opened = await driver.read(key, options);
    if (opened && opened.size !== ref.size) {
      await opened.stream.cancel();
      throw new Damage("damaged", key, `the blob ${key} has ${opened.size} bytes, not ${ref.size}`);
    }
    return (
      opened && {
        ...opened,
        stream: checked(opened.stream, ref.integrity, () => damaged(ref), gathered?.()),
      }
    );
  };

  return {
    async put(content, ref) {
      const key = blobKey(ref.integrity);
      const size = content instanceof Uint8Array ? content.byteLength : content.size;
      if (size !== ref.size)
        throw new CitadelError("E_INTEGRITY", `${size} bytes came, ${ref.size} were announced`);
      if (size <= SMALL) {
        const bytes = await whole(content);
        if (bytes.byteLength !== size || integrityOf(bytes) !== ref.integrity)
          throw new CitadelError(
            "E_INTEGRITY",
            `the content does not have the hash ${ref.integrity}`,
          );
        await keep(driver, key, size, grace / 2, (condition) =>
          driver.put(key, bytes, { ...condition, relaxed: true }),
        );
      } else {
        const sha512 = sha512Bytes(ref.integrity);
        // a stream is worth a look whether it is needed at all
        const found = await driver.head(key);
        if (!found || found.size !== size || found.modified <= Date.now() - grace / 2)
          await keep(driver, key, size, grace / 2, (condition) =>
            driver.write(key, chunks(content), { ...condition, size, sha512, relaxed: true }),
          );
      }
      crash("blob");
    },

    async bytes(ref, options = {}) {
      const known = cache.get(ref.integrity);
      if (known) return known;
      const key = blobKey(ref.integrity);
      let bytes: Uint8Array;
      if (ref.size <= SMALL) {
        const item = await driver.get(key, options);
        if (!item) throw missing(ref);
        bytes = item.body;
        if (bytes.byteLength !== ref.size || integrityOf(bytes) !== ref.integrity)
          throw damaged(ref);
      } else {
        const opened = await openChecked(ref, options);
        if (!opened) throw missing(ref);
        bytes = await collect(opened.stream, ref.size);
      }
      if (fits(ref)) cache.set(ref.integrity, bytes);
      return bytes;
    },

    async open(ref, { start = 0, end = ref.size, ...options } = {}) {
      const isWhole = start === 0 && end >= ref.size;
      const known = cache.get(ref.integrity);
      if (known && (start < ref.size || start === 0)) return streamOf(known.subarray(start, end));
      if (isWhole) return (await openChecked(ref, options, () => gather(ref)))?.stream;
      return (await driver.read(blobKey(ref.integrity), { ...options, start, end }))?.stream;
    },

    cached: (integrity) => cache.get(integrity),
  };
}

/** `sha512-<base64>` of the bytes. */
export const integrityOf = (bytes: Uint8Array): string =>
  `sha512-${createHash("sha512").update(bytes).digest("base64")}`;

const damaged = (ref: BlobRef): Damage => {
  const key = blobKey(ref.integrity);
  return new Damage("damaged", key, `the blob ${key} is damaged: its SHA-512 is another`);
};

const missing = (ref: BlobRef): Damage => {
  const key = blobKey(ref.integrity);
  return new Damage("missing", key, `the blob ${key} is missing`);
};

export const streamOf = (bytes: Uint8Array): ReadableStream<Uint8Array> =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      if (bytes.byteLength > 0) controller.enqueue(bytes);
      controller.close();
    },
  });

async function* chunks(content: Content): AsyncGenerator<Uint8Array, void, void> {
  if (!(content instanceof Uint8Array)) yield* content.stream();
  else
    for (let at = 0; at < content.byteLength; at += SMALL) yield content.subarray(at, at + SMALL);
}

async function whole(content: Content): Promise<Uint8Array> {
  if (content instanceof Uint8Array) return content;
  return collect(content.stream(), content.size);
}

/** All chunks in one piece of memory. What goes beyond `size` is left out of it and told by the length. */
async function collect(source: AsyncIterable<Uint8Array>, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  let at = 0;
  for await (const chunk of source) {
    if (at + chunk.byteLength > size)
      throw new CitadelError("E_INTEGRITY", `more than ${size} bytes came`);
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  if (at < size) throw new CitadelError("E_INTEGRITY", `${at} bytes came, ${size} were announced`);
  return bytes;
}
