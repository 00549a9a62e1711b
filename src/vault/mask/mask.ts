import { Transform } from "node:stream";
import { createFinder, type Match } from "./finder.ts";
import { fewestBytes, formsOf } from "./forms.ts";

/** A value, and what it is called where it would have stood. */
export interface Named {
  readonly name: string;
  readonly value: Uint8Array;
}

/** Puts `[REDACTED:name]` in the place of values, in any of their {@link formsOf forms}. */
export interface Mask {
  /** names of values that are too short to be looked for */
  readonly short: readonly string[];
  /** A whole text. */
  text(text: string): string;
  bytes(bytes: Uint8Array): Buffer;
  /**
   * A stream, whatever the pieces that it comes in. Only what may be the beginning of a value is kept back, never more than the
   * longest form of one.
   */
  stream(): Transform;
}

export function createMask(secrets: readonly Named[]): Mask {
  const finder = createFinder(
    secrets.flatMap(({ name, value }) => formsOf(value).map((bytes) => ({ name, bytes }))),
  );

  const filter = () => {
    let rest = Buffer.alloc(0);
    /** bytes of `rest` that a placeholder stands for already */
    let covered = 0;
    return (chunk: Uint8Array, last: boolean): Buffer => {
      const bytes = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
      const until = last ? bytes.length : finder.openFrom(bytes);
      const { text, end } = replaced(bytes, finder.find(bytes), until, covered);
      rest = Buffer.from(bytes.subarray(until));
      covered = Math.max(0, end - until);
      return text;
    };
  };

  const bytes = (all: Uint8Array): Buffer => filter()(all, true);
  return {
    short: secrets
      .filter(({ value }) => value.byteLength > 0 && value.byteLength < fewestBytes)
      .map(({ name }) => name),
    bytes,
    text: (text) => bytes(Buffer.from(text)).toString(),
    stream() {
      const next = filter();
      return new Transform({
        transform(chunk: Buffer, _, done) {
          done(null, next(chunk, false));
        },
        flush(done) {
          done(null, next(Buffer.alloc(0), true));
        },
      });
    },
  };
}

/**
 * The bytes up to `until` with placeholders for matches; matches that overlap are one.
 * @param covered bytes at the beginning that are hidden and spoken for
 * @returns `end` of the last hidden byte, which may lie after `until`
 */
function replaced(
  bytes: Buffer,
  matches: readonly Match[],
  until: number,
  covered: number,
): { text: Buffer; end: number } {
  const parts: Buffer[] = [];
  let end = covered;
  for (const match of matches) {
    if (match.start >= until) break;
    if (match.start >= end) {
      parts.push(bytes.subarray(end, match.start), Buffer.from(`[REDACTED:${match.name}]`));
    }
    end = Math.max(end, match.end);
  }
  if (end < until) parts.push(bytes.subarray(end, until));
  return { text: Buffer.concat(parts), end };
}
