import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
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
  type Capabilities,
  type Driver,
  type Entry,
  type Key,
  type ListEntry,
  type OpOptions,
  type PutOptions,
  type WriteOptions,
} from "@citadel/core/driver";
import { MAX_ITEM, SMALL, streamOf, wholeOf } from "./content.ts";
import { nodeDisk, writeAll, type Disk } from "./disk.ts";
import { failure } from "./failure.ts";
import { feed } from "./feed.ts";
import { entryOf, line, roomFor, type Header } from "./header.ts";
import { isImmutable } from "./names.ts";
import { alive, objects, type Objects, type Surroundings } from "./objects.ts";
import { sweepKeys } from "./sweep.ts";
import { syncs } from "./syncs.ts";
import { temps, type Temps } from "./temps.ts";
import { walker, type Found } from "./walk.ts";

const GRACE = 15 * 60 * 1000;
const DAY = 24 * 60 * 60 * 1000;
const READ_AT_ONCE = 32;

const caps: Capabilities = {
  cas: "full",
  casDelete: true,
  casWrite: true,
  etags: "unique",
  durable: "power",
  shared: "host",
  ttl: "lazy",
  list: "strong",
  watch: "poll",
  ranges: true,
  maxItem: MAX_ITEM,
  maxObject: 2 ** 40,
};

export interface FileDriverOptions {
  /** the file system @default Node's */
  readonly fs?: Disk;
  /** ms that a replaced version stays, and half of what a writer may be frozen @default 15 minutes */
  readonly grace?: number;
  /** ms since 1970 */
  readonly now?: () => number;
}

