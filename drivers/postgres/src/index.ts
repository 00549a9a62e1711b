import {
  aborted,
  asking,
  checkDelete,
  checkKey,
  checkList,
  checkPut,
  checkRead,
  checkSignal,
  checkWrite,
  gate,
  incoming,
  limitsOf,
  once,
  rangeOf,
  receive,
  replaced,
  type Capabilities,
  type DriverFactory,
  type Entry,
  type Key,
  type OpOptions,
  type PutOptions,
  whole,
} from "@citadel/core/driver";
import { feed, type Feed } from "./feed.ts";
import { location } from "./location.ts";
import { conflictOf, objects, type Objects } from "./objects.ts";
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
  /** Calls out a change that was made, or may have been. */
  const told = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } finally {
      session?.feed.changed();
    }
  };
  const ask = <T>(options: OpOptions, question: (limits: OpOptions) => Promise<T>): Promise<T> =>
    asking(options, at.timeoutMs, question);

  const pieceOf = (key: Key, blob: string, start: number, end: number, options: OpOptions) =>
    ask(options, (limits) => running().objects.piece(blob, { start, end }, { ...limits, key }));

  const store = (
    key: Key,
    source: AsyncIterable<Uint8Array>,
    options: PutOptions,
  ): Promise<Entry> => {
    const { objects } = running();
    const { signal: _, timeoutMs: __, ...extras } = options;
    const limits = limitsOf(options);
    return receive(source, {
      chunk: CHUNK,
      newBlob: objects.newBlob,
      spill: (blob, n, data) => objects.spill(blob, n, data, { ...limits, key }),
      put: (content) => told(objects.put(key, content, extras, limits)),
      abandon: objects.abandon,
    });
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
        const { entry, chunk, feed } = names(at);
        const sizes = [entry, chunk, feed].map((table) => `pg_total_relation_size('${table}')`);
        const [row] = await pool.query(`SELECT ${sizes.join(" + ")} AS bytes`, [], options);
        return {
          ok: true,
          latencyMs: performance.now() - start,
          bytes: Number(row?.["bytes"]),
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
      const find = () => ask(options, (limits) => running().objects.find(key, limits));
      const piece = (blob: string, at: number) => pieceOf(key, blob, at, at + PIECE, options);
      return life.run(whole(key, find, piece));
    },
    async head(key, options = {}) {
      life.check();
      checkKey(key);
      checkSignal(options, key);
      return life.run(ask(options, (limits) => running().objects.head(key, limits)));
    },
    async put(key, body, options = {}) {
      const { objects } = opened();
      checkPut(key, body, options, caps());
      if (body.byteLength > CHUNK) return life.run(store(key, once(body), options));
      const { signal: _, timeoutMs: __, ...extras } = options;
      // a copy: the caller may change the body while the bytes still wait for the network
      const content = { body: Buffer.from(body) };
      return life.run(told(objects.put(key, content, extras, limitsOf(options))));
    },
    async delete(key, options = {}) {
      const { objects } = opened();
      checkDelete(key, options, caps());
      const { ifMatch, ...limits } = options;
      return life.run(told(objects.delete(key, ifMatch, limits)));
    },
    async list(options = {}) {
      life.check();
      const { prefix, after, limit } = checkList(options);
      // one more than asked for tells whether there is a next page
      const range = { prefix, after, limit: limit + 1 };
      const entries = await life.run(
        ask(options, (limits) => running().objects.list(range, limits)),
      );
      if (entries.length <= limit) return { entries };
      entries.pop();
      return { entries, next: (entries.at(-1) as Entry).key };
    },

    async read(key, options = {}) {
      life.check();
      checkRead(key, options, caps());
      const now = await life.run(ask(options, (limits) => running().objects.find(key, limits)));
      if (!now) return undefined;
      const { body, blob, ...entry } = now;
      if (options.ifMatch !== undefined && options.ifMatch !== entry.etag)
        throw replaced(key, entry.etag);
      const range = rangeOf(key, entry.size, options);
      let next = range.start;
      const stream = life.stream(async () => {
        if (next === range.end) return undefined;
        const end = Math.min(range.end, next - (next % PIECE) + PIECE);
        const part = body
          ? new Uint8Array(body.subarray(next, end))
          : await pieceOf(key, blob, next, end, {});
        if (!part?.byteLength) throw replaced(key);
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
          const there = await ask(options, (limits) => running().objects.head(key, limits));
          if (there) throw conflictOf(key, there);
        }
        const limits = { max: CHUNK * CHUNKS, signal: life.signal };
        return store(key, incoming(key, source, options, limits), kept);
      };
      return life.run(work());
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
      return life.run(told(work()));
    },
  };
};
export default postgres;
