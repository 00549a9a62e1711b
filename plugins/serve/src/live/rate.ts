/** How fast one socket may speak. */
export interface Rate {
  /** @returns ms to wait; 0: it may */
  take(): number;
  /** Whether so many were refused that it will not learn. */
  isHopeless(): boolean;
}

/** @param now ms, for tests */
export function createRate(
  perSecond: number,
  burst: number,
  now = performance.now.bind(performance),
): Rate {
  // prettier-ignore
  const each = 1000 / perSecond;
  /** ms at which all is forgotten */
  let full = -Infinity;
  let refused = 0;
  return {
    take() {
      const at = now();
      if (full <= at) refused = 0;
      const next = Math.max(full, at) + each;
      const wait = next - at - burst * each;
      if (wait > 0) {
        refused++;
        return wait;
      }
      full = next;
      return 0;
    },
    isHopeless: () => refused > burst,
  };
}
