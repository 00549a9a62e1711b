import { promisify } from "node:util";
import { constants, deflateRaw } from "node:zlib";

const deflate = promisify(deflateRaw);
const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);

/** bytes before and after the compressed parts */
export const GZIP_HEAD = header.length;
export const GZIP_TAIL = 8;

/** A run of plain bytes compressed by itself: ends on a byte boundary and refers to nothing before it. */
export interface Deflated {
  readonly bytes: Uint8Array;
  readonly level: number;
}

/** Compresses a run so that it can stand anywhere in a stream (a full flush instead of an end). */
export async function deflatePart(plain: Uint8Array, level: number): Promise<Deflated> {
  const bytes = await deflate(plain, { level, finishFlush: constants.Z_FULL_FLUSH });
  return { bytes, level };
}

/** Compresses the last run of a stream. */
export async function deflateEnd(plain: Uint8Array, level: number): Promise<Deflated> {
  return { bytes: await deflate(plain, { level }), level };
}

/**
 * One gzip member (RFC 1952) of parts that were compressed apart.
 * @param crc CRC-32 of all plain bytes
 * @param size how many plain bytes there are
 */
export function gzipOf(parts: readonly Deflated[], crc: number, size: number): Uint8Array {
  const trailer = Buffer.alloc(GZIP_TAIL);
  trailer.writeUInt32LE(crc >>> 0, 0);
  trailer.writeUInt32LE(size >>> 0, 4);
  return Buffer.concat([header, ...parts.map((part) => part.bytes), trailer]);
}
