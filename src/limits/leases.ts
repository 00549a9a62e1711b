import { logger } from "../log.ts";
import type { Temporary } from "../store/temporary.ts";

/** part of what is left that a process leases at once */
const share = 1 / 32;
/** ms that a lease may be used, and that a refusal is not asked about again */
const lasts = 1000;
/** ms that a request waits for the others */
const patience = 1000;
/** ms that a process counts alone after the others could not be asked */
const pause = 2000;

/** What a bucket lets through: `max` at once, and as much again over `window` ms, evenly. */
export interface Allowance {
  readonly max: number;
  /** ms */
  readonly window: number;
}

/** What this process knows of a bucket. */
export interface Level {
  readonly key: string;
  allowance: Allowance;
  /** when it will be empty (GCRA's theoretical arrival time): as the others were last told, and with what was taken alone */
  full: number;
  /** leased and not used; negative: used, and the others do not know */
  balance: number;
  /** the last lease */
  lease: number;
  /** ms, when the others were last asked */
  heard: number;
  /** `full` has what the others do not know */
  alone: boolean;
  exchange?: Promise<void> | undefined;
}

/** Buckets of which each process takes a part before it gives it out. */
export interface Leases {
  /** Whether the others can be asked: there are some, and the last try did not fail a moment ago. */
  reachable(at: number): boolean;
  /**
   * Tells the others what they do not know of, gives back what is stale, and leases anew unless `wanted` is 0. One at a time for
   * each bucket: who comes meanwhile gets that one. Never rejects.
   */
  exchange(level: Level, wanted: number): Promise<void>;
  /** The same, waiting no longer than a request may: then the others count as not reachable. */
  ask(level: Level, wanted: number): Promise<void>;
  close(): void;
}

/** Too long ago to rely on. */
export const isStale = (level: Level, at: number): boolean => at - level.heard > lasts;

/** @param shared of each bucket the time at which it will be empty; undefined: nobody shares them */
export function createLeases(
  shared: Pick<Temporary<number>, "change"> | undefined,
  now: () => number,
): Leases {
  const log = logger("limits");
  const holding = new Set<Level>();
  let away = shared ? 0 : Infinity;

  const lose = (error: unknown): void => {
    if (now() >= away) log("limits are counted here alone", { error });
    away = now() + pause;
  };
  const trade = async (level: Level, wanted: number): Promise<void> => {
    const { alone, full: known, allowance } = level;
    const { max, window } = allowance;
    const unit = window / max;
    const told = isStale(level, now()) ? level.balance : Math.min(level.balance, 0);
    level.alone = false;
    try {
      const got = await shared?.change(level.key, (found) => {
        const at = now();
        const before = Math.max(found?.value ?? 0, alone ? known : 0, at) - told * unit;
        const used = Math.max(before, at);
        const left = Math.max(0, (at + window - used) / unit);
        const lease = wanted === 0 ? 0 : Math.min(left, Math.max(wanted, left * share));
        const full = Math.min(used + lease * unit, at + 2 * window);
        return {
          next: { value: full, until: Math.ceil(full) + lasts },
          answer: { full, lease, at },
        };
      });
      if (!got) return;
      // what was taken alone meanwhile is not in it
      level.full = level.alone ? Math.max(level.full, got.full) : got.full;
      level.balance += got.lease - told;
      level.lease = got.lease;
      level.heard = got.at;
      if (level.balance > 0) holding.add(level);
    } catch (error) {
      level.alone ||= alone;
      throw error;
    }
  };
  const exchange = (level: Level, wanted: number): Promise<void> =>
    (level.exchange ??= trade(level, wanted)
      .catch(lose)
      .finally(() => (level.exchange = undefined)));
  const giveBack = (): void => {
    const at = now();
    if (at < away) return;
    for (const level of holding)
      if (level.balance <= 0) holding.delete(level);
      else if (isStale(level, at)) void exchange(level, 0);
  };
  const timer = shared && setInterval(giveBack, lasts).unref();

  return {
    reachable: (at) => at >= away,
    exchange,
    async ask(level, wanted) {
      let late: NodeJS.Timeout | undefined;
      const tooLate = new Promise<void>((resolve) => {
        late = setTimeout(() => {
          lose(new Error(`no answer in ${patience} ms`));
          resolve();
        }, patience);
      });
      await Promise.race([exchange(level, wanted), tooLate]);
      clearTimeout(late);
    },
    close: () => clearInterval(timer),
  };
}
