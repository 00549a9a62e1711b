import type { OpOptions } from "./driver.ts";
import { aborted } from "./check.ts";
import { StoreError, storeCode } from "./error.ts";

/** The life of a driver: closed, open, closed again; and what is running meanwhile. See {@link gate}. */
export interface Gate {
  /** aborted when close() has waited long enough; for whatever runs longer than a moment, and for watchers */
  readonly signal: AbortSignal;
  open(options?: OpOptions): Promise<void>;
  close(): Promise<void>;
  /** throws CLOSED unless open */
  check(): void;
  /** makes close() wait for `work`; returns it */
  track<T>(work: Promise<T>): Promise<T>;
  /** the same for one operation: what close() cuts off with its connection is ABORTED */
  run<T>(work: Promise<T>): Promise<T>;
  /**
   * A stream that asks `next` for a chunk whenever its reader asks for one, and never before; undefined ends it.
   * `release` runs once, at the end, at a failure, at cancel() and when the driver is closed for good.
   */
  stream(
    next: () => Promise<Uint8Array | undefined> | Uint8Array | undefined,
    release?: () => Promise<void> | void,
  ): ReadableStream<Uint8Array>;
}

/**
 * What the contract says about open() and close(), once for all drivers: `open` is called once however often the
 * driver is opened, close() waits `graceMs` for what is running, aborts the rest, then calls `close`.
 * A driver whose operations finish within one tick needs only `check()`.
 */
export function gate(
  hooks: {
    open?(options?: OpOptions): Promise<void> | void;
    close?(): Promise<void> | void;
  } = {},
  graceMs = 5000,
): Gate {
  const running = new Set<Promise<unknown>>();
  let opening: Promise<void> | undefined;
  let closing: Promise<void> | undefined;
  let ready = false;
  let stop = new AbortController();

  const settled = async (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, graceMs);
    await Promise.race([Promise.allSettled(running), promise]);
    clearTimeout(timer);
  };

  const track = <T>(work: Promise<T>): Promise<T> => {
    running.add(work);
    const done = () => running.delete(work);
    work.then(done, done);
    return work;
  };

  return {
    get signal() {
      return stop.signal;
    },
    check() {
      if (!ready) throw new StoreError("CLOSED", "the store is not open");
    },
    track,
    run(work) {
      const { signal } = stop;
      return track(
        work.catch((error: unknown) => {
          throw signal.aborted && storeCode(error) === "UNAVAILABLE" ? aborted(signal) : error;
        }),
      );
    },
    async open(options) {
      await closing;
      opening ??= (async () => {
        try {
          stop = new AbortController();
          await hooks.open?.(options);
          ready = true;
        } catch (error) {
          opening = undefined;
          throw error;
        }
      })();
      return opening;
    },
    async close() {
      closing ??= (async () => {
        try {
          if (!ready) await opening?.catch(() => {});
          if (!ready) return;
          ready = false;
          opening = undefined;
          await settled();
          stop.abort(new StoreError("ABORTED", "the store was closed"));
          if (running.size > 0) await settled();
          await hooks.close?.();
        } finally {
          closing = undefined;
        }
      })();
      return closing;
    },
    stream(next, release) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const { signal } = stop;
      let over = false;
      let fail: (error: unknown) => void = () => {};
      const end = async (): Promise<void> => {
        if (over) return;
        over = true;
        signal.removeEventListener("abort", closed);
        try {
          await release?.();
        } finally {
          resolve();
        }
      };
      const closed = () => {
        fail(signal.reason);
        end().catch(() => {});
      };
      signal.addEventListener("abort", closed, { once: true });
      void track(promise);
      return new ReadableStream<Uint8Array>(
        {
          start(controller) {
            fail = (error) => controller.error(error);
          },
          async pull(controller) {
            try {
              const chunk = await next();
              if (over) return;
              if (chunk) return controller.enqueue(chunk);
              await end();
              controller.close();
            } catch (error) {
              controller.error(error);
              await end().catch(() => {});
            }
          },
          cancel: end,
        },
        { highWaterMark: 0 },
      );
    },
  };
}
