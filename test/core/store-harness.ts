import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { memoryStore } from "@citadel/driver-memory";
import { StoreError, type Driver } from "@citadel/core/driver";
import {
  blobKey,
  integrityOf,
  manifestKey,
  openStore,
  type Actor,
  type BlobRef,
  type Kind,
  type Store,
} from "@citadel/core/store";

export const HOUR = 60 * 60 * 1000;
export const me: Actor = { name: "alice", via: "cli" };

/** A shelf of numbered things, some of which have content: as plain as a kind can be. */
export interface Shelf {
  readonly things: Readonly<Record<string, Thing>>;
  readonly notes: readonly string[];
}
export interface Thing {
  readonly blob?: BlobRef;
  readonly manifest?: string;
}
export type ShelfEvent =
  | { readonly type: "put"; readonly id: string; readonly thing: Thing }
  | { readonly type: "take"; readonly id: string }
  | { readonly type: "note"; readonly text: string };

export const shelf: Kind<Shelf, ShelfEvent> = {
  name: "shelf",
  reduce(state = { things: {}, notes: [] }, event) {
    if (event.type === "note") return { ...state, notes: [...state.notes, event.text] };
    const { [event.id]: _, ...others } = state.things;
    return {
      ...state,
      things: event.type === "put" ? { ...others, [event.id]: event.thing } : others,
    };
  },
  *references({ things }) {
    for (const { blob, manifest } of Object.values(things)) {
      if (blob) yield blobKey(blob.integrity);
      if (manifest !== undefined) yield manifestKey(manifest);
    }
  },
};

/** Counts by name in a Map, with a text of its own. */
export type Counts = ReadonlyMap<string, number>;
export interface CountEvent {
  readonly of: string;
  readonly by: number;
}
export const counts: Kind<Counts, CountEvent> = {
  name: "counts",
  reduce: (state = new Map(), { of, by }) => new Map(state).set(of, (state.get(of) ?? 0) + by),
  encode: (state) => JSON.stringify([...state]),
  decode: (json) => new Map(json as [string, number][]),
};

export const note = (text: string): ShelfEvent => ({ type: "note", text });

export const refOf = (bytes: Uint8Array): BlobRef => ({
  integrity: integrityOf(bytes),
  size: bytes.byteLength,
});

/** Bytes that differ for every seed and do not compress. */
export function content(seed: number | string, size: number): Uint8Array {
  const block = createHash("sha512").update(String(seed)).digest();
  return Uint8Array.from({ length: size }, (_, i) => (block[i % 64] as number) ^ (i >> 6));
}

/** A memory driver, opened. */
export async function memoryDriver(store = memoryStore()): Promise<Driver> {
  const driver = store.open();
  await driver.open();
  return driver;
}

export const storeOver = (driver: Driver, memory = 1_000_000, grace = HOUR): Store =>
  openStore({ driver, grace, memory });

/** The driver with some of its functions replaced. */
export const wrapped = (driver: Driver, changed: Partial<Driver>): Driver => ({
  ...driver,
  ...changed,
});

/** The driver, and how often each of its functions was called by kind of key: `put d`, `head d`, `put h`. */
export function counted(driver: Driver): { driver: Driver; calls: Map<string, number> } {
  const calls = new Map<string, number>();
  const count = (name: string, key: string): void => {
    const at = `${name} ${key[0]}`;
    calls.set(at, (calls.get(at) ?? 0) + 1);
  };
  return {
    calls,
    driver: wrapped(driver, {
      get: (key, options) => (count("get", key), driver.get(key, options)),
      head: (key, options) => (count("head", key), driver.head(key, options)),
      put: (key, body, options) => (count("put", key), driver.put(key, body, options)),
      read: (key, options) => (count("read", key), driver.read(key, options)),
      write: (key, source, options) => (count("write", key), driver.write(key, source, options)),
      delete: (key, options) => (count("delete", key), driver.delete(key, options)),
    }),
  };
}

export type Fault = "none" | "lost" | "late" | "never" | "unavailable";

/**
 * A store behind a bad line. For each put `fault` picks what becomes of it: lost (it happens, the answer does not come),
 * late (the answer does not come, and it happens later), never (neither), unavailable (certainly nothing happened).
 * `arrived` resolves when nothing is on its way any more.
 */
export function faulty(
  driver: Driver,
  fault: () => Fault,
  unreadable: () => boolean = () => false,
): { driver: Driver; arrived(): Promise<unknown> } {
  const late: Promise<unknown>[] = [];
  const unknown = (key: string) => new StoreError("UNKNOWN", "the answer did not come", { key });
  const unavailable = (key: string) => new StoreError("UNAVAILABLE", "not now", { key });
  const disturbed =
    <A extends [string, ...unknown[]], R>(act: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      switch (fault()) {
        case "none":
          return act(...args);
        case "lost":
          await act(...args);
          throw unknown(args[0]);
        case "late":
          late.push(
            pause(Math.random() * 30)
              .then(() => act(...args))
              .catch(() => {}),
          );
          throw unknown(args[0]);
        case "never":
          throw unknown(args[0]);
        case "unavailable":
          throw unavailable(args[0]);
      }
    };
  const readable =
    <A extends [string, ...unknown[]], R>(act: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (unreadable()) throw unavailable(args[0]);
      return act(...args);
    };
  return {
    driver: wrapped(driver, {
      put: disturbed(driver.put),
      get: readable(driver.get),
      head: readable(driver.head),
    }),
    arrived: async () => {
      while (late.length > 0) await late.pop();
    },
  };
}

/** All problems that verification finds. */
export const problemsOf = (store: Store) =>
  Array.fromAsync(store.verify({ kinds: [shelf, counts] }));

async function keysBelow(driver: Driver, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for (let after: string | undefined; ;) {
    const page = await driver.list({ prefix, ...(after === undefined ? {} : { after }) });
    keys.push(...page.entries.map(({ key }) => key));
    if (page.next === undefined) return keys;
    after = page.next;
  }
}

export const allKeys = (driver: Driver): Promise<string[]> => keysBelow(driver, "");
export const documentKeys = (driver: Driver): Promise<string[]> => keysBelow(driver, "d/");
/** Keys of the entries of a name that needs no escapes, also of those that lost. */
export const entriesIn = (driver: Driver, kind: string, name: string): Promise<string[]> =>
  keysBelow(driver, `h/${kind}/${name}/`);
