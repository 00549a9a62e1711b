import { LRUCache } from "lru-cache";
import type { Temporary } from "../store/temporary.ts";
import { createLeases, isStale, type Allowance, type Level } from "./leases.ts";

/** buckets that are remembered; of more at once the least used begin anew */
const most = 100_000;
/** part of a bucket that a process lets through before it asks the others, so that ordinary clients cost nothing */
const unasked = 1 / 128;
/** ms that rounding may make of nothing */
const speck = 1e-6;

export interface Verdict {
  readonly allowed: boolean;
  /** what may still be taken at once */
  readonly remaining: number;
  /** ms until all may be taken again */
  readonly reset: number;
  /** ms until this could be taken; 0 when it was */
  readonly wait: number;
}

/** Token buckets by key. A check costs a look-up; none rejects. */
export interface Buckets {
  /** Waits for the other processes only where what this one may give without them does not suffice. */
  take(key: string, amount: number, allowance: Allowance): Verdict | Promise<Verdict>;
  /** The same without waiting: the others are told afterwards. */
  takeNow(key: string, amount: number, allowance: Allowance): Verdict;
  /** Takes it although there may not be so much, as a penalty. */
  charge(key: string, amount: number, allowance: Allowance): Verdict;
  close(): void;
}

export interface BucketsOptions {
  /** of each bucket the time at which it will be empty, for all processes; absent: there are no others */
  readonly shared?: Pick<Temporary<number>, "change"> | undefined;
  /** ms, for tests */
  readonly now?: () => number;
}

/**
 * Buckets of this process, or of all that share them. A process takes a part of what is left out of the shared bucket before it
 * gives it out, and gives back what it does not use within a second. `n` of them together let through at most what one bucket does,
 * and `n` times `max`/128 and what flows back in two seconds. While the others cannot be asked each counts for itself.
 */
export function createBuckets({ shared, now = Date.now }: BucketsOptions = {}): Buckets {
  const levels = new LRUCache<string, Level>({ max: most });
  const leases = createLeases(shared, now);

  const levelOf = (key: string, allowance: Allowance): Level => {
    let level = levels.get(key);
    if (!level) {
      level = { key, allowance, full: 0, balance: 0, lease: 0, heard: -Infinity, alone: false };
      levels.set(key, level);
    }
    level.allowance = allowance;
    return level;
  };

  /** undefined: the others have to be asked */
  const attempt = (level: Level, amount: number): Verdict | undefined => {
    const at = now();
    const together = leases.reachable(at);
    const found = look(level, at, amount);
    if (!found.allowed) return together && isStale(level, at) ? undefined : found;
    if (together) {
      if (level.balance > 0 && isStale(level, at)) return undefined;
      if (level.balance - amount < -level.allowance.max * unasked) return undefined;
      level.balance -= amount;
      // the next lease is to be there before this one is used up
      if (level.balance > 0 && level.balance < level.lease / 2) void leases.exchange(level, amount);
    } else spendAlone(level, at, amount);
    return look(level, at, 0);
  };
  const asking = async (level: Level, amount: number): Promise<Verdict> => {
    for (;;) {
      await leases.ask(level, amount);
      const found = attempt(level, amount);
      if (found) return found;
    }
  };

  return {
    take(key, amount, allowance) {
      const level = levelOf(key, allowance);
      return attempt(level, amount) ?? asking(level, amount);
    },
    takeNow(key, amount, allowance) {
      const level = levelOf(key, allowance);
      const found = attempt(level, amount);
      if (found) return found;
      void leases.exchange(level, amount);
      const known = look(level, now(), amount);
      if (known.allowed) level.balance -= amount;
      return known;
    },
    charge(key, amount, allowance) {
      const level = levelOf(key, allowance);
      const at = now();
      if (leases.reachable(at)) {
        level.balance -= amount;
        if (level.balance < -allowance.max * unasked) void leases.exchange(level, 0);
      } else spendAlone(level, at, amount);
      return look(level, at, 0);
    },
    close: () => leases.close(),
  };
}

/** What would be known of it if so much were taken. */
function look(level: Level, at: number, amount: number): Verdict {
  const { max, window } = level.allowance;
  const unit = window / max;
  const used = Math.max(0, Math.max(level.full, at) - at - level.balance * unit);
  const wait = Math.max(0, Math.ceil(used + amount * unit - window - speck));
  const remaining = Math.max(0, Math.floor((window - used + speck) / unit));
  return { allowed: wait === 0, remaining, reset: used, wait };
}

function spendAlone(level: Level, at: number, amount: number): void {
  const { max, window } = level.allowance;
  level.full = Math.min(Math.max(level.full, at) + (amount * window) / max, at + 2 * window);
  level.alone = true;
}
