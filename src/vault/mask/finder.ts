/** Bytes to look for, and what they are called. */
export interface Pattern {
  readonly name: string;
  readonly bytes: Buffer;
}

export interface Match {
  readonly start: number;
  /** after its last byte */
  readonly end: number;
  readonly name: string;
}

export interface Finder {
  /** patterns that it looks for */
  readonly size: number;
  /** The longest match at each place, by place; they may overlap. */
  find(bytes: Buffer): Match[];
  /** Where something begins that more bytes could make a match; the length when there is nothing. */
  openFrom(bytes: Buffer): number;
}

/**
 * Looks for many patterns at once (Wu and Manber): a table says for each pair of bytes how far any pattern is away.
 * @param patterns each of 2 bytes or more
 */
export function createFinder(patterns: readonly Pattern[]): Finder {
  const window = Math.min(...patterns.map(({ bytes }) => bytes.length));
  const longest = Math.max(0, ...patterns.map(({ bytes }) => bytes.length));
  const shifts = new Uint32Array(patterns.length === 0 ? 0 : 0x10000).fill(window - 1);
  const byPlace = new Map<number, Pattern[]>();
  const byStart = new Map<number, Pattern[]>();
  const firsts = new Set<number | undefined>();
  // longest first: the first that fits is the one
  for (const pattern of patterns.toSorted((a, b) => b.bytes.length - a.bytes.length)) {
    const { bytes } = pattern;
    for (let end = 1; end < window; end++) {
      const pair = bytes.readUInt16BE(end - 1);
      shifts[pair] = Math.min(shifts[pair] ?? 0, window - 1 - end);
    }
    const start = bytes.readUInt16BE(0);
    push(byPlace, start * 0x10000 + bytes.readUInt16BE(window - 2), pattern);
    push(byStart, start, pattern);
    firsts.add(bytes[0]);
  }

  return {
    size: patterns.length,

    find(bytes) {
      const found: Match[] = [];
      if (patterns.length === 0) return found;
      for (let at = window - 1; at < bytes.length;) {
        const pair = ((bytes[at - 1] ?? 0) << 8) | (bytes[at] ?? 0);
        const shift = shifts[pair] ?? 0;
        if (shift > 0) {
          at += shift;
          continue;
        }
        const start = at - window + 1;
        const candidates = byPlace.get(bytes.readUInt16BE(start) * 0x10000 + pair);
        const match = candidates?.find(({ bytes: wanted }) => isAt(bytes, start, wanted));
        if (match) found.push({ start, end: start + match.bytes.length, name: match.name });
        at++;
      }
      return found;
    },

    openFrom(bytes) {
      const { length } = bytes;
      for (let start = Math.max(0, length - longest + 1); start < length; start++) {
        const left = length - start;
        const open =
          left === 1
            ? firsts.has(bytes[start])
            : byStart
                .get(bytes.readUInt16BE(start))
                ?.some(
                  ({ bytes: wanted }) =>
                    wanted.length > left && wanted.compare(bytes, start, length, 0, left) === 0,
                );
        if (open) return start;
      }
      return length;
    },
  };
}

const isAt = (bytes: Buffer, start: number, wanted: Buffer): boolean =>
  start + wanted.length <= bytes.length &&
  wanted.compare(bytes, start, start + wanted.length) === 0;

function push(map: Map<number, Pattern[]>, key: number, pattern: Pattern): void {
  const list = map.get(key);
  if (list) list.push(pattern);
  else map.set(key, [pattern]);
}
