import { LRUCache } from "lru-cache";
import type { Driver, Key } from "../driver/index.ts";
import { openBlobs } from "./blobs.ts";
import { openLedger, type Held, type OpenLedger } from "./ledger.ts";
import { openManifests } from "./manifests.ts";
import type { Crash, Kind, Ledger, Store } from "./types.ts";

export interface StoreOptions {
  /** opened already; the store closes it */
  readonly driver: Driver;
  /** ms that unreferenced things are safe from collection, and so the longest that a publish may take times two */
  readonly grace: number;
  /** bytes of memory for parsed documents and hot blobs together */
  readonly memory: number;
  /** ms that {@link Ledger.glance} may be behind what other processes wrote @default 0 */
  readonly trust?: number;
  /** hears of each document that this process changed */
  readonly moved?: (key: Key) => void;
  /** for tests of faults */
  readonly crash?: Crash;
}

/** Ledgers and objects over a driver: `docs/drivers.md` says what the driver promises. Nothing is read or written yet. */
export function openStore({
  driver,
  grace,
  memory,
  trust = 0,
  moved = () => {},
  crash = () => {},
}: StoreOptions): Store {
  const documents = new LRUCache<Key, Held<unknown>>({
    maxSize: Math.max(1, Math.floor(memory / 2)),
  });
  const ledgers = new Map<string, OpenLedger<unknown, unknown>>();
  const blobs = openBlobs(driver, grace, Math.floor(memory / 2), crash);
  const manifests = openManifests(driver, grace, crash);

  return {
    driver,
    blobs,
    manifests,
    doubt(key) {
      for (const held of key === undefined ? documents.values() : [documents.peek(key)])
        if (held) held.seen = -Infinity;
    },
    ledger<S, E>(kind: Kind<S, E>): Ledger<S, E> {
      const known = ledgers.get(kind.name);
      // a kind is known by its name, and so are the types of its states and events
      if (known) return known as Ledger<S, E>;
      const ledger = openLedger(driver, kind, { cache: documents, crash, trust, moved });
      ledgers.set(kind.name, ledger);
      return ledger;
    },
    collect: async (options) => (await import("./collect.ts")).collect(driver, options),
    async *verify(options) {
      yield* (await import("./verify.ts")).verify(driver, options);
    },
    async close() {
      await Promise.all([...ledgers.values()].map((ledger) => ledger.idle()));
      await driver.close();
    },
  };
}
