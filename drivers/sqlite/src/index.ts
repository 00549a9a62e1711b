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
  tooLarge,
  type Capabilities,
  type DriverFactory,
  type Entry,
  type Key,
  type OpOptions,
  type WriteOptions,
} from "@citadel/core/driver";
import { commits, turn, type Commits } from "./commits.ts";
import { CHUNK, CHUNKS, openDatabase, type Database } from "./database.ts";
import { failure, inTheWay, isBusy, patiently } from "./failure.ts";
import { feed, type Feed } from "./feed.ts";
import { location } from "./location.ts";
import { entryOf, objects, type Found, type Objects } from "./objects.ts";

const MAX_ITEM = 64 * CHUNK;
const DAY = 24 * 60 * 60 * 1000;

interface Session extends Database {
  readonly objects: Objects;
  readonly commits: Commits;
  readonly feed: Feed;
}

/** One SQLite file as a store, for any number of processes of one host. URL and options: README.md. */
const sqlite: DriverFactory = (url) => {
  const at = location(url);
  const inMemory = at.file === ":memory:";
  const caps: Capabilities = {
    cas: "full",
    casDelete: true,
    casWrite: true,
    etags: "unique",
    durable: inMemory ? "nothing" : at.synchronous === "full" ? "power" : "process",
    shared: inMemory ? "process" : "host",
    ttl: "lazy",
    list: "strong",
    watch: "push",
    ranges: true,
    maxItem: MAX_ITEM,
    maxObject: CHUNK * CHUNKS,
  };
  let session: Session | undefined;
  /** blobs that writes of this process are filling */
  const filling = new Set<number>();

  const life = gate({
    async open() {
      const database = await openDatabase(at);
      const changes = feed(database.db, database.epoch, { read: waiting, poll: !inMemory });
      const tables = objects(database.db, changes.add);
      const group = commits(
        database.db,
        { file: at.file, relax: database.journal === "wal" && at.synchronous === "full" },
        {
          committed() {
            changes.committed();
            // what large objects leave behind goes some chunks at a time; what fails here is for the next sweep
            if (session && tables.left()) life.track(freeing(session)).catch(() => {});
          },
          undone: tables.undone,
        },
      );
      const { signal } = life;
      signal.addEventListener("abort", () => group.abort(signal), { once: true });
      session = { ...database, objects: tables, commits: group, feed: changes };
    },
    close() {
      session?.db.close();
      session = undefined;
    },
  });

  const opened = (): Session => {
    life.check();
    return session as Session;
  };
  const waiting = <T>(work: () => T, options?: OpOptions): Promise<T> =>
    life.track(patiently(work, at.file, options, life.signal));
  let reads = 0;
  /** Reads at once, which is nearly always possible; else waits for whoever is in the way. */
  const reading = <T>(work: () => T, options?: OpOptions): T | Promise<T> => {
    // reads that follow each other without a turn of the event loop would keep writes waiting for ever
    if (session?.commits.waiting && ++reads % 64 === 0)
      return life.track(turn().then(() => waiting(work, options)));
    try {
      return work();
    } catch (error) {
      if (isBusy(error)) return waiting(work, options);
      throw failure(error, at.file);
    }
  };

  const contentOf = ({ objects }: Session, key: Key, found: Found): Uint8Array | undefined => {
    if (found.size <= CHUNK) return whole(key, found);
    const body = new Uint8Array(found.size);
    for (let n = 0; n * CHUNK < found.size; n++) {
      const chunk = objects.chunk(found.blob, n);
      if (!chunk) return undefined;
      body.set(chunk, n * CHUNK);
    }
    return body;
  };

  const freeing = async ({ commits, objects }: Session): Promise<void> => {
    while (await commits.write(() => objects.free(), { lax: true, bytes: CHUNK })) life.check();
  };

  /** Empties the write-ahead log, where content lies that is deleted. While somebody reads it cannot; then the next sweep does. */
  const forget = async ({ db, journal }: Session, options: OpOptions): Promise<void> => {
    if (journal !== "wal") return;
    const work = (): void => {
      if (db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()?.["busy"] !== 0) throw inTheWay();
    };
    await life.track(patiently(work, at.file, { timeoutMs: 5000, ...options })).catch(() => {});
  };

  const receive = async (
    now: Session,
    key: Key,
    source: AsyncIterable<Uint8Array>,
    options: WriteOptions,
  ): Promise<Entry> => {
    const { commits, objects } = now;
    const limits = { max: caps.maxObject, signal: life.signal };
    const buffer = new Uint8Array(
      Buffer.allocUnsafeSlow(Math.min(CHUNK, options.size ?? CHUNK)).buffer,
    );
    const { signal, timeoutMs } = options;
    const hints = { ...(signal && { signal }), ...(timeoutMs !== undefined && { timeoutMs }) };
    let blob: number | undefined;
    let spilled = 0;
    let filled = 0;
    const spill = async (): Promise<void> => {
      const n = spilled / CHUNK;
      blob = await commits.write(() => objects.spill(blob, n, buffer), {
        ...hints,
        bytes: CHUNK,
        lax: true,
      });
      filling.add(blob);
      spilled += CHUNK;
      filled = 0;
    };
    try {
      for await (const chunk of incoming(key, source, options, limits))
        for (let from = 0; from < chunk.byteLength;) {
          if (filled === CHUNK) await spill();
          const part = chunk.subarray(from, from + CHUNK - filled);
          buffer.set(part, filled);
          filled += part.byteLength;
          from += part.byteLength;
        }
      const last = buffer.subarray(0, filled);
      return await commits.write(
        () =>
          blob === undefined
            ? objects.put(key, last, onlyAbsent(options))
            : objects.adopt(key, blob, spilled + filled, last, options),
        { ...hints, bytes: filled, lax: options.relaxed === true },
      );
    } catch (error) {
      const left = blob;
      if (left !== undefined)
        await commits.write(() => objects.abandon(left), { lax: true }).catch(() => {}); // then it is for a sweep
      throw error;
    } finally {
      if (blob !== undefined) filling.delete(blob);
    }
  };

  return {
    api: 1,
    name: "sqlite",
    caps,
    open: (options) => life.open(options),
    close: () => life.close(),
    async health(options) {
      const start = performance.now();
      try {
        const { db, version, journal } = opened();
        const size =
          "SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size";
        const found = await reading(() => db.prepare(`${size}, store`).get(), options);
        return {
          ok: true,
          latencyMs: performance.now() - start,
          bytes: Number(found?.["bytes"]),
          detail: { sqlite: version, journal, synchronous: at.synchronous },
        };
      } catch (error) {
        return {
          ok: false,
          latencyMs: performance.now() - start,
          detail: { error: (error as Error).message },
        };
      }
    },

    async get(key, options) {
      const now = opened();
      checkKey(key);
      checkSignal(options, key);
      for (;;) {
        const found = await reading(() => now.objects.find(key), options);
        if (!found) return undefined;
        if (found.size > MAX_ITEM) throw tooLarge(key, found.size, MAX_ITEM);
        const body = await reading(() => contentOf(now, key, found), options);
        // else it was replaced between two statements
        if (body) return { ...entryOf(key, found), body };
      }
    },
    async head(key, options) {
      const { objects } = opened();
      checkKey(key);
      checkSignal(options, key);
      return reading(() => objects.head(key), options);
    },
    async put(key, body, options = {}) {
      const now = opened();
      checkPut(key, body, options, caps);
      const copy = new Uint8Array(body);
      return life.track(
        now.commits.write(() => now.objects.put(key, copy, options), {
          ...options,
          bytes: copy.byteLength,
          lax: options.relaxed === true,
        }),
      );
    },
    async delete(key, options = {}) {
      const now = opened();
      checkDelete(key, options, caps);
      await life.track(now.commits.write(() => now.objects.delete(key, options), options));
      if (options.forget) await forget(now, options);
    },
    async list(options = {}) {
      const { objects } = opened();
      const { prefix, after, limit } = checkList(options);
      // one more than asked for tells whether there is a next page
      const entries = await reading(() => objects.list(prefix, after, limit + 1), options);
      if (entries.length <= limit) return { entries };
      entries.pop();
      return { entries, next: (entries.at(-1) as Entry).key };
    },

    async read(key, options = {}) {
      const { objects } = opened();
      checkRead(key, options, caps);
      const found = await reading(() => objects.find(key), options);
      if (!found) return undefined;
      const entry = entryOf(key, found);
      if (options.ifMatch !== undefined && options.ifMatch !== entry.etag)
        throw new StoreError("CHANGED", `${key} is another version`, { key, current: entry.etag });
      const range = rangeOf(key, entry.size, options);
      const content = found.size <= CHUNK ? whole(key, found) : undefined;
      let next = range.start;
      const stream = life.stream(async () => {
        if (next === range.end) return undefined;
        const n = Math.floor(next / CHUNK);
        const chunk = content ?? (await reading(() => objects.chunk(found.blob, n)));
        if (!chunk)
          throw new StoreError("CHANGED", `${key} was replaced while it was read`, { key });
        const first = n * CHUNK;
        const part = chunk.subarray(next - first, range.end - first);
        next = first + chunk.byteLength < range.end ? first + chunk.byteLength : range.end;
        return part;
      });
      return { ...entry, range, stream };
    },
    async write(key, source, options = {}) {
      const now = opened();
      checkWrite(key, options, caps);
      const work = async (): Promise<Entry> => {
        await reading(() => now.objects.demand(key, onlyAbsent(options)), options);
        return receive(now, key, source, options);
      };
      return life.track(work());
    },

    watch({ signal, ...options }) {
      return opened().feed.watch({ ...options, signals: [signal, life.signal] });
    },
    async sweep({ olderThanMs = DAY, ...options } = {}) {
      const now = opened();
      const { commits, objects } = now;
      checkSignal(options);
      const work = async (): Promise<{ removed: number }> => {
        const before = Date.now() - olderThanMs + 1;
        let removed = await commits.write(() => objects.abandonOld(before, filling), options);
        for (let n = 100; n === 100; removed += n)
          n = await commits.write(() => objects.expire(100), options);
        await freeing(now);
        await forget(now, options);
        return { removed };
      };
      return life.track(work());
    },
  };
};
export default sqlite;

function whole(key: Key, { size, data }: Found): Uint8Array {
  if (data?.byteLength === size) return data;
  throw new StoreError("CORRUPT", `the content of ${key} is not what its entry says`, { key });
}

const onlyAbsent = ({ ifAbsent, expires, meta }: WriteOptions) => ({
  ...(ifAbsent && { ifAbsent }),
  ...(expires !== undefined && { expires }),
  ...(meta && { meta }),
});
