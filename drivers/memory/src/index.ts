import { randomBytes } from "node:crypto";
import {
  checkDelete,
  checkKey,
  checkList,
  checkPut,
  checkRead,
  checkSignal,
  checkWrite,
  gate,
  incoming,
  rangeOf,
  StoreError,
  type Capabilities,
  type Driver,
  type DriverFactory,
  type Entry,
  type ETag,
  type Key,
  type PutOptions,
} from "@citadel/core/driver";
import { feed } from "./feed.ts";

const MiB = 1024 * 1024;
const CHUNK = 64 * 1024;
const LONGEST_TIMER = 2 ** 31 - 1;

const caps: Capabilities = {
  cas: "full",
  casDelete: true,
  casWrite: true,
  etags: "unique",
  durable: "nothing",
  shared: "process",
  ttl: "native",
  list: "strong",
  watch: "push",
  ranges: true,
  maxItem: 64 * MiB,
  maxObject: 64 * MiB,
};

interface Stored {
  readonly entry: Entry;
  readonly body: Uint8Array;
}

/** Several drivers over one store in this process's memory; it lives as long as somebody holds one of them. */
export interface MemoryStore {
  /** another instance over the same store, not yet opened */
  open(): Driver;
}

/** `memory:`: a store of its own for each driver, gone with it. Nothing is durable; everything else is kept. */
const memory: DriverFactory = () => memoryStore().open();
export default memory;

/** A store in memory. `now` is its clock, in ms since 1970. */
export function memoryStore({ now = Date.now }: { now?: () => number } = {}): MemoryStore {
  const items = new Map<Key, Stored>();
  const keys: Key[] = []; // ascending
  const expiring = new Set<Key>();
  const changes = feed();
  const salt = randomBytes(6).toString("hex");
  let counter = 0;
  let timer: NodeJS.Timeout | undefined;
  let wakes = Infinity;

  /** The index of the first key that is not before `key`. */
  const seek = (key: Key): number => {
    let low = 0;
    let high = keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((keys[middle] as Key) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const remove = (key: Key): void => {
    if (!items.delete(key)) return;
    expiring.delete(key);
    keys.splice(seek(key), 1);
    changes.changed(key);
  };
  const expire = (): number => {
    wakes = Infinity;
    const before = items.size;
    for (const key of expiring) {
      const at = items.get(key)?.entry.expires ?? 0;
      if (at <= now()) remove(key);
      else wakeAt(at);
    }
    return before - items.size;
  };
  const wakeAt = (at: number): void => {
    if (at >= wakes) return;
    wakes = at;
    clearTimeout(timer);
    timer = setTimeout(expire, Math.min(Math.max(at - now(), 0), LONGEST_TIMER)).unref();
  };
  const find = (key: Key): Stored | undefined => {
    const found = items.get(key);
    if (found?.entry.expires === undefined || found.entry.expires > now()) return found;
    remove(key);
    return undefined;
  };
  const conflict = (key: Key, current: ETag | undefined): StoreError =>
    new StoreError(
      "CONFLICT",
      current === undefined ? `${key} does not exist` : `${key} is another version`,
      { key, ...(current === undefined ? {} : { current }) },
    );
  const demand = (key: Key, { ifMatch, ifAbsent }: { ifMatch?: ETag; ifAbsent?: true }): void => {
    if (ifMatch === undefined && !ifAbsent) return;
    const current = find(key)?.entry.etag;
    if (ifAbsent ? current !== undefined : current !== ifMatch) throw conflict(key, current);
  };
  const set = (key: Key, body: Uint8Array, { expires, meta }: PutOptions): Entry => {
    const entry: Entry = {
      key,
      etag: `${salt}-${(++counter).toString(36)}`,
      size: body.byteLength,
      modified: now(),
      ...(expires === undefined ? {} : { expires }),
      ...(meta === undefined ? {} : { meta: Object.freeze({ ...meta }) }),
    };
    if (!items.has(key)) keys.splice(seek(key), 0, key);
    items.set(key, { entry, body });
    expiring.delete(key);
    if (expires !== undefined) {
      expiring.add(key);
      wakeAt(expires);
    }
    changes.changed(key);
    return { ...entry };
  };

  const open = (): Driver => {
    const life = gate();
    return {
      api: 1,
      name: "memory",
      caps,
      open: (options) => life.open(options),
      close: () => life.close(),
      async health() {
        const start = performance.now();
        let ok = true;
        try {
          life.check();
        } catch {
          ok = false;
        }
        return { ok, latencyMs: performance.now() - start, detail: { keys: items.size } };
      },

      async get(key, options) {
        life.check();
        checkKey(key);
        checkSignal(options, key);
        const found = find(key);
        return found && { ...found.entry, body: found.body.slice() };
      },
      async head(key, options) {
        life.check();
        checkKey(key);
        checkSignal(options, key);
        const found = find(key);
        return found && { ...found.entry };
      },
      async put(key, body, options = {}) {
        life.check();
        checkPut(key, body, options, caps);
        demand(key, options);
        return set(key, new Uint8Array(body), options);
      },
      async delete(key, options = {}) {
        life.check();
        checkDelete(key, options, caps);
        demand(key, options);
        remove(key);
      },
      async list(options = {}) {
        life.check();
        const { prefix, after, limit } = checkList(options);
        const entries: Entry[] = [];
        let at = seek(after < prefix ? prefix : after);
        if (keys[at] === after) at++;
        for (; entries.length <= limit; at++) {
          const key = keys[at];
          if (key === undefined || !key.startsWith(prefix)) break;
          const found = items.get(key);
          if (found && (found.entry.expires ?? Infinity) > now()) entries.push({ ...found.entry });
        }
        if (entries.length <= limit) return { entries };
        entries.pop(); // it only told that there is a next page
        return { entries, next: (entries.at(-1) as Entry).key };
      },

      async read(key, options = {}) {
        life.check();
        checkRead(key, options, caps);
        const found = find(key);
        if (!found) return undefined;
        const { entry, body } = found;
        if (options.ifMatch !== undefined && options.ifMatch !== entry.etag)
          throw new StoreError("CHANGED", `${key} is another version`, {
            key,
            current: entry.etag,
          });
        const range = rangeOf(key, entry.size, options);
        let at = range.start;
        const stream = life.stream(() => {
          if (at === range.end) return undefined;
          const chunk = body.slice(at, Math.min(at + CHUNK, range.end));
          at += chunk.byteLength;
          return chunk;
        });
        return { ...entry, range, stream };
      },
      async write(key, source, options = {}) {
        life.check();
        checkWrite(key, options, caps);
        demand(key, options);
        const collect = async (): Promise<Entry> => {
          const chunks: Uint8Array[] = [];
          const limits = { max: caps.maxObject, signal: life.signal };
          for await (const chunk of incoming(key, source, options, limits))
            chunks.push(new Uint8Array(chunk));
          demand(key, options);
          return set(key, joined(chunks), options);
        };
        return life.track(collect());
      },

      watch({ signal, ...options }) {
        life.check();
        return changes.watch({ ...options, signals: [signal, life.signal] });
      },
      async sweep() {
        life.check();
        return { removed: expire() };
      },
    };
  };
  return { open };
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}
