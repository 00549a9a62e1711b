import type { DatabaseSync } from "node:sqlite";
import { aborted, StoreError, type OpOptions } from "@citadel/core/driver";
import { failure, isBusy, lostSync, pause, PATIENCE } from "./failure.ts";

const MOST_WRITES = 512;
const MOST_BYTES = 4 * 1024 * 1024;

export interface WriteHints extends OpOptions {
  /** bytes that it writes, to keep transactions short */
  readonly bytes?: number;
  /** need not survive a power failure by itself: a later write that does will carry it */
  readonly lax?: boolean;
}

/** Writes that share transactions, and with them the fsync: see {@link commits}. */
export interface Commits {
  /**
   * Runs `apply` inside a transaction and resolves with its value once that is committed. What `apply` throws as a
   * StoreError, before it changes anything, is only its own failure. It may run again after a rollback.
   * Throws ABORTED and UNAVAILABLE (nothing happened) and UNKNOWN (the disk failed while committing).
   */
  write<T>(apply: () => T, hints?: WriteHints): Promise<T>;
  /** whether something waits for the next turn of the event loop */
  readonly waiting: boolean;
  /** ABORTED for everything that still waits or comes later */
  abort(signal: AbortSignal): void;
}

interface Waiting {
  readonly apply: () => unknown;
  readonly bytes: number;
  readonly lax: boolean;
  readonly until: number;
  readonly done: (value: unknown) => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Group commit: what comes in the same turn of the event loop, or while another process holds the database, goes into
 * one transaction in the order it came.
 */
export function commits(
  db: DatabaseSync,
  at: { readonly file: string; readonly relax: boolean },
  hooks: { committed(): void; undone(): void },
): Commits {
  const begin = db.prepare("BEGIN IMMEDIATE");
  const commit = db.prepare("COMMIT");
  let queue: Waiting[] = [];
  let flushing = false;
  let broken: unknown;
  let over: AbortSignal | undefined;

  const take = (): Waiting[] => {
    let bytes = 0;
    let n = 0;
    for (const write of queue) {
      bytes += write.bytes;
      if (n > 0 && (n >= MOST_WRITES || bytes > MOST_BYTES)) break;
      n++;
    }
    const batch = queue.slice(0, n);
    queue = queue.slice(n);
    return batch;
  };

  /** One transaction. Returns false when another process is in the way. */
  const run = (batch: readonly Waiting[]): boolean => {
    const answers: (() => void)[] = [];
    const lax = at.relax && batch.every((write) => write.lax);
    let committing = false;
    try {
      if (lax) db.exec("PRAGMA synchronous = NORMAL");
      begin.run();
      for (const write of batch) {
        try {
          const value = write.apply();
          answers.push(() => write.done(value));
        } catch (error) {
          if (!(error instanceof StoreError)) throw error;
          answers.push(() => write.fail(error));
        }
      }
      committing = true;
      commit.run();
    } catch (error) {
      rollback();
      if (isBusy(error)) return false;
      if (lostSync(error)) broken = error;
      if (batch.length > 1 && !broken) {
        // one of them may be the reason, as with a full disk: the others need not share its fate
        for (const write of batch) if (!run([write])) queue.unshift(write);
      } else for (const write of batch) write.fail(verdict(error, committing));
      return true;
    } finally {
      if (lax) db.exec("PRAGMA synchronous = FULL");
    }
    for (const answer of answers) answer();
    hooks.committed();
    return true;
  };

  const rollback = (): void => {
    hooks.undone();
    if (db.isTransaction) db.exec("ROLLBACK");
  };

  const verdict = (error: unknown, committing: boolean): unknown => {
    const found = failure(error, at.file);
    if (!committing || !(found instanceof StoreError) || found.code !== "UNAVAILABLE") return found;
    return new StoreError("UNKNOWN", `${at.file}: the disk failed during a commit`, {
      cause: error,
    });
  };

  const flush = async (): Promise<void> => {
    for (let tries = 0; queue.length > 0;) {
      const batch = take();
      if (broken) for (const write of batch) write.fail(stopped());
      else if (run(batch)) tries = 0;
      else {
        // nothing was done for these: back to the front, but for those that have waited long enough
        const now = performance.now();
        const late = batch.filter((write) => write.until <= now);
        queue = [...batch.filter((write) => write.until > now), ...queue];
        for (const write of late)
          write.fail(
            new StoreError("UNAVAILABLE", `${at.file} is locked by another process; try again`),
          );
        await pause(tries++);
        continue;
      }
      await turn();
    }
    flushing = false;
  };

  const stopped = (): StoreError =>
    new StoreError(
      "UNAVAILABLE",
      `${at.file}: writing stopped because the disk failed to sync; check the disk, then restart`,
      { cause: broken },
    );

  return {
    get waiting() {
      return flushing;
    },
    abort(signal) {
      over = signal;
      const waiting = queue;
      queue = [];
      for (const write of waiting) write.fail(aborted(signal));
    },
    write<T>(apply: () => T, hints: WriteHints = {}): Promise<T> {
      return new Promise<T>((resolve, reject) => {
        if (over) return reject(aborted(over));
        const { signal } = hints;
        const waiting: Waiting = {
          apply,
          bytes: hints.bytes ?? 0,
          lax: hints.lax ?? false,
          until: performance.now() + (hints.timeoutMs ?? PATIENCE),
          done(value) {
            signal?.removeEventListener("abort", abort);
            resolve(value as T);
          },
          fail(error) {
            signal?.removeEventListener("abort", abort);
            reject(error);
          },
        };
        const abort = () => {
          queue = queue.filter((other) => other !== waiting);
          if (signal) reject(aborted(signal));
        };
        signal?.addEventListener("abort", abort, { once: true });
        queue.push(waiting);
        if (flushing) return;
        flushing = true;
        void turn().then(flush);
      });
    },
  };
}

/** The next turn of the event loop. */
export const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });
