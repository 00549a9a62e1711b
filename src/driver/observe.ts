import { delegate } from "./delegate.ts";
import type { Driver, Entry, Key } from "./driver.ts";
import { storeCode, type StoreErrorCode } from "./error.ts";

export type Operation = "get" | "head" | "put" | "delete" | "list" | "read" | "write";

/** One finished operation of a driver. */
export interface Call {
  readonly operation: Operation;
  /** undefined for list */
  readonly key: Key | undefined;
  /** bytes written; 0 when it failed */
  readonly bytesIn: number;
  /** bytes handed out; for read those of the opened range, whether or not the reader takes them all */
  readonly bytesOut: number;
  /** for read until the stream is there, for write until the last byte is in */
  readonly ms: number;
  /** a driver's code; FAILED for anything else, such as a source that threw */
  readonly error: StoreErrorCode | "FAILED" | undefined;
}

/** What one operation added up to. */
export interface Tally {
  readonly calls: number;
  /** CONFLICT counts too */
  readonly errors: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** all calls together */
  readonly ms: number;
}

/** The sums since the driver was wrapped, by operation. Live: read it again for newer ones. */
export type Observed = Readonly<Record<Operation, Tally>>;

/** A driver that counts. Costs two clock readings and a few additions per call; streams pass through untouched. */
export function observe(
  driver: Driver,
  onCall?: (call: Call) => void,
): Driver & { readonly observed: Observed } {
  const zero = (): { -readonly [K in keyof Tally]: Tally[K] } => ({
    calls: 0,
    errors: 0,
    bytesIn: 0,
    bytesOut: 0,
    ms: 0,
  });
  const observed = {
    get: zero(),
    head: zero(),
    put: zero(),
    delete: zero(),
    list: zero(),
    read: zero(),
    write: zero(),
  };

  async function measured<T>(
    operation: Operation,
    key: Key | undefined,
    work: () => Promise<T>,
    sizes: (result: T) => { in?: number; out?: number },
  ): Promise<T> {
    const start = performance.now();
    const end = (bytesIn: number, bytesOut: number, error: Call["error"]): void => {
      const ms = performance.now() - start;
      const tally = observed[operation];
      tally.calls++;
      if (error) tally.errors++;
      tally.bytesIn += bytesIn;
      tally.bytesOut += bytesOut;
      tally.ms += ms;
      onCall?.({ operation, key, bytesIn, bytesOut, ms, error });
    };
    let result: T;
    try {
      result = await work();
    } catch (error) {
      end(0, 0, storeCode(error) ?? "FAILED");
      throw error;
    }
    const size = sizes(result);
    end(size.in ?? 0, size.out ?? 0, undefined);
    return result;
  }
  const nothing = () => ({});
  const written = (entry: Entry) => ({ in: entry.size });

  const counting = delegate(driver, {
    get: (key, options) =>
      measured(
        "get",
        key,
        () => driver.get(key, options),
        (item) => ({ out: item?.size ?? 0 }),
      ),
    head: (key, options) => measured("head", key, () => driver.head(key, options), nothing),
    put: (key, body, options) =>
      measured("put", key, () => driver.put(key, body, options), written),
    delete: (key, options) => measured("delete", key, () => driver.delete(key, options), nothing),
    list: (options) => measured("list", undefined, () => driver.list(options), nothing),
    read: (key, options) =>
      measured(
        "read",
        key,
        () => driver.read(key, options),
        (opened) => ({
          out: opened ? opened.range.end - opened.range.start : 0,
        }),
      ),
    write: (key, source, options) =>
      measured("write", key, () => driver.write(key, source, options), written),
  });
  return Object.assign(counting, { observed });
}
