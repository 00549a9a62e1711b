/**
 * Patterns of package names: an exact name (`lodash`, `@acme/ui`), a beginning (`@acme/*`, `eslint-*`) or `*` for all. The star
 * stands at the end only, so that matching is a comparison of beginnings and takes linear time whatever the text.
 */

const longest = 214;
const form = /^(?:@[\w.~-]+\/)?(?:[\w.~-]+\*?|\*)$/;

/** Whether the text is a pattern. */
export const isPattern = (text: unknown): text is string =>
  typeof text === "string" && text !== "" && text.length <= longest && form.test(text);

/** Whether the pattern is of this name. */
export const matches = (pattern: string, name: string): boolean =>
  pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name;

/** Of two patterns that match a name, the one with the greater number says more: an exact name before the longest beginning. */
export const specificity = (pattern: string): number =>
  pattern.endsWith("*") ? pattern.length - 1 : longest + 1;

/** Values by pattern. */
export interface PatternMap<T> {
  /** What stands under the patterns of a name, the most specific first, those of one pattern in the order of their rows. */
  find(name: string): T[];
}

/** Takes one look-up per length of beginning to find what fits a name, however many patterns there are. */
export function patternMap<T>(rows: Iterable<readonly [pattern: string, value: T]>): PatternMap<T> {
  const exact = new Map<string, T[]>();
  const beginnings = new Map<string, T[]>();
  for (const [pattern, value] of rows) {
    const map = pattern.endsWith("*") ? beginnings : exact;
    const key = map === exact ? pattern : pattern.slice(0, -1);
    const values = map.get(key);
    if (values) values.push(value);
    else map.set(key, [value]);
  }
  const lengths = [...new Set(Array.from(beginnings.keys(), (key) => key.length))].toSorted(
    (a, b) => b - a,
  );
  return {
    find(name) {
      const found = [...(exact.get(name) ?? [])];
      for (const length of lengths)
        if (length <= name.length) found.push(...(beginnings.get(name.slice(0, length)) ?? []));
      return found;
    },
  };
}
