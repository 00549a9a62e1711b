import { LRUCache } from "lru-cache";

/** buckets that are remembered; of more at once the least used begin anew */
const most = 100_000;

/** What a bucket lets through: `max` at once, and as much again over `window` ms, evenly. */
export interface Allowance {
  readonly max: number;
  /** ms */
  readonly window: number;
}

export interface Verdict {
  readonly allowed: boolean;
  /** what may still be taken at once */
  readonly remaining: number;
  /** ms until all may be taken again */
  readonly reset: number;
  /** ms until this could be taken; 0 when it was */
  readonly wait: number;
}

/** How full a bucket is: the time at which it will be empty (GCRA's theoretical arrival time), and what others do not know of yet. */
export interface Level {
  full: number;
  untold: number;
  allowance: Allowance;
}

export interface Buckets {
  /** @param even takes it although there is not so much, as a penalty */
  take(
    key: string,
    amount: number,
    allowance: Allowance,
    options?: { readonly even?: boolean },
  ): Verdict;
  /** Buckets that were taken from since they were told about; at least an eighth of each is used. */
  untold(): readonly (readonly [key: string, level: Level])[];
}

/** Token buckets in this process. A check costs a look-up and no timer. @param now ms, for tests */
export function createBuckets(now: () => number = Date.now): Buckets {
  const levels = new LRUCache<string, Level>({ max: most });
  const dirty = new Map<string, Level>();

  return {
    take(key, amount, allowance, { even = false } = {}) {
      const { max, window } = allowance;
      const at = now();
      const level = levels.get(key) ?? { full: at, untold: 0, allowance };
      const unit = window / max;
      const before = Math.max(level.full, at);
      const after = before + amount * unit;
      const wait = Math.max(0, Math.ceil(after - at - window));
      if (wait > 0 && !even) return verdict(false, before - at, allowance, wait);
      level.full = Math.min(after, at + 2 * window);
      level.untold += amount;
      level.allowance = allowance;
      levels.set(key, level);
      if (level.full - at > window / 8) dirty.set(key, level);
      return verdict(wait === 0, level.full - at, allowance, wait);
    },
    untold() {
      const all = [...dirty];
      dirty.clear();
      return all;
    },
  };
}

const verdict = (
  allowed: boolean,
  used: number,
  { max, window }: Allowance,
  wait: number,
): Verdict => ({
  allowed,
  remaining: Math.max(0, Math.floor((window - used) / (window / max))),
  reset: Math.max(0, used),
  wait,
});
