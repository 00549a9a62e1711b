import { CitadelError } from "../errors.ts";

/** nesting of objects and arrays */
const deepest = 64;

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const openArray = 0x5b;
const backslash = 0x5c;
const closeArray = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;

/** A member of an object: its name, and where its name begins. */
export interface Member {
  readonly key: string;
  readonly start: number;
}

/** A place in JSON text that moves over one value at a time. Nothing becomes an object, and nothing calls itself. */
export interface Cursor {
  /** offset of the member's value before it was moved over, and of its end afterwards */
  at(): number;
  /** moves over the value @param most bytes that it may have */
  skip(most?: number): void;
  isObject(): boolean;
  /** moves over the value; undefined when it is no text */
  text(): string | undefined;
  /** moves over the value; undefined when it is no `true` or `false` */
  flag(): boolean | undefined;
  /**
   * Steps into the value, and moves over each member's value unless that was done already. No member comes twice.
   * Moves over the value when it is no object, and has no members then.
   */
  members(): Generator<Member, void, void>;
  /** that nothing follows */
  end(): void;
}

/** @throws E_REMOTE_ANSWER, also from the cursor, for what is no JSON, is nested too deep or has a member twice */
export function cursor(bytes: Buffer): Cursor {
  const inside = new Uint8Array(deepest + 1);
  let i = 0;

  const space = (): number => {
    let byte = bytes[i];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++i];
    return byte ?? -1;
  };
  const take = (wanted: number): void => {
    if (space() !== wanted) throw noJson();
    i++;
  };
  const overText = (): void => {
    take(quote);
    const start = i;
    for (;;) {
      const end = bytes.indexOf(quote, i);
      if (end < 0) throw noJson();
      let slashes = end;
      while (slashes > start && bytes[slashes - 1] === backslash) slashes--;
      i = end + 1;
      if ((end - slashes) % 2 === 0) return;
    }
  };
  const decode = (): string => {
    space();
    const start = i;
    overText();
    const plain = bytes.toString("utf8", start + 1, i - 1);
    if (!plain.includes("\\")) return plain;
    try {
      return JSON.parse(`"${plain}"`) as string;
    } catch {
      throw noJson();
    }
  };
  const overScalar = (): void => {
    const start = i;
    while (i < bytes.length && !delimits(bytes[i] as number)) i++;
    const text = i - start > 64 ? "" : bytes.toString("latin1", start, i);
    if (!/^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/.test(text))
      throw noJson();
  };
  const overKey = (): void => {
    overText();
    take(colon);
  };

  const skip = (most = Infinity): void => {
    const limit = i + most;
    let depth = 0;
    for (;;) {
      const byte = space();
      if (byte === quote) overText();
      else if (byte === openObject || byte === openArray) {
        if (++depth > deepest) throw useless(`it is nested deeper than ${deepest} levels`);
        inside[depth] = byte;
        i++;
        const next = space();
        if (next !== (byte === openObject ? closeObject : closeArray)) {
          if (byte === openObject) overKey();
          continue;
        }
        i++;
        depth--;
      } else overScalar();
      if (i > limit) throw useless("a part of it is too large");
      for (; depth > 0; depth--) {
        const next = space();
        if (next === comma) break;
        if (next !== (inside[depth] === openObject ? closeObject : closeArray)) throw noJson();
        i++;
      }
      if (depth === 0) return;
      i++;
      if (inside[depth] === openObject) overKey();
    }
  };

  return {
    at: () => i,
    isObject: () => space() === openObject,
    skip,
    text() {
      if (space() === quote) return decode();
      skip();
      return undefined;
    },
    flag() {
      space();
      const start = i;
      skip();
      const length = i - start;
      if (length > 5) return undefined;
      const text = bytes.toString("latin1", start, i);
      return text === "true" ? true : text === "false" ? false : undefined;
    },
    *members() {
      if (space() !== openObject) return skip();
      i++;
      const seen = new Set<string>();
      if (space() === closeObject) return void i++;
      for (;;) {
        space();
        const start = i;
        const key = decode();
        take(colon);
        // parsers disagree about which of two counts
        if (seen.has(key)) throw useless("it has a member twice");
        seen.add(key);
        space();
        const value = i;
        yield { key, start };
        if (i === value) skip();
        if (space() === closeObject) return void i++;
        take(comma);
      }
    },
    end() {
      if (space() !== -1) throw noJson();
    },
  };
}

const delimits = (byte: number): boolean =>
  byte === comma || byte === closeArray || byte === closeObject || byte <= 0x20;

const useless = (why: string): CitadelError =>
  new CitadelError("E_REMOTE_ANSWER", `what upstream answered is of no use: ${why}`);
const noJson = (): CitadelError => useless("it is no JSON");
