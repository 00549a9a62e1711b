import type { Capabilities, Driver, OpOptions } from "./driver.ts";
import { StoreError } from "./error.ts";

/** What is assumed of a store that nobody has looked at: it refuses by itself what it cannot do. */
const unknown: Capabilities = {
  cas: "full",
  casDelete: true,
  casWrite: true,
  etags: "content",
  durable: "node",
  shared: "network",
  ttl: "lazy",
  list: "strong",
  watch: "none",
  ranges: true,
  maxItem: Number.MAX_SAFE_INTEGER,
  maxObject: Number.MAX_SAFE_INTEGER,
};

/**
 * A driver that `open` makes, opened, when the first operation needs it; tried again by the next one when that failed. For a
 * store whose address takes something that is not at hand for everybody.
 */
export function deferred(name: string, open: () => Promise<Driver>): Driver {
  let opening: Promise<Driver> | undefined;
  let driver: Driver | undefined;
  let closed = false;
  const ready = async (): Promise<Driver> => {
    if (closed) throw new StoreError("CLOSED", "the store is not open");
    try {
      return (driver = await (opening ??= open()));
    } catch (error) {
      opening = undefined;
      throw error;
    }
  };
  return {
    api: 1,
    get name() {
      return driver?.name ?? name;
    },
    get caps() {
      return driver?.caps ?? unknown;
    },
    async open() {
      closed = false;
      await driver?.open();
    },
    async close() {
      closed = true;
      await (await opening?.catch(() => undefined))?.close();
    },
    async health(options) {
      try {
        return await (await ready()).health(options);
      } catch (error) {
        return { ok: false, latencyMs: 0, detail: { error: (error as Error).message } };
      }
    },
    get: async (...asked) => (await ready()).get(...asked),
    head: async (...asked) => (await ready()).head(...asked),
    put: async (...asked) => (await ready()).put(...asked),
    delete: async (...asked) => (await ready()).delete(...asked),
    list: async (...asked) => (await ready()).list(...asked),
    read: async (...asked) => (await ready()).read(...asked),
    write: async (...asked) => (await ready()).write(...asked),
    async sweep(options?: OpOptions & { readonly olderThanMs?: number }) {
      return (await (await ready()).sweep?.(options)) ?? { removed: 0 };
    },
  };
}
