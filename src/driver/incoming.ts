import { createHash } from "node:crypto";
import { aborted, tooLarge } from "./check.ts";
import type { Key, WriteOptions } from "./driver.ts";
import { StoreError } from "./error.ts";

/**
 * The chunks of a source on their way into a store: pulled one at a time, empty ones left out, and with everything
 * checked that `write` promises. Ends normally only when size and SHA-512 are as announced, so a driver makes the
 * object visible after the loop. Throws what the source throws, CORRUPT, TOO_LARGE, or ABORTED as soon as one of
 * the signals says so or `timeoutMs` is over; the source is released in every case.
 *
 * A chunk belongs to the source again once the next one is asked for: copy what is kept.
 */
export async function* incoming(
  key: Key,
  source: AsyncIterable<Uint8Array>,
  options: WriteOptions,
  limits: { readonly max: number; readonly signal?: AbortSignal },
): AsyncGenerator<Uint8Array, void, void> {
  const signals = [options.signal, limits.signal].filter((s) => s !== undefined);
  if (options.timeoutMs !== undefined) signals.push(AbortSignal.timeout(options.timeoutMs));
  const hash = options.sha512 && createHash("sha512");
  const chunks = source[Symbol.asyncIterator]();
  let size = 0;
  let over = false;
  try {
    for (;;) {
      const pulled = chunks.next().catch((error: unknown) => {
        over = true;
        throw error;
      });
      const next = await unlessAborted(key, pulled, signals);
      if (next.done) break;
      size += next.value.byteLength;
      if (size > limits.max) throw tooLarge(key, size, limits.max);
      if (options.size !== undefined && size > options.size)
        throw corrupt(key, `more than the announced ${options.size} bytes came`);
      if (next.value.byteLength === 0) continue;
      hash?.update(next.value);
      yield next.value;
    }
    over = true;
    if (options.size !== undefined && size !== options.size)
      throw corrupt(key, `${size} bytes came, ${options.size} were announced`);
    if (hash && options.sha512 && !hash.digest().equals(options.sha512))
      throw corrupt(key, "the bytes do not have the announced SHA-512");
    for (const signal of signals) if (signal.aborted) throw aborted(signal, key);
  } finally {
    // not awaited: a source that hangs in next() would never get to it
    if (!over) chunks.return?.().catch(() => {});
  }
}

const corrupt = (key: Key, why: string): StoreError => new StoreError("CORRUPT", why, { key });

async function unlessAborted<T>(
  key: Key,
  work: Promise<T>,
  signals: readonly AbortSignal[],
): Promise<T> {
  if (signals.length === 0) return work;
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = (event: Event) => reject(aborted(event.target as AbortSignal, key));
  for (const signal of signals) {
    if (signal.aborted) reject(aborted(signal, key));
    else signal.addEventListener("abort", stop, { once: true });
  }
  try {
    return await Promise.race([work, promise]);
  } finally {
    for (const signal of signals) signal.removeEventListener("abort", stop);
    work.catch(() => {});
    promise.catch(() => {});
  }
}
