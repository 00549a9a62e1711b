import { setTimeout as sleep } from "node:timers/promises";
import type { Driver, Key } from "../driver/driver.ts";
import { logger } from "../log.ts";

export interface FollowOptions {
  readonly driver: Pick<Driver, "watch">;
  /** keys that are of interest begin with it */
  readonly prefix: string;
  /** one key changed, whoever changed it; told at least once, perhaps late */
  readonly changed: (key: Key) => void;
  /** changes may have been missed: everything is in doubt */
  readonly reset: () => void;
}

export interface Following {
  /** false as long as the store cannot tell of its changes, or never will */
  readonly alive: boolean;
  /** Resolves when nothing more is told. */
  stop(): Promise<void>;
}

/** longest ms between two tries to follow again */
const longest = 5000;

/** Hears of changes in the store until it is stopped, whatever happens to the connection. Only hints: never needed to be right. */
export function follow({ driver, prefix, changed, reset }: FollowOptions): Following {
  const stopping = new AbortController();
  const { signal } = stopping;
  const log = logger("feed");
  let alive = false;

  const run = async (): Promise<void> => {
    let since: string | undefined;
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        const changes = driver.watch?.({
          prefix,
          signal,
          ...(since === undefined ? {} : { since }),
        });
        if (!changes) return;
        // what happened while nobody listened is told only to those who know where they were
        if (failures > 0 && since === undefined) reset();
        alive = true;
        for await (const change of changes) {
          failures = 0;
          since = change.cursor;
          if (change.kind === "reset") reset();
          else changed(change.key);
        }
      } catch (error) {
        log("the feed of changes was lost", { error });
      }
      alive = false;
      if (signal.aborted) return;
      reset();
      await sleep(Math.min(longest, 100 * 2 ** failures), undefined, { signal }).catch(() => {});
    }
  };

  const ended = run();
  return {
    get alive() {
      return alive;
    },
    stop() {
      stopping.abort();
      return ended;
    },
  };
}
