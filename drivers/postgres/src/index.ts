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
  type OpOptions,
  type PutOptions,
} from "@citadel/core/driver";
import { feed, type Feed } from "./feed.ts";
import { location } from "./location.ts";
import { conflictOf, objects, type Found, type Objects } from "./objects.ts";
import { openPool, type Pool } from "./pool.ts";
import { CHUNK, names, prepare, type Server } from "./schema.ts";

const MAX_ITEM = 64 * CHUNK;
/** chunks of an object at most */
const CHUNKS = 65_536;
/** bytes asked for at once: the client library needs several times as much for an answer */
const PIECE = CHUNK / 4;
const DAY = 24 * 60 * 60 * 1000;

interface Session {
  readonly pool: Pool;
  readonly objects: Objects;
  readonly feed: Feed;
  readonly server: Server;
}

/** Some tables of a PostgreSQL database as a store, for any number of processes of any machines. URL and options: README.md. */
const postgres: DriverFactory = (url) => {
  const at = location(url);
  let session: Session | undefined;
  let durable: Capabilities["durable"] = "power";

  const life = gate({
    async open(options = {}) {
      checkSignal(options);
      const pool = await openPool(at);
      try {
        const server = await prepare(pool, at, options);
        const tables = names(at);
        const track = (work: Promise<unknown>) => void life.track(work);
        session = { pool, objects: objects(pool, tables), feed: feed(pool, tables, track), server };
        durable = server.durable;
      } catch (error) {
        await pool.end();
        throw error;
      }
      life.signal.addEventListener("abort", () => void pool.end(), { once: true });
    },
    async close() {
      const left = session;
      session = undefined;
      left?.feed.end();
      await left?.pool.end();
    },
  });
  const opened = (): Session => {
    life.check();
    return running();
  };
  /** also while close() waits for what runs */
  const running = (): Session => {
    if (!session) throw aborted(life.signal);
    return session;
  };
  /** Runs one operation: close() waits for it, and what it cuts off is ABORTED. */
  const operation = <T>(work: Promise<T>): Promise<T> => {
    const { signal } = life;
    return life.track(
      work.catch((error: unknown) => {
        throw signal.aborted && storeCode(error) === "UNAVAILABLE" ? aborted(signal) : error;
      }),
    );
  };
  /** Calls out a change that was made, or may have been. */
  const told = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } finally {
      session?.feed.changed();
    }
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

  const pieceOf = (key: Key, blob: string, start: number, end: number, options: OpOptions) =>
    asking(options, (limits) => running().objects.piece(blob, { start, end }, { ...limits, key }));

  const get = async (key: Key, options: OpOptions): Promise<Item | undefined> => {
    for (let tries = 0; ; tries++) {
      const now = await asking(options, (limits) => running().objects.find(key, limits));
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
    for (let at = 0; at < size;) {
      const piece = await pieceOf(key, blob, at, at + PIECE, options);
      if (!piece?.byteLength) return undefined;
      body.set(piece, at);
      at += piece.byteLength;
    }
    return body;
  };

  /** Stores what comes: inside the object when it is one chunk, else in chunks that the object names at the end. */
  const receive = async (
    key: Key,
    chunks: AsyncIterable<Uint8Array>,
    options: PutOptions,
  ): Promise<Entry> => {
    const { objects } = running();
    const { signal, timeoutMs, ...extras } = options;
    const limits = { ...(signal && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) };
    const buffer = Buffer.allocUnsafeSlow(CHUNK);
    let blob: string | undefined;
    let spilled = 0;
    let filled = 0;
    const spill = async (): Promise<void> => {
      blob ??= objects.newBlob();
      await objects.spill(blob, spilled / CHUNK, buffer.subarray(0, filled), { ...limits, key });
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
        return await told(objects.put(key, { body: buffer.subarray(0, filled) }, extras, limits));
      await spill();
      return await told(objects.put(key, { blob, size: spilled }, extras, limits));
    } catch (error) {
      // what may have become the content of the object must stay; the rest would wait for a sweep
      if (blob !== undefined && storeCode(error) !== "UNKNOWN")
        await objects.abandon(blob).catch(() => {});
      throw error;
    }
  };

  const caps = (): Capabilities => ({
    cas: "full",
    casDelete: true,
    casWrite: true,
    etags: "unique",
    durable,
    shared: "network",
    ttl: "lazy",
    list: "strong",
    watch: "push",
    ranges: true,
    maxItem: MAX_ITEM,
    maxObject: CHUNK * CHUNKS,
  });

  return {
    api: 1,
    name: "postgres",
    get caps() {
      return caps();
    },
    open: (options) => life.open(options),
    close: () => life.close(),
    async health(options = {}) {
      const start = performance.now();
      try {
        const { pool, server } = opened();
        await pool.query("SELECT 1", [], options);
        return {
          ok: true,
          latencyMs: performance.now() - start,
          detail: {
            server: at.label,
            version: server.version,
            schema: at.schema,
            synchronousCommit: server.synchronousCommit,
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
      return operation(asking(options, (limits) => running().objects.head(key, limits)));
    },
    async put(key, body, options = {}) {
      const { objects } = opened();
      checkPut(key, body, options, caps());
      if (body.byteLength > CHUNK) return operation(receive(key, once(body), options));
      const { signal, timeoutMs, ...extras } = options;
      const limits = { ...(signal && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) };
      // a copy: the caller may change the body while the bytes still wait for the network
      return operation(told(objects.put(key, { body: Buffer.from(body) }, extras, limits)));
    },
    async delete(key, options = {}) {
      const { objects } = opened();
      checkDelete(key, options, caps());
      const { ifMatch, ...limits } = options;
      return operation(told(objects.delete(key, ifMatch, limits)));
    },
    async list(options = {}) {
      life.check();
      const { prefix, after, limit } = checkList(options);
      // one more than asked for tells whether there is a next page
      const range = { prefix, after, limit: limit + 1 };
      const entries = await operation(
        asking(options, (limits) => running().objects.list(range, limits)),
      );
      if (entries.length <= limit) return { entries };
      entries.pop();
      return { entries, next: (entries.at(-1) as Entry).key };
    },

    async read(key, options = {}) {
      life.check();
      checkRead(key, options, caps());
      const now = await operation(asking(options, (limits) => running().objects.find(key, limits)));
      if (!now) return undefined;
      const { body, blob, ...entry } = now;
      if (options.ifMatch !== undefined && options.ifMatch !== entry.etag)
        throw changed(key, entry.etag);
      const range = rangeOf(key, entry.size, options);
      let next = range.start;
      const stream = life.stream(async () => {
        if (next === range.end) return undefined;
        const end = Math.min(range.end, next - (next % PIECE) + PIECE);
        const part = body
          ? new Uint8Array(body.subarray(next, end))
          : await pieceOf(key, blob, next, end, {});
        if (!part?.byteLength) throw changed(key);
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
          const there = await asking(options, (limits) => running().objects.head(key, limits));
          if (there) throw conflictOf(key, there);
        }
        const limits = { max: CHUNK * CHUNKS, signal: life.signal };
        return receive(key, incoming(key, source, options, limits), kept);
      };
      return operation(work());
    },

    watch({ signal, ...options }) {
      return opened().feed.watch({ ...options, signals: [signal, life.signal] });
    },
    async sweep({ olderThanMs = DAY, ...options } = {}) {
      const { objects } = opened();
      checkSignal(options);
      const work = async (): Promise<{ removed: number }> => {
        for (let removed = 0; ;) {
          const some = await objects.sweep(olderThanMs, options);
          if (some === 0) return { removed };
          removed += some;
        }
      };
      return operation(told(work()));
    },
  };
};
export default postgres;

async function* once(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield body;
}

const changed = (key: Key, current?: string): StoreError =>
  new StoreError("CHANGED", `${key} was replaced while it was read`, {
    key,
    ...(current !== undefined && { current }),
  });
