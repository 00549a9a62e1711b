import {
  rangeOf,
  StoreError,
  tooLarge,
  type Gate,
  type Key,
  type ReadOptions,
} from "@citadel/core/driver";
import { readAll, type Disk } from "./disk.ts";
import type { OpenFile } from "./opening.ts";

const KiB = 1024;
/** bytes that fit into one `Item` */
export const MAX_ITEM = 64 * KiB * KiB;
/** an object up to this size, with its header, is read in one go */
export const SMALL = 64 * KiB;
const CHUNK = 256 * KiB;

/** All bytes of an open file. Throws TOO_LARGE, CORRUPT. */
export async function wholeOf(
  disk: Disk,
  key: Key,
  { fd, header, offset, first }: OpenFile,
): Promise<Uint8Array> {
  if (header.size > MAX_ITEM) throw tooLarge(key, header.size, MAX_ITEM);
  if (first.byteLength >= header.size) return first.slice(0, header.size);
  const body = new Uint8Array(header.size);
  body.set(first);
  const n = await readAll(disk, fd, body.subarray(first.byteLength), offset + first.byteLength);
  if (first.byteLength + n < header.size) throw cutOff(key);
  return body;
}

export interface Streamed {
  readonly range: { readonly start: number; readonly end: number };
  readonly stream: ReadableStream<Uint8Array>;
  /** the stream needs the file, and closes it */
  readonly keeps: boolean;
}

/** A range of an open file as a stream. Throws CHANGED, RANGE. */
export function streamOf(
  disk: Disk,
  life: Gate,
  key: Key,
  file: OpenFile,
  options: ReadOptions,
): Streamed {
  const { header, first } = file;
  if (options.ifMatch !== undefined && options.ifMatch !== header.etag)
    throw new StoreError("CHANGED", `${key} is another version`, { key, current: header.etag });
  const range = rangeOf(key, header.size, options);
  if (range.end > first.byteLength) {
    const { next, release } = chunksOf(disk, key, file, range);
    return { range, stream: life.stream(next, release), keeps: true };
  }
  let rest = range.start < range.end ? first.subarray(range.start, range.end) : undefined;
  const next = (): Uint8Array | undefined => {
    const chunk = rest;
    rest = undefined;
    return chunk;
  };
  return { range, stream: life.stream(next), keeps: false };
}

/** The chunks of a range, the next one being read while the last one is consumed. */
function chunksOf(
  disk: Disk,
  key: Key,
  { fd, offset }: OpenFile,
  range: { readonly start: number; readonly end: number },
) {
  let at = range.start;
  let ahead: Promise<Uint8Array | undefined> | undefined;
  const fetch = async (): Promise<Uint8Array | undefined> => {
    if (at >= range.end) return undefined;
    const chunk = new Uint8Array(Buffer.allocUnsafeSlow(Math.min(CHUNK, range.end - at)).buffer);
    const n = await readAll(disk, fd, chunk, offset + at);
    if (n < chunk.byteLength) throw cutOff(key);
    at += n;
    return chunk;
  };
  return {
    async next(): Promise<Uint8Array | undefined> {
      const chunk = await (ahead ?? fetch());
      ahead = chunk && fetch();
      ahead?.catch(() => {});
      return chunk;
    },
    async release(): Promise<void> {
      await ahead?.catch(() => {});
      await disk.close(fd);
    },
  };
}

const cutOff = (key: Key): StoreError =>
  new StoreError("CORRUPT", `the file of ${key} is shorter than its header says`, { key });
