import { setTimeout as sleep } from "node:timers/promises";
import { storeCode, type Change } from "@citadel/core/driver";
import type { Link } from "./link.ts";
import { look } from "./scripts.ts";
import type { Session } from "./session.ts";

/** The newest changes of the store, in a stream of the server, and everybody who waits for the next one. */
export interface Feed {
  watch(options: {
    readonly prefix?: string;
    readonly since?: string;
    readonly signals: readonly AbortSignal[];
  }): AsyncIterable<Change>;
}

/** Changes asked for at once. */
const PAGE = 256;
/** ms that the server holds the question for the next change */
const PATIENCE = 2000;
/** ms before the next try when the server is away */
const RETRY = 200;

interface Place {
  /** tells this store and this run of the server from others: after a restart the newest changes may be missing */
  readonly epoch: string;
  readonly newest: number;
}
interface Seen extends Place {
  readonly rows: readonly { readonly n: number; readonly key: string }[];
}

/** `main` answers questions; `tail` is a connection of its own, on which only waiting is done. */
export function feed(
  main: Link,
  tail: Link,
  keys: { readonly feed: string; readonly store: string },
): Feed {
  let watchers = 0;
  let wake = Promise.withResolvers<void>();
  let following = new AbortController();

  const notify = (): void => {
    wake.resolve();
    wake = Promise.withResolvers();
  };

  /** Wakes the watchers with every change, and when the connection was lost or nothing happened for a while. */
  const follow = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted)
      try {
        const newest = (await tail.call(["HGET", keys.store, "n"], { signal })) as Buffer | null;
        notify();
        const after = `${newest?.toString() ?? "0"}-0`;
        await tail.call(
          ["XREAD", "COUNT", "1", "BLOCK", String(PATIENCE), "STREAMS", keys.feed, after],
          { signal, timeoutMs: PATIENCE + 3000 },
        );
      } catch {
        await sleep(RETRY, undefined, { signal }).catch(() => {});
      }
  };
  const join = (): void => {
    if (watchers++ > 0) return;
    following = new AbortController();
    void follow(following.signal);
  };
  const leave = (): void => {
    if (--watchers > 0) return;
    following.abort();
    tail.end();
  };

  const run = (session: Session): string => session.info.get("run_id") ?? "";

  const newest = async (signal: AbortSignal): Promise<Place> => {
    const session = main.living ?? (await main.session({ signal }));
    const answer = await session.call(["HMGET", keys.store, "epoch", "n"], { signal });
    const [epoch, n] = answer as (Buffer | null)[];
    return { epoch: `${epoch?.toString() ?? ""}-${run(session)}`, newest: Number(n ?? 0) };
  };
  const lookFrom = async (n: number, signal: AbortSignal): Promise<Seen> => {
    const session = main.living ?? (await main.session({ signal }));
    const answer = await session.script(look, [keys.feed, keys.store], [String(n), String(PAGE)], {
      signal,
    });
    const [epoch, newest, rows] = answer as [Buffer, Buffer, [Buffer, [Buffer, Buffer]][]];
    return {
      epoch: `${epoch.toString()}-${run(session)}`,
      newest: Number(newest.toString()),
      rows: rows.map(([id, [, key]]) => ({
        n: Number.parseInt(id.toString(), 10),
        key: key.toString(),
      })),
    };
  };

  return {
    watch({ prefix = "", since, signals }) {
      const signal = AbortSignal.any([...signals]);
      // asked at the call, not when the first change is asked for: what happens in between belongs to the watch
      const begin = since === undefined ? newest(signal).catch(() => undefined) : undefined;
      return (async function* (): AsyncGenerator<Change, void, void> {
        signal.addEventListener("abort", notify, { once: true });
        join();
        try {
          let { epoch, newest: at } = (await begin) ?? position(since);
          while (!signal.aborted) {
            const next = wake.promise; // taken before looking, so that nothing falls in between
            let seen: Seen;
            try {
              seen = await lookFrom(at + 1, signal);
            } catch (error) {
              if (signal.aborted) return;
              if (storeCode(error) !== "UNAVAILABLE") throw error;
              await sleep(RETRY, undefined, { signal }).catch(() => {});
              continue;
            }
            const oldest = seen.rows[0]?.n ?? seen.newest + 1;
            if (seen.epoch !== epoch || at > seen.newest || oldest > at + 1) {
              ({ epoch, newest: at } = seen);
              yield { kind: "reset", cursor: `${epoch}.${at}` };
            } else if (seen.rows.length === 0) await next;
            for (const { n, key } of seen.rows) {
              if (signal.aborted) return;
              if (n <= at) continue; // before the reset
              at = n;
              if (key.startsWith(prefix)) yield { kind: "changed", key, cursor: `${epoch}.${at}` };
            }
          }
        } finally {
          leave();
          signal.removeEventListener("abort", notify);
        }
      })();
    },
  };
}

/** What a cursor says; for one that nobody gave out, a place that is nowhere. */
function position(since = ""): Place {
  const [, epoch = "", newest = "-1"] = /^(.+)\.(\d{1,15})$/.exec(since) ?? [];
  return { epoch, newest: Number(newest) };
}
