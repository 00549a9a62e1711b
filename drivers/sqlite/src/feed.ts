import type { DatabaseSync } from "node:sqlite";
import type { Change, Key } from "@citadel/core/driver";

const KEPT = 10_000;
const TRIMMED_EVERY = 1024;
const POLL_MS = 100;

/** The newest changes of the store, kept in a table next to what changed; and everybody who waits for the next one. */
export interface Feed {
  /** inside a transaction: `key` changed */
  add(key: Key): void;
  /** this process has committed something */
  committed(): void;
  watch(options: {
    readonly prefix?: string;
    readonly since?: string;
    readonly signals: readonly AbortSignal[];
  }): AsyncIterable<Change>;
}

/** `read` runs a statement and waits while another process is in the way; `poll` looks for changes by other processes. */
export function feed(
  db: DatabaseSync,
  epoch: string,
  { read, poll }: { read<T>(work: () => T): Promise<T>; readonly poll: boolean },
): Feed {
  const insert = db.prepare("INSERT INTO feed (key) VALUES (?)");
  const trim = db.prepare("DELETE FROM feed WHERE seq <= ?");
  const ends = db.prepare(
    "SELECT (SELECT min(seq) FROM feed) AS oldest, (SELECT max(seq) FROM feed) AS newest",
  );
  const after = db.prepare("SELECT seq, key FROM feed WHERE seq > ? ORDER BY seq LIMIT 256");
  const version = db.prepare("PRAGMA data_version");
  let watchers = 0;
  let timer: NodeJS.Timeout | undefined;
  let seen: unknown;
  let wake = Promise.withResolvers<void>();

  const cursor = (at: number): string => `${epoch}.${at}`;
  const notify = (): void => {
    wake.resolve();
    wake = Promise.withResolvers();
  };
  const look = (): void => {
    try {
      const now = version.get()?.["data_version"];
      if (now !== seen) notify();
      seen = now;
    } catch {
      notify(); // the watchers will find out what is wrong
    }
  };
  /** The oldest and newest change in the table; newest is 0 as long as there was none. */
  const range = (): { oldest: number; newest: number } => {
    const { oldest, newest } = ends.get() as { oldest: number | null; newest: number | null };
    return { oldest: oldest ?? 1, newest: newest ?? 0 };
  };
  const newest = (): number => {
    try {
      return range().newest;
    } catch {
      return -1; // locked just now: begin with a reset
    }
  };
  const join = (): void => {
    if (watchers++ > 0 || !poll) return;
    look();
    timer = setInterval(look, POLL_MS);
  };
  const leave = (): void => {
    if (--watchers === 0) clearInterval(timer);
  };
  const position = (since: string): number => {
    const [from, at = "-1"] = since.split(".");
    return from === epoch && /^\d{1,15}$/.test(at) ? Number(at) : -1;
  };

  return {
    add(key) {
      const seq = Number(insert.run(key).lastInsertRowid);
      if (seq % TRIMMED_EVERY === 0) trim.run(seq - KEPT);
    },
    committed: () => {
      if (watchers > 0) notify();
    },
    watch({ prefix = "", since, signals }) {
      // from the call on, not from when the first change is asked for
      let at = since === undefined ? newest() : position(since);
      return (async function* (): AsyncGenerator<Change, void, void> {
        const stopped = Promise.withResolvers<void>();
        const stop = () => stopped.resolve();
        for (const signal of signals) signal.addEventListener("abort", stop, { once: true });
        join();
        try {
          while (!signals.some((signal) => signal.aborted)) {
            const next = wake.promise; // taken before looking, so that nothing falls in between
            const { known, rows } = await read(() => {
              const rows = after.all(at) as { seq: number; key: Key }[];
              return { rows, known: range() }; // in this order: what is trimmed in between shows as a gap
            });
            if (at < known.oldest - 1 || at > known.newest) {
              at = known.newest;
              yield { kind: "reset", cursor: cursor(at) };
            } else if (rows.length === 0) await Promise.race([next, stopped.promise]);
            for (const row of rows) {
              if (row.seq <= at) continue; // before the reset
              if (signals.some((signal) => signal.aborted)) return;
              at = row.seq;
              if (row.key.startsWith(prefix))
                yield { kind: "changed", key: row.key, cursor: cursor(at) };
            }
          }
        } finally {
          leave();
          for (const signal of signals) signal.removeEventListener("abort", stop);
        }
      })();
    },
  };
}
