import { setTimeout as sleep } from "node:timers/promises";
import type { Change, Key } from "./driver.ts";
import { storeCode } from "./error.ts";

/** ms before the next try when the server is away */
const RETRY = 200;

/** A place `P` in a feed, and the feed: after a restart of its server the newest changes may be missing. */
export interface Position<P> {
  /** tells this store and this run of its server from others */
  readonly epoch: string;
  readonly newest: P;
}
export interface Look<P> extends Position<P> {
  /** changes since the place that was looked from are gone, or there is no such place */
  readonly missed: boolean;
  /** the next changes after it, in order */
  readonly rows: readonly { readonly at: P; readonly key: Key }[];
}

/** A feed of numbered changes in a server, of which the older ones may be gone. What fails throws as a question does. */
export interface Feed<P> {
  /** where it ends now */
  end(signal: AbortSignal): Promise<Position<P>>;
  look(from: P, signal: AbortSignal): Promise<Look<P>>;
  before(a: P, b: P): boolean;
  /** what a cursor says; for one that nobody gave out, a place that is nowhere */
  parse(cursor: string): Position<P>;
  print(position: Position<P>): string;
  /** runs while anybody watches: calls `wake` whenever there may be something new, until `signal` aborts */
  follow(signal: AbortSignal): Promise<void>;
}

export interface Tail {
  watch(options: {
    readonly prefix?: string;
    readonly since?: string;
    readonly signals: readonly AbortSignal[];
  }): AsyncIterable<Change>;
  /** there may be something new: all watchers look */
  wake(): void;
}

/** Watchers of a feed that sleep until they are woken; one connection follows it for all of them. */
export function tail<P>({ end, look, before, parse, print, follow }: Feed<P>): Tail {
  let watchers = 0;
  let following = new AbortController();
  let woken = Promise.withResolvers<void>();

  const wake = (): void => {
    woken.resolve();
    woken = Promise.withResolvers();
  };
  const join = (): void => {
    if (watchers++ > 0) return;
    following = new AbortController();
    void follow(following.signal);
  };
  const leave = (): void => {
    if (--watchers === 0) following.abort();
  };

  return {
    wake,
    watch({ prefix = "", since, signals }) {
      const signal = AbortSignal.any([...signals]);
      // asked at the call, not when the first change is asked for: what happens in between belongs to the watch
      const begin = since === undefined ? end(signal).catch(() => undefined) : undefined;
      return (async function* (): AsyncGenerator<Change, void, void> {
        signal.addEventListener("abort", wake, { once: true });
        join();
        try {
          let { epoch, newest: at } = (await begin) ?? parse(since ?? "");
          const cursor = (): string => print({ epoch, newest: at });
          while (!signal.aborted) {
            const next = woken.promise; // taken before looking, so that nothing falls in between
            let seen: Look<P>;
            try {
              seen = await look(at, signal);
            } catch (error) {
              if (signal.aborted) return;
              if (storeCode(error) !== "UNAVAILABLE") throw error;
              await sleep(RETRY, undefined, { signal }).catch(() => {});
              continue;
            }
            if (seen.epoch !== epoch || seen.missed) {
              ({ epoch, newest: at } = seen);
              yield { kind: "reset", cursor: cursor() };
            } else if (seen.rows.length === 0) await next;
            for (const { key, at: place } of seen.rows) {
              if (signal.aborted) return;
              if (!before(at, place)) continue; // before the reset
              at = place;
              if (key.startsWith(prefix)) yield { kind: "changed", key, cursor: cursor() };
            }
          }
        } finally {
          leave();
          signal.removeEventListener("abort", wake);
        }
      })();
    },
  };
}

/** Does `work` again and again until `signal` aborts, with a pause after each time that it fails. */
export async function persist(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted)
    try {
      await work();
    } catch {
      await sleep(RETRY, undefined, { signal }).catch(() => {});
    }
}
