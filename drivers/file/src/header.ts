import { StoreError, type Entry, type ETag, type Key } from "@citadel/core/driver";
import { readAll, type Disk } from "./disk.ts";

/** The first line of every file, as JSON. */
export interface Header {
  readonly key: Key;
  readonly etag: ETag;
  readonly size: number;
  readonly modified: number;
  readonly expires?: number;
  readonly meta?: Readonly<Record<string, string>>;
  /** this version says that there is nothing */
  readonly deleted?: true;
}

const NEWLINE = 10;
const FIRST_READ = 4096;
const LONGEST = 64 * 1024;

/** The line; padded with spaces to `length` bytes when that is given. */
export function line(header: Header, length = 0): Buffer {
  return Buffer.from(`${JSON.stringify(header).padEnd(length - 1)}\n`, "latin1");
}

/** Bytes that are enough for the line of any size of this object. */
export function roomFor(header: Header): number {
  return line({ ...header, size: Number.MAX_SAFE_INTEGER }).byteLength;
}

export interface Started {
  readonly header: Header;
  /** where the content begins */
  readonly offset: number;
  /** what of the content was read along with the header */
  readonly first: Uint8Array;
}

/** Reads the header of an open file, and what comes with the first `hint` bytes. Throws CORRUPT. */
export async function start(
  disk: Disk,
  fd: number,
  key: Key | undefined,
  hint = FIRST_READ,
): Promise<Started> {
  let bytes = new Uint8Array(Buffer.allocUnsafeSlow(hint).buffer);
  let n = await readAll(disk, fd, bytes, 0);
  let end = bytes.subarray(0, n).indexOf(NEWLINE);
  if (end < 0 && n === hint && hint < LONGEST) {
    bytes = new Uint8Array(LONGEST);
    n = await readAll(disk, fd, bytes, 0);
    end = bytes.subarray(0, n).indexOf(NEWLINE);
  }
  const header = end < 0 ? undefined : parse(bytes.subarray(0, end));
  if (!header || (key !== undefined && header.key !== key))
    throw new StoreError(
      "CORRUPT",
      `the file of ${key ?? "a key"} does not begin with its header`,
      {
        ...(key !== undefined && { key }),
      },
    );
  return { header, offset: end + 1, first: bytes.subarray(end + 1, n) };
}

function parse(bytes: Uint8Array): Header | undefined {
  try {
    const header = JSON.parse(Buffer.from(bytes).toString("latin1")) as Partial<Header> | null;
    const { key, etag, size, modified } = header ?? {};
    const whole =
      typeof key === "string" &&
      typeof etag === "string" &&
      Number.isSafeInteger(size) &&
      Number.isSafeInteger(modified);
    return whole ? (header as Header) : undefined;
  } catch {
    return undefined;
  }
}

/** A header as the contract shows it. */
export function entryOf({ key, etag, size, modified, expires, meta }: Header): Entry {
  return {
    key,
    etag,
    size,
    modified,
    ...(expires !== undefined && { expires }),
    ...(meta && { meta }),
  };
}
