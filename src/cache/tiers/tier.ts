import { errorObject } from "../../errors.ts";
import type { Shelf } from "./shelf.ts";
import { sqliteCode } from "./sqlite.ts";

export interface TierOptions {
  /** `redis`, `sqlite`, `file`, or another scheme */
  readonly name: string;
  /** without credentials */
  readonly url: string;
  /** ms that a read waits for it */
  readonly deadline: number;
  /** @param damaged whether to begin with nothing, because what was there cannot be read */
  readonly open: (damaged: boolean) => Promise<Shelf>;
  /** It answers again after a failure. */
  readonly back: () => void;
}

/** A shelf behind a deadline and a breaker. */
export interface Tier {
  readonly name: string;
  readonly url: string;
  /** open, or failed to */
  readonly ready: Promise<void>;
  /** what is wrong with it, if anything is */
  readonly error: string | undefined;
  hits: number;
  misses: number;
  readonly evictions: number;
  /**
   * What the shelf answers within the deadline. Undefined when it does not, or fails; after that nobody waits any more:
   * every call is a miss until a try in the background has succeeded.
   */
  ask<T>(work: (shelf: Shelf) => Promise<T>): Promise<{ readonly value: T } | undefined>;
  /** The same for what nobody waits for. */
  tell(work: (shelf: Shelf) => Promise<void>): Promise<{ readonly value: void } | undefined>;
  /** The same for people, who can wait a second and want to know. */
  patiently<T>(work: (shelf: Shelf) => Promise<T>, ms?: number): Promise<T>;
  /** Never waits. */
  used(key: string): void;
  close(): Promise<void>;
}

/** ms after the first failure, and at most, until it is tried again */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 30_000;
/** ms for opening, and for the try that ends a failure */
const PATIENCE = 1000;

export function createTier({ name, url, deadline, open, back }: TierOptions): Tier {
  let opening: Promise<Shelf> | undefined;
  let shelf: Shelf | undefined;
  /** somebody has waited for the opening: once is enough */
  let waited = false;
  let down: { readonly error: string; readonly timer: NodeJS.Timeout } | undefined;
  let failures = 0;
  let damaged = false;
  let closed = false;

  const connect = (): Promise<Shelf> => {
    opening ??= open(damaged).then(
      (opened) => {
        damaged = false;
        shelf = opened;
        if (closed) void opened.close().catch(() => {});
        return opened;
      },
      (error: unknown) => {
        opening = undefined;
        throw error;
      },
    );
    return opening;
  };

  const fail = (error: unknown): void => {
    if (error instanceof Late) shelf?.abandon?.();
    if ([11, 26].includes(sqliteCode(error))) {
      void shelf?.close().catch(() => {});
      shelf = opening = undefined;
      damaged = true;
    }
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** failures++);
    clearTimeout(down?.timer);
    const timer = setTimeout(() => void retry(), pause * (0.75 + Math.random() / 2)).unref();
    if (closed) clearTimeout(timer);
    down = { error: messageOf(error), timer };
  };

  const retry = async (): Promise<void> => {
    try {
      const opened = await within(PATIENCE, connect());
      await within(PATIENCE, opened.get(["~"]));
      down = undefined;
      failures = 0;
      back();
    } catch (error) {
      fail(error);
    }
  };

  const ask = async <T>(work: (shelf: Shelf) => Promise<T>, ms: number) => {
    if (closed || down) return undefined;
    try {
      if (!shelf) {
        if (waited && ms === deadline) return undefined;
        const opened = await within(ms, connect()).catch((error: unknown) => {
          if (!(error instanceof Late)) throw error;
          waited = true;
        });
        if (!opened) return undefined;
      }
      const ready = shelf;
      return ready && { value: await within(ms, work(ready)) };
    } catch (error) {
      if (!down && !closed) fail(error);
      return undefined;
    }
  };

  const first = connect();
  first.catch(fail);

  return {
    name,
    url,
    ready: first.then(
      () => {},
      () => {},
    ),
    get error() {
      return down?.error;
    },
    hits: 0,
    misses: 0,
    get evictions() {
      return shelf?.evictions ?? 0;
    },
    ask: (work) => ask(work, deadline),
    tell: (work) => ask(work, Math.max(deadline, PATIENCE)),
    patiently: async (work, ms = PATIENCE) =>
      within(ms, (async () => work(shelf ?? (await connect())))()),
    used: (key) => shelf?.used(key),
    async close() {
      closed = true;
      clearTimeout(down?.timer);
      const opened = shelf ?? (await within(PATIENCE, connect()).catch(() => undefined));
      if (opened) await within(PATIENCE, opened.close()).catch(() => {});
    },
  };
}

class Late extends Error {
  override readonly name = "Late";
}

/** Rejects with {@link Late} when `work` takes longer than `ms`. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const reject = (): void => late.reject(new Late(`no answer within ${ms} ms`));
  // a loop that was busy runs its timers before it reads what had arrived in time
  const timer = setTimeout(() => setImmediate(reject), ms);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

export function messageOf(error: unknown): string {
  const { code, message } = errorObject(error);
  if (code !== "E_FAILED") return message;
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  return first instanceof Error ? first.message || first.name : String(first);
}
