import { createHash } from "node:crypto";
import { segment, storeCode, type Driver, type Key, type PutOptions } from "../driver/index.ts";

export interface KeyvStoreOptions {
  /** in front of all keys, ending with a slash @default "c/" */
  readonly prefix?: string;
}

/** A driver as a store for Keyv 5 and 6: `new Keyv({ store: keyvStore(driver) })`. */
export interface KeyvStore {
  /** Keyv 5 iterates stores of dialects that it knows, so this one claims to be one of them. */
  readonly opts: { readonly dialect: string; readonly url: string };
  /** set by Keyv 5, which puts it in front of its keys as well */
  namespace?: string | undefined;
  get(key: string): Promise<string | undefined>;
  getMany(keys: readonly string[]): Promise<(string | undefined)[]>;
  /** @param ttl ms @throws TypeError for anything but text: leave Keyv's serialization on */
  set(key: string, value: unknown, ttl?: number): Promise<boolean>;
  setMany(
    entries: readonly { readonly key: string; readonly value: unknown; readonly ttl?: number }[],
  ): Promise<boolean[]>;
  /** @returns whether it was there */
  delete(key: string): Promise<boolean>;
  /** @returns whether all were there */
  deleteMany(keys: readonly string[]): Promise<boolean>;
  has(key: string): Promise<boolean>;
  hasMany(keys: readonly string[]): Promise<boolean[]>;
  clear(): Promise<void>;
  iterator(namespace?: string): AsyncGenerator<[string, string], void>;
  disconnect(): Promise<void>;
}

/**
 * Any opened driver as a Keyv store; `disconnect()` closes it. Values live below `c/`. An entry that a driver finds damaged
 * or has no room for counts as absent; any other failure rejects.
 */
export function keyvStore(driver: Driver, { prefix = "c/" }: KeyvStoreOptions = {}): KeyvStore {
  const keyOf = (key: string): Key => prefix + shortened(segment(key.toWellFormed()), prefix);
  const nameOf = (key: Key, name: string | undefined): string =>
    name ?? decodeURIComponent(key.slice(prefix.length));

  async function* keys(start = ""): AsyncGenerator<Key> {
    let after: Key | undefined;
    do {
      const page = await driver.list({ prefix: prefix + start, ...(after && { after }) });
      for (const { key } of page.entries) yield key;
      after = page.next;
    } while (after !== undefined);
  }

  const store: KeyvStore = {
    opts: { dialect: "sqlite", url: `sqlite:${driver.name}` },
    async get(key) {
      const item = await unlessDamaged(driver.get(keyOf(key)));
      return item && Buffer.from(item.body).toString("utf8");
    },
    getMany: async (many) => Promise.all(many.map((key) => store.get(key))),
    async set(key, value, ttl) {
      if (typeof value !== "string")
        throw new TypeError("keyvStore keeps text: leave Keyv's serialization on");
      const full = keyOf(key);
      const options: PutOptions = {
        ...(ttl !== undefined && driver.caps.ttl !== "none" && { expires: Date.now() + ttl }),
        ...(full.startsWith(`${prefix}~`) && named(key)),
      };
      try {
        await driver.put(full, Buffer.from(value), options);
        return true;
      } catch (error) {
        if (storeCode(error) !== "TOO_LARGE") throw error;
        await driver.delete(full);
        return false;
      }
    },
    setMany: async (many) => Promise.all(many.map((one) => store.set(one.key, one.value, one.ttl))),
    async delete(key) {
      const full = keyOf(key);
      const there = (await driver.head(full)) !== undefined;
      await driver.delete(full);
      return there;
    },
    deleteMany: async (many) =>
      (await Promise.all(many.map((key) => store.delete(key)))).every(Boolean),
    has: async (key) => (await driver.head(keyOf(key))) !== undefined,
    hasMany: async (many) => Promise.all(many.map((key) => store.has(key))),
    async clear() {
      const start = store.namespace === undefined ? "" : segment(`${store.namespace}:`);
      for await (const key of keys(start)) await driver.delete(key);
      if (start === "") return;
      for await (const key of keys("~")) {
        const name = (await driver.head(key))?.meta?.["name"];
        if (name?.startsWith(encodeURIComponent(`${store.namespace}:`))) await driver.delete(key);
      }
    },
    async *iterator(namespace) {
      for await (const key of keys()) {
        const item = await unlessDamaged(driver.get(key));
        if (!item) continue;
        const meta = item.meta?.["name"];
        const name = nameOf(key, meta === undefined ? undefined : decodeURIComponent(meta));
        if (namespace !== undefined && !name.startsWith(`${namespace}:`)) continue;
        yield [name, Buffer.from(item.body).toString("utf8")];
      }
    },
    disconnect: () => driver.close(),
  };
  return store;
}

/** Keys of a driver have at most 512 bytes. `~` starts no other: text that starts with it is escaped. */
function shortened(name: string, prefix: string): string {
  if (prefix.length + name.length <= 512) return name.replace(/^~/, "%7E");
  return `~${createHash("sha256").update(name).digest("base64url")}`;
}

/** So that a key that was shortened can be listed by its name; the very longest cannot. */
function named(key: string): Pick<PutOptions, "meta"> {
  const name = encodeURIComponent(key.toWellFormed());
  return name.length > 2000 ? {} : { meta: { name } };
}

async function unlessDamaged<T>(reading: Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (storeCode(error) === "CORRUPT") return undefined;
    throw error;
  }
}
