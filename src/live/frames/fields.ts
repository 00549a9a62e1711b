import {
  featureOps,
  liveErrors,
  topics,
  type FeatureOp,
  type LiveErrorCode,
  type Topic,
} from "./messages.ts";

/** One value in a frame, and in its JSON twin. */
export interface Field<T> {
  /** bytes; undefined: whatever is left of the frame */
  readonly size: number | undefined;
  /** what is wrong with a value that may not be */
  readonly bad: LiveErrorCode;
  /** bytes that this value takes */
  length(value: T): number;
  /** undefined: there is no such value */
  read(view: DataView): T | undefined;
  write(view: DataView, value: T): void;
  /** The value that JSON says; undefined for something of another kind. */
  parse(value: unknown): T | undefined;
  /** Whether something of the right kind may be said. */
  may(value: T): boolean;
}

const { badOffset, badValue } = liveErrors;

function whole(
  size: 1 | 2 | 4 | 8,
  most = size === 8 ? Number.MAX_SAFE_INTEGER : 2 ** (8 * size) - 1,
  bad: LiveErrorCode = badValue,
): Field<number> {
  const kind = size === 8 ? Number.MAX_SAFE_INTEGER : 2 ** (8 * size) - 1;
  return {
    size,
    bad,
    length: () => size,
    read: (view) => {
      if (size === 1) return view.getUint8(0);
      if (size === 2) return view.getUint16(0);
      if (size === 4) return view.getUint32(0);
      return Number(view.getBigUint64(0));
    },
    write: (view, value) => {
      if (size === 1) view.setUint8(0, value);
      else if (size === 2) view.setUint16(0, value);
      else if (size === 4) view.setUint32(0, value);
      else view.setBigUint64(0, BigInt(value));
    },
    parse: (value) =>
      typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= kind
        ? value
        : undefined,
    may: (value) => value <= most,
  };
}

export const u8 = whole(1);
export const u16 = whole(2);
export const u32 = whole(4);
export const time = whole(8);
/** of one of the thirteen bytes */
export const offset = whole(1, 12, badOffset);
export const bit = whole(1, 31, badOffset);

export const flag: Field<boolean> = {
  ...{ size: 1, bad: badValue },
  length: () => 1,
  read: (view) => [false, true][view.getUint8(0)],
  write: (view, value) => view.setUint8(0, value ? 1 : 0),
  parse: (value) => (typeof value === "boolean" ? value : undefined),
  may: () => true,
};

export const op: Field<FeatureOp> = {
  ...{ size: 1, bad: badValue },
  length: () => 1,
  read: (view) => featureOps[view.getUint8(0)],
  write: (view, value) => view.setUint8(0, featureOps.indexOf(value)),
  // one that there is not is a bad value, as in the other encoding
  parse: (value) => (typeof value === "string" ? (value as FeatureOp) : undefined),
  may: (value) => featureOps.includes(value),
};

/** Topics that this version does not know are not heard of. */
export const mask: Field<readonly Topic[]> = {
  ...{ size: 4, bad: badValue },
  length: () => 4,
  read: (view) => {
    const bits = view.getUint32(0);
    return topics.filter((_, n) => (bits & (1 << n)) !== 0);
  },
  write: (view, value) => {
    const bits = value.reduce((sum, topic) => sum | (1 << topics.indexOf(topic)), 0);
    view.setUint32(0, bits >>> 0);
  },
  parse: (value) =>
    Array.isArray(value) && value.every((each) => typeof each === "string")
      ? topics.filter((topic) => value.includes(topic))
      : undefined,
  may: () => true,
};

const utf8 = new TextEncoder();

/** The rest of the frame. @param cut whether more than `most` bytes are cut and not refused */
export function text(most: number, cut: boolean): Field<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const bytesOf = (value: string): Uint8Array => {
    const bytes = utf8.encode(value);
    return cut ? bytes.subarray(0, wholeCharacters(bytes, most)) : bytes;
  };
  return {
    ...{ size: undefined, bad: badValue },
    length: (value) => bytesOf(value).length,
    read: (view) => {
      try {
        return decoder.decode(view);
      } catch {
        return undefined;
      }
    },
    write: (view, value) => new Uint8Array(view.buffer, view.byteOffset).set(bytesOf(value)),
    parse: (value) => (typeof value === "string" ? value : undefined),
    may: (value) => value.isWellFormed() && (cut || utf8.encode(value).length <= most),
  };
}

/** Bytes of the longest beginning that has at most so many, and no half of a character. */
function wholeCharacters(bytes: Uint8Array, most: number): number {
  if (bytes.length <= most) return bytes.length;
  let end = most;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return end;
}
