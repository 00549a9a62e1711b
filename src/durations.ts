/** Upper bounds in seconds by which durations are counted. */
export const durationBounds: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** How long things took. Costs a dozen comparisons and no memory. */
export interface Durations {
  /** @param ms how long one took */
  note(ms: number): void;
  /** how many took at most as long as the bound of the same place, and longer than the one before; at the end those beyond all */
  readonly counts: readonly number[];
  /** seconds of all together */
  readonly sum: number;
}

export function createDurations(): Durations {
  const counts = durationBounds.map(() => 0);
  counts.push(0);
  const durations = {
    note(ms: number): void {
      const seconds = ms / 1000;
      let at = 0;
      while (at < durationBounds.length && seconds > (durationBounds[at] as number)) at++;
      counts[at] = (counts[at] as number) + 1;
      durations.sum += seconds;
    },
    counts,
    sum: 0,
  };
  return durations;
}
