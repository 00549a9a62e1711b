import { join } from "node:path";
import type { Disk } from "./disk.ts";
import { orMissing, tryRemoval } from "./failure.ts";
import { versionName, versionsIn } from "./names.ts";

const MOST_HINTS = 10_000;

/** A point in time on two clocks: the wall's may be set, the steady one may stand still while the machine sleeps. */
export interface Moment {
  readonly wall: number;
  readonly steady: number;
}

/** The version numbers in the folders of keys. */
export interface Numbering {
  moment(): Moment;
  /** ms since then, by the clock that went further */
  age(since: Moment): number;
  /** the newest number, 0 when there is none */
  newest(folder: string): Promise<number>;
  remember(folder: string, n: number, at: Moment): void;
  forget(folder: string): void;
  /** removes versions that were replaced more than the grace time ago, oldest first */
  prune(folder: string): Promise<{ removed: number; left: readonly number[] }>;
}

export function numbering(disk: Disk, grace: number, now: () => number): Numbering {
  const moment = (): Moment => ({ wall: now(), steady: performance.now() });
  const age = (at: Moment): number => Math.max(now() - at.wall, performance.now() - at.steady);
  const versions = async (folder: string): Promise<number[]> =>
    versionsIn((await orMissing(disk.readdir(folder))) ?? []);

  // The newest number of a folder is the newest still unless the next one exists: that could be gone again only when
  // it was replaced a grace time ago.
  const hints = new Map<string, { readonly n: number; readonly at: Moment }>();
  const remember = (folder: string, n: number, at: Moment): void => {
    hints.delete(folder);
    if (n === 0) return;
    const [oldest] = hints.keys();
    if (oldest !== undefined && hints.size >= MOST_HINTS) hints.delete(oldest);
    hints.set(folder, { n, at });
  };

  return {
    moment,
    age,
    remember,
    forget: (folder) => void hints.delete(folder),
    async newest(folder) {
      const at = moment();
      const hint = hints.get(folder);
      if (hint && age(hint.at) < grace / 2)
        for (let n = hint.n; n < hint.n + 4; n++)
          if (!(await orMissing(disk.stat(join(folder, versionName(n + 1)))))) {
            remember(folder, n, at);
            return n;
          }
      const n = (await versions(folder)).at(-1) ?? 0;
      remember(folder, n, at);
      return n;
    },
    async prune(folder) {
      const there = await versions(folder);
      let removed = 0;
      for (const [i, n] of there.entries()) {
        const next = there[i + 1];
        if (next === undefined) break;
        const replaced = await orMissing(disk.stat(join(folder, versionName(next))));
        if (replaced && now() - replaced.ctimeMs <= grace) break;
        // in order, or the check after a long freeze would not see a gap
        if (!(await tryRemoval(disk.unlink(join(folder, versionName(n)))))) break;
        removed++;
      }
      return { removed, left: there.slice(removed) };
    },
  };
}
