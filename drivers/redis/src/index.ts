import {
  aborted,
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
  storeCode,
  type Capabilities,
  type DriverFactory,
  type Entry,
  type Item,
  type Key,
  type ListEntry,
  type OpOptions,
  type Page,
  type PutOptions,
} from "@citadel/core/driver";
import { feed } from "./feed.ts";
import { link } from "./link.ts";
import { location } from "./location.ts";
import { CHUNK, conflict, objects, places, type Found } from "./objects.ts";
import { survey, type Survey } from "./survey.ts";

const MAX = 32 * CHUNK;

/** One store in a Redis or Valkey server, for any number of processes of any machines. URL and options: README.md. */
const redis: DriverFactory = (url) => {
  const at = location(url);
  const main = link(at);
  const tail = link(at);
  const tables = objects(main, at.name);
  const changes = feed(main, tail, places(at.name));
  let found: Survey | undefined;

  const life = gate({
    async open(options = {}) {
      checkSignal(options);
      found = await survey(await main.session(options), at, places(at.name).store, options);
      life.signal.addEventListener("abort", () => main.end(), { once: true });
    },
    close() {
      main.end();
      tail.end();
    },
  });

  /** Runs one operation: close() waits for it, and what it cuts off is ABORTED. */
  const operation = <T>(work: Promise<T>): Promise<T> => {
    const { signal } = life;
    return life.track(
      work.catch((error: unknown) => {
        throw signal.aborted && storeCode(error) === "UNAVAILABLE" ? aborted(signal) : error;
      }),
    );
  };
  /** Asks, and once more when the connection was lost: a question can be repeated. */
  const asking = async <T>(
    { signal, timeoutMs = at.timeoutMs }: OpOptions,
    ask: (limits: OpOptions) => Promise<T>,
  ): Promise<T> => {
    const until = performance.now() + timeoutMs;
    const limits = (): OpOptions => ({
      ...(signal && { signal }),
      timeoutMs: Math.max(1, until - performance.now()),
    });
    try {
      return await ask(limits());
    } catch (error) {
      if (storeCode(error) !== "UNAVAILABLE" || performance.now() >= until) throw error;
      return ask(limits());
    }
  };

  const chunkOf = (key: Key, blob: string, n: number, options: OpOptions) =>
    asking(options, (limits) => tables.chunk(blob, n, { ...limits, key }));

  const get = async (key: Key, options: OpOptions): Promise<Item | undefined> => {
    for (let tries = 0; ; tries++) {
      const now = await asking(options, (limits) => tables.find(key, limits));
      if (!now) return undefined;
      const { blob: _, ...entry } = now;
      if (now.body) return { ...entry, body: new Uint8Array(now.body) };
      const body = await gather(key, now, options);
      if (body) return { ...entry, body };
      // replaced again and again while it was read
      if (tries === 20) throw changed(key);
    }
  };
  const gather = async (
    key: Key,
    { blob, size }: Found,
    options: OpOptions,
  ): Promise<Uint8Array | undefined> => {
    const body = new Uint8Array(size);
    for (let n = 0; n * CHUNK < size; n++) {
      const chunk = await chunkOf(key, blob, n, options);
      if (!chunk) return undefined;
      body.set(chunk, n * CHUNK);
    }
    return body;
  };

  /** Stores what comes: inside the object when it is one chunk, else in chunks that the object names at the end. */
  const receive = async (
    key: Key,
    chunks: AsyncIterable<Uint8Array>,
    options: PutOptions,
  ): Promise<Entry> => {
    const { signal, timeoutMs, ...extras } = options;
    const limits = { ...(signal && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) };
    const buffer = Buffer.allocUnsafeSlow(CHUNK);
    let blob: string | undefined;
    let spilled = 0;
    let filled = 0;
    const spill = async (): Promise<void> => {
      blob ??= tables.newBlob();
      await tables.spill(blob, spilled / CHUNK, buffer.subarray(0, filled), { ...limits, key });
      spilled += filled;
      filled = 0;
    };
    try {
      for await (const chunk of chunks)
        for (let from = 0; from < chunk.byteLength;) {
          if (filled === CHUNK) await spill();
          const part = chunk.subarray(from, from + CHUNK - filled);
          buffer.set(part, filled);
          filled += part.byteLength;
          from += part.byteLength;
        }
      if (blob === undefined)
        return await tables.put(key, { body: buffer.subarray(0, filled) }, extras, limits);
      await spill();
      return await tables.put(key, { blob, size: spilled }, extras, limits);
    } catch (error) {
      // what may have become the content of the object must stay; the rest would go by itself, but later
      if (blob !== undefined && storeCode(error) !== "UNKNOWN")
        await tables.abandon(blob).catch(() => {});
      throw error;
    }
  };

  const caps = (): Capabilities => ({
    cas: "full",
    casDelete: true,
    casWrite: true,
    etags: "unique",
    durable: found?.durable ?? "nothing",
    shared: "network",
    ttl: "native",
    list: "strong",
    watch: "push",
    ranges: true,
    maxItem: MAX,
    maxObject: MAX,
  });

  return {
    api: 1,
    name: "redis",
    get caps() {
      return caps();
    },
    open: (options) => life.open(options),
    close: () => life.close(),
    async health(options = {}) {
      const start = performance.now();
      try {
        life.check();
        const session = await main.session(options);
        await session.call(["PING"], options);
        return {
          ok: true,
          latencyMs: performance.now() - start,
          detail: {
            server: at.label,
            version: session.info.get("redis_version") ?? "unknown",
            store: at.name,
            appendonly: found?.appendonly ?? "unknown",
          },
        };
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        return { ok: false, latencyMs: performance.now() - start, detail: { reason } };
      }
    },

    async get(key, options = {}) {
      life.check();
      checkKey(key);
      checkSignal(options, key);
      return operation(get(key, options));
    },
    async head(key, options = {}) {
      life.check();
      checkKey(key);
      checkSignal(options, key);
      return operation(asking(options, (limits) => tables.head(key, limits)));
    },
    async put(key, body, options = {}) {
      life.check();
      checkPut(key, body, options, caps());
      if (body.byteLength > CHUNK) return operation(receive(key, once(body), options));
      const { signal, timeoutMs, ...extras } = options;
      const limits = { ...(signal && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) };
      // a copy: the caller may change the body while the bytes still wait for the network
      return operation(tables.put(key, { body: Buffer.from(body) }, extras, limits));
    },
    async delete(key, { ifMatch, ...options } = {}) {
      life.check();
      checkDelete(key, { ...options, ...(ifMatch !== undefined && { ifMatch }) }, caps());
      return operation(tables.delete(key, ifMatch === undefined ? {} : { ifMatch }, options));
    },
    async list(options = {}) {
      life.check();
      const { prefix, after, limit } = checkList(options);
      const walk = async (): Promise<Page> => {
        const entries: ListEntry[] = [];
        let from = after;
        // one more than asked for tells whether there is a next page; expired ones are left out on the way
        while (entries.length <= limit) {
          const range = { prefix, after: from, limit: limit + 1 - entries.length };
          const page = await asking(options, (limits) => tables.list(range, limits));
          entries.push(...page.entries);
          if (page.last === undefined) return { entries };
          from = page.last;
        }
        entries.pop();
        return { entries, next: (entries.at(-1) as ListEntry).key };
      };
      return operation(walk());
    },

    async read(key, options = {}) {
      life.check();
      checkRead(key, options, caps());
      const now = await operation(asking(options, (limits) => tables.find(key, limits)));
      if (!now) return undefined;
      const { body, blob, ...entry } = now;
      if (options.ifMatch !== undefined && options.ifMatch !== entry.etag)
        throw changed(key, entry.etag);
      const range = rangeOf(key, entry.size, options);
      let next = range.start;
      const stream = life.stream(async () => {
        if (next === range.end) return undefined;
        const n = Math.floor(next / CHUNK);
        const chunk = body ?? (await chunkOf(key, blob, n, {}));
        if (!chunk) throw changed(key);
        const first = n * CHUNK;
        const part = new Uint8Array(chunk.subarray(next - first, range.end - first));
        next += part.byteLength;
        return part;
      });
      return { ...entry, range, stream };
    },
    async write(key, source, options = {}) {
      life.check();
      checkWrite(key, options, caps());
      const { size: _, sha512: __, ...kept } = options;
      const work = async (): Promise<Entry> => {
        if (options.ifAbsent) {
          const there = await asking(options, (limits) => tables.head(key, limits));
          if (there) throw conflict(key, there.etag);
        }
        const limits = { max: MAX, signal: life.signal };
        return receive(key, incoming(key, source, options, limits), kept);
      };
      return operation(work());
    },

    watch({ signal, ...options }) {
      life.check();
      return changes.watch({ ...options, signals: [signal, life.signal] });
    },
    async sweep(options = {}) {
      life.check();
      checkSignal(options);
      const work = async (): Promise<{ removed: number }> => {
        const { olderThanMs: _, ...limits } = options;
        for (let removed = 0; ;) {
          const some = await tables.expire(limits);
          removed += some.removed;
          if (!some.more) return { removed };
        }
      };
      return operation(work());
    },
  };
};
export default redis;

async function* once(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield body;
}

const changed = (key: Key, current?: string): StoreError =>
  new StoreError("CHANGED", `${key} was replaced while it was read`, {
    key,
    ...(current !== undefined && { current }),
  });