/** A driver over `root`, an absolute path. */
export function fileDriver(
  root: string,
  { fs: disk = nodeDisk, grace = GRACE, now = Date.now }: FileDriverOptions = {},
): Driver {
  const salt = randomBytes(9).toString("base64url");
  const folders = { keys: join(root, "keys"), temp: join(root, "temp"), feed: join(root, "feed") };
  let counter = 0;

  const connect = () => {
    const id = `${randomBytes(6).toString("hex")}-`;
    const sync = syncs(disk, root, grace / 2, now);
    const temp = temps(disk, folders.temp, sync, id);
    const changes = feed(disk, folders.feed, temp.make, { id, now });
    const around: Surroundings = {
      disk,
      keys: folders.keys,
      grace,
      now,
      syncs: sync,
      temps: temp,
      feed: changes,
    };
    const store = objects(around);
    const keyAt = async (place: string, immutable: boolean): Promise<Key | undefined> =>
      (await store.headerAt(place, immutable))?.key;
    return { around, ...around, store, walker: walker(disk, folders.keys, keyAt, now) };
  };
  let session: ReturnType<typeof connect> | undefined;

  const life = gate({
    async open() {
      const made = connect();
      try {
        for (const folder of Object.values(folders)) await makePath(disk, folder);
        await made.temps.probe();
        await made.feed.inspect();
      } catch (error) {
        throw failure(error);
      }
      session = made;
    },
    async close() {
      await session?.feed.close();
      session = undefined;
    },
  });
  const opened = (): ReturnType<typeof connect> => {
    life.check();
    return session as ReturnType<typeof connect>;
  };

  const fresh = (key: Key, size: number, { expires, meta }: PutOptions | WriteOptions): Header => ({
    key,
    etag: `${salt}${(counter++).toString(36)}`,
    size,
    modified: now(),
    ...(expires !== undefined && { expires }),
    ...(meta && { meta }),
  });
  const tombstone = (to: Temps, key: Key) => () =>
    to.make(line({ ...fresh(key, 0, {}), deleted: true }));
  /** For the last moment at which an operation can stop with nothing done. */
  const limit = ({ signal, timeoutMs }: OpOptions, key: Key): (() => void) => {
    const late = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
    return () => {
      for (const one of [signal, late, life.signal]) if (one?.aborted) throw aborted(one, key);
    };
  };

  const receive = async (
    key: Key,
    source: AsyncIterable<Uint8Array>,
    options: WriteOptions,
  ): Promise<Entry> => {
    const { store, temps: temp } = opened();
    const condition = options.ifAbsent ? ({ ifAbsent: true } as const) : {};
    const last = limit(options, key);
    await store.check(key, condition);
    let header = fresh(key, 0, options);
    const room = roomFor(header);
    let path: string;
    try {
      path = await temp.fill(async (fd) => {
        let size = 0;
        const limits = { max: caps.maxObject, signal: life.signal };
        for await (const chunk of incoming(key, source, options, limits)) {
          await writeAll(disk, fd, chunk, room + size);
          size += chunk.byteLength;
        }
        header = { ...header, size, modified: now() };
        await writeAll(disk, fd, line(header, room), 0);
      });
    } catch (error) {
      throw failure(error, key);
    }
    try {
      await store.replace(key, condition, async () => path, last);
    } finally {
      await temp.drop(path);
    }
    return entryOf(header);
  };

  const entriesOf = async (store: Objects, found: readonly Found[]): Promise<ListEntry[]> => {
    const headers = await Promise.all(
      found.map(({ key, place }) => store.headerAt(place, isImmutable(key))),
    );
    return headers.flatMap((header) => {
      if (!header || !alive(header, now())) return [];
      const { meta: _, ...entry } = entryOf(header);
      return [entry];
    });
  };

  return {
    api: 1,
    name: "file",
    caps,
    open: (options) => life.open(options),
    close: () => life.close(),
    async health() {
      const begin = performance.now();
      const latencyMs = (): number => performance.now() - begin;
      try {
        const { syncs: sync } = opened();
        await disk.stat(folders.keys);
        sync.check();
        return { ok: true, latencyMs: latencyMs(), detail: { folder: root } };
      } catch (error) {
        const { message } = error as Error;
        return { ok: false, latencyMs: latencyMs(), detail: { folder: root, error: message } };
      }
    },

    async get(key, options) {
      const { store } = opened();
      checkKey(key);
      checkSignal(options, key);
      const work = async () => {
        const { file } = await store.open(key, SMALL);
        if (!file) return undefined;
        try {
          const header = alive(file.header, now());
          return header && { ...entryOf(header), body: await wholeOf(disk, key, file) };
        } finally {
          await disk.close(file.fd);
        }
      };
      return life.track(orFailure(key, work()));
    },
    async head(key, options) {
      const { store } = opened();
      checkKey(key);
      checkSignal(options, key);
      const { file } = await life.track(store.header(key));
      const header = alive(file, now());
      return header && entryOf(header);
    },
    async put(key, body, options = {}) {
      const { store, temps: temp } = opened();
      checkPut(key, body, options, caps);
      const header = fresh(key, body.byteLength, options);
      const bytes = Buffer.concat([line(header), body]); // a copy, before anything is awaited
      const work = store.replace(key, options, () => temp.make(bytes), limit(options, key));
      await life.track(work);
      return entryOf(header);
    },
    async delete(key, options = {}) {
      const { store, temps: temp } = opened();
      checkDelete(key, options, caps);
      await life.track(store.remove(key, options, tombstone(temp, key), limit(options, key)));
    },
    async list(options = {}) {
      const { store, walker: keys } = opened();
      const { prefix, after, limit: most } = checkList(options);
      const work = async () => {
        const entries: ListEntry[] = [];
        let batch: Found[] = [];
        // one more than asked for tells whether there is a next page
        for await (const found of keys.walk(prefix, after)) {
          batch.push(found);
          if (batch.length < READ_AT_ONCE) continue;
          entries.push(...(await entriesOf(store, batch)));
          batch = [];
          if (entries.length > most) break;
        }
        entries.push(...(await entriesOf(store, batch)));
        const page = entries.slice(0, most);
        const next = entries.length > most ? page.at(-1)?.key : undefined;
        return { entries: page, ...(next !== undefined && { next }) };
      };
      return life.track(orFailure(undefined, work()));
    },

    async read(key, options = {}) {
      const { store } = opened();
      checkRead(key, options, caps);
      const work = async () => {
        const { file } = await store.open(key, options.start ? undefined : SMALL);
        if (!file) return undefined;
        let kept = false;
        try {
          const header = alive(file.header, now());
          if (!header) return undefined;
          const { range, stream, keeps } = streamOf(disk, life, key, file, options);
          kept = keeps;
          return { ...entryOf(header), range, stream };
        } finally {
          if (!kept) await disk.close(file.fd);
        }
      };
      return life.track(orFailure(key, work()));
    },
    async write(key, source, options = {}) {
      opened();
      checkWrite(key, options, caps);
      return life.track(receive(key, source, options));
    },

    watch({ signal, ...options }) {
      return opened().feed.watch({ ...options, signals: [signal, life.signal] });
    },
    async sweep({ olderThanMs = DAY, ...options } = {}) {
      const { around, store, temps: temp, feed: changes } = opened();
      checkSignal(options);
      const work = async () => {
        const check = (): void => {
          checkSignal(options);
          if (life.signal.aborted) throw aborted(life.signal);
        };
        const expire = (key: Key, etag: string) => store.expire(key, etag, tombstone(temp, key));
        const removed =
          (await temp.sweep(now() - olderThanMs + 1)) +
          (await sweepKeys(around, store, expire, olderThanMs, check));
        await changes.inspect();
        return { removed };
      };
      return life.track(orFailure(undefined, work()));
    },
  };
}

async function orFailure<T>(key: Key | undefined, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw failure(error, key);
  }
}

/** Makes a folder and what is missing above it, all durable. */
async function makePath(disk: Disk, path: string): Promise<void> {
  for (let tries = 0; ; tries++)
    try {
      await disk.mkdir(path);
      return await disk.syncFolder(dirname(path));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EEXIST") return;
      if (code !== "ENOENT" || tries > 0 || dirname(path) === path) throw error;
      await makePath(disk, dirname(path));
    }
}
