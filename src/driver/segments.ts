import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  randomBytes,
  type KeyObject,
} from "node:crypto";

// The streaming AEAD of Tink, AES-GCM-HKDF: https://developers.google.com/tink/streaming-aead. A header, then segments. The
// header is its own length in a byte, a salt, and a prefix of 7 bytes for nonces. A segment is AES-GCM under
// HKDF(key, salt, associated data), its nonce the prefix, the segment's number in 4 bytes and 1 for the last one, else 0.
// All segments but the last are full; the header counts as a part of the first.

const prefixBytes = 7;
const tagBytes = 16;
/** Segments that 4 bytes number. */
const most = 2 ** 32;

export interface Format {
  /** bytes of a full segment, sealed */
  readonly segment: number;
  /** bytes of the key and of the salt */
  readonly key: 16 | 32;
  readonly hash: "sha1" | "sha256";
}

/** Tink's `AES256_GCM_HKDF_1MB`. */
export const aes256GcmHkdf1Mb: Format = { segment: 1 << 20, key: 32, hash: "sha256" };

export const headerBytes = ({ key }: Format): number => 1 + key + prefixBytes;

/** Bytes of content that fill the segment `n`. */
export const capacity = (format: Format, n: number): number =>
  format.segment - tagBytes - (n === 0 ? headerBytes(format) : 0);

/** Number of the segment that holds the byte `at` of the content. */
export const segmentOf = (format: Format, at: number): number =>
  Math.floor((at + headerBytes(format)) / (format.segment - tagBytes));

/** Where in the content the segment `n` begins. */
export const beginningOf = (format: Format, n: number): number =>
  n === 0 ? 0 : n * (format.segment - tagBytes) - headerBytes(format);

/** Bytes of `size` bytes when they are sealed. */
export const sealedSize = (format: Format, size: number): number =>
  headerBytes(format) + size + tagBytes * (size === 0 ? 1 : segmentOf(format, size - 1) + 1);

/** Bytes of content in a sealed object of `size` bytes; undefined when no object has that size. */
export function plainSize(format: Format, size: number): number | undefined {
  const segments = Math.max(1, Math.ceil(size / format.segment));
  const plain = size - headerBytes(format) - segments * tagBytes;
  return plain >= 0 && segments <= most && sealedSize(format, plain) === size ? plain : undefined;
}

/** One sealed object. */
export interface Segments {
  readonly header: Buffer;
  /** the header is not part of it */
  seal(plain: Uint8Array, n: number, last: boolean): Buffer;
  /** @throws when it is not what was sealed as this segment of this object */
  open(sealed: Uint8Array, n: number, last: boolean): Buffer;
}

/**
 * @param secret key of `format.key` bytes, from which that of the object is derived
 * @param associated what the object is; opens only as the same
 * @param header of an object that is there; without it one for a new object is made
 * @throws when the header is none of this format
 */
export function segments(
  format: Format,
  secret: Uint8Array,
  associated: Uint8Array,
  header: Buffer = newHeader(format),
): Segments {
  const { key, hash } = format;
  if (header.byteLength !== headerBytes(format) || header[0] !== header.byteLength)
    throw new Error("it does not begin as a sealed object does");
  const salt = header.subarray(1, 1 + key);
  const derived: KeyObject = createSecretKey(
    Buffer.from(hkdfSync(hash, secret, salt, associated, key)),
  );
  const name = key === 32 ? "aes-256-gcm" : "aes-128-gcm";
  const nonce = (n: number, last: boolean): Buffer => {
    if (n >= most) throw new Error(`more than ${most} segments`);
    const bytes = Buffer.alloc(prefixBytes + 5);
    header.copy(bytes, 0, 1 + key);
    bytes.writeUInt32BE(n, prefixBytes);
    bytes[prefixBytes + 4] = Number(last);
    return bytes;
  };
  return {
    header,
    seal(plain, n, last) {
      const cipher = createCipheriv(name, derived, nonce(n, last));
      return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    },
    open(sealed, n, last) {
      if (sealed.byteLength < tagBytes) throw new Error("it is cut off");
      const decipher = createDecipheriv(name, derived, nonce(n, last), {
        authTagLength: tagBytes,
      }).setAuthTag(sealed.subarray(-tagBytes));
      const plain = decipher.update(sealed.subarray(0, -tagBytes));
      decipher.final();
      return plain;
    },
  };
}

function newHeader(format: Format): Buffer {
  const bytes = headerBytes(format);
  return Buffer.concat([Buffer.of(bytes), randomBytes(bytes - 1)]);
}
