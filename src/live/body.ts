import { brotliDecompressSync, crc32 } from "node:zlib";
import { CitadelError } from "../errors.ts";
import { headerLength } from "./fields.ts";

/** What stands behind the header: which versions of packages belong together. */
export interface LockBody {
  readonly lockVersion: 1;
  /** by `name@version` */
  readonly packages: Readonly<Record<string, LockedPackage>>;
}
export interface LockedPackage {
  /** SRI */
  readonly integrity: string;
  /** bytes of the tarball */
  readonly size: number;
  readonly dependencies: Readonly<Record<string, string>>;
}

const magic = Buffer.from("CTDL");
const format = 1;
const brotli = 1;
/** bytes before the body: header, magic, format, flags, two reserved, length, checksum */
const start = 0x1d;
const largest = 256 * 2 ** 20;

/** The part of the file behind the header. Keys are sorted, so that equal bodies are equal bytes. */
export function encodeBody({ lockVersion, packages }: LockBody): Buffer {
  const body = Buffer.from(JSON.stringify(sorted({ lockVersion, packages })));
  const front = Buffer.alloc(start - headerLength);
  front.set(magic);
  front.writeUInt8(format, magic.length);
  front.writeUInt32BE(body.length, 0x15 - headerLength);
  front.writeUInt32BE(crc32(body), 0x19 - headerLength);
  return Buffer.concat([front, body]);
}

/**
 * @param file the whole of it
 * @returns undefined for a file that is a header and nothing more
 * @throws E_CONFIG when the rest is not whole
 */
export function decodeBody(file: Buffer): LockBody | undefined {
  if (file.length === headerLength) return undefined;
  const bad = (what: string): CitadelError =>
    new CitadelError("E_CONFIG", `behind its 13 bytes the configuration ${what}`, {
      hint: ["see what would be changed: citadel config:repair --dry-run"],
    });
  if (file.length < start) throw bad("is cut short");
  if (!file.subarray(headerLength, headerLength + 4).equals(magic)) throw bad("is not Citadel's");
  if (file[0x11] !== format) throw bad(`has the format ${file[0x11]}, not ${format}`);
  const length = file.readUInt32BE(0x15);
  const stored = file.subarray(start);
  if (stored.length !== length) throw bad(`has ${stored.length} bytes, not ${length}`);
  if (crc32(stored) !== file.readUInt32BE(0x19)) throw bad("is damaged: the checksum is wrong");
  try {
    const compressed = ((file[0x12] ?? 0) & brotli) !== 0;
    const text = compressed ? brotliDecompressSync(stored, { maxOutputLength: largest }) : stored;
    return JSON.parse(text.toString("utf8")) as LockBody;
  } catch (error) {
    throw Object.assign(bad("is not JSON"), { cause: error });
  }
}

function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, child]) => [key, sorted(child)]));
}
