import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { segment, type Driver, type Key } from "../driver/index.ts";
import { CitadelError } from "../errors.ts";
import { logger } from "../log.ts";
import { tarballFile } from "../registry/names.ts";
import { checked } from "../store/checked.ts";
import { createFlight, type Flight } from "./flight.ts";
import type { Release } from "./outline.ts";
import type { Remote } from "./remote.ts";
import { CACHE } from "./shelf.ts";

/** Bytes up to which a tarball is held, and checked as a whole before the first byte goes out. */
const inOnePiece = 2 ** 20;

/** Half-open range of bytes. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** A tarball that is here, or on its way. */
export interface Tarball {
  readonly integrity: string;
  /** bytes */
  readonly size: number;
  /** whether upstream was asked for it just now */
  readonly source: "cache" | "upstream";
  /** The content, or a part of it. A whole one ends only when it is what `integrity` says. */
  body(range?: Range): Promise<Uint8Array | ReadableStream<Uint8Array>>;
}

export interface Tarballs {
  /**
   * A version's tarball, from the cache when that has the very content that the packument names now, else from upstream.
   * @throws E_REMOTE_*, E_VERSION_NOT_FOUND
   */
  get(remote: Remote, name: string, release: Release): Promise<Tarball>;
  /** The same without asking upstream. */
  cached(
    remote: Remote,
    name: string,
    version: string,
    integrity: string,
  ): Promise<Tarball | undefined>;
  /** Waits for what is being kept. */
  close(): Promise<void>;
}

export interface TarballOptions {
  readonly driver: Driver;
  /** folder of temporary files */
  readonly dir: string;
  /** bytes of memory for hot ones */
  readonly memory: number;
  /** hears the bytes of what was written */
  readonly wrote: (bytes: number) => void;
}

export function createTarballs({ driver, dir, memory, wrote }: TarballOptions): Tarballs {
  const log = logger("upstream");
  const hot = new LRUCache<Key, Uint8Array>({
    maxSize: Math.max(1, memory),
    maxEntrySize: Math.max(1, Math.floor(memory / 8)),
    sizeCalculation: (bytes) => bytes.byteLength + 256,
  });
  const fetching = new Map<Key, Promise<Tarball>>();
  const flying = new Map<Key, { readonly flight: Flight; readonly size: number }>();
  const writing = new Set<Promise<unknown>>();

  const inMemory = (
    integrity: string,
    bytes: Uint8Array,
    source: Tarball["source"] = "cache",
  ): Tarball => ({
    integrity,
    size: bytes.byteLength,
    source,
    body: async (range) => (range ? bytes.subarray(range.start, range.end) : bytes),
  });

  async function stored(key: Key, integrity: string, what: string): Promise<Tarball | undefined> {
    const known = hot.get(key);
    if (known) return inMemory(integrity, known);
    const found = await driver.head(key).catch((error: unknown) => {
      log("the cache could not be read", { key, error });
      return undefined;
    });
    if (!found) return undefined;
    const { size } = found;
    if (size <= inOnePiece) {
      const item = await driver.get(key).catch(() => undefined);
      if (!item || !isRight(item.body, integrity)) {
        await drop(key, what);
        return undefined;
      }
      hot.set(key, item.body);
      return inMemory(integrity, item.body);
    }
    return {
      integrity,
      size,
      source: "cache",
      async body(range) {
        const opened = await driver.read(key, range ?? {});
        if (!opened) throw broken(what);
        if (range) return opened.stream;
        return checked(opened.stream, integrity, () => {
          void drop(key, what);
          return broken(what);
        });
      },
    };
  }

  async function drop(key: Key, what: string): Promise<void> {
    log("a damaged tarball leaves the cache", { what });
    await driver.delete(key).catch(() => {});
  }

  function write(key: Key, size: number, work: () => Promise<unknown>): Promise<void> {
    const done = work().then(
      () => wrote(size),
      (error: unknown) => log("a tarball could not be kept", { key, error }),
    );
    writing.add(done);
    return done.finally(() => writing.delete(done));
  }

  async function fetch(
    key: Key,
    remote: Remote,
    name: string,
    { version, tarball, url, integrity }: Release,
  ): Promise<Tarball> {
    const what = `${name}@${version}`;
    if (integrity === undefined || tarball === undefined)
      throw new CitadelError(
        "E_REMOTE_ANSWER",
        `${remote.setting.name} gives no hash for ${what}, so its tarball is not fetched`,
      );
    const stop = new AbortController();
    const address = url ?? remote.tarballs(name) + tarballFile(name, version);
    const reply = await remote.tarball(what, address, stop.signal);
    const announced = Number(reply.header("content-length") ?? NaN);
    const damaged = (): CitadelError => {
      log("a tarball is not what it should be", { what, upstream: remote.setting.name });
      return new CitadelError(
        "E_REMOTE_ANSWER",
        `the tarball of ${what} that ${remote.setting.name} sends is not the one that it promises`,
      );
    };
    if (announced > inOnePiece && reply.header("content-encoding") === undefined) {
      const sha512 = integrity.startsWith("sha512-")
        ? { sha512: Buffer.from(integrity.slice("sha512-".length), "base64") }
        : {};
      const flight = createFlight({
        source: noting(reply.body, remote),
        size: announced,
        integrity,
        dir,
        damaged,
        keep: (content) =>
          write(key, announced, () => driver.write(key, content(), { size: announced, ...sha512 })),
      });
      flight.checked.catch((error: unknown) => log("a tarball failed", { what, error }));
      flying.set(key, { flight, size: announced });
      const landed = flight.over.finally(() => flying.delete(key));
      writing.add(landed);
      void landed.finally(() => writing.delete(landed));
      return inFlight(key, flight, announced, integrity, what);
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of noting(reply.body, remote)) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    if (!isRight(bytes, integrity)) throw damaged();
    hot.set(key, bytes);
    void write(key, bytes.byteLength, () =>
      bytes.byteLength > driver.caps.maxItem
        ? driver.write(key, pieces(bytes), { size: bytes.byteLength })
        : driver.put(key, bytes, { relaxed: true }),
    );
    return inMemory(integrity, bytes, "upstream");
  }

  const inFlight = (
    key: Key,
    flight: Flight,
    size: number,
    integrity: string,
    what: string,
  ): Tarball => ({
    integrity,
    size,
    source: "upstream",
    async body(range) {
      if (!range) return flight.reader();
      await flight.checked;
      await flight.over;
      const found = await stored(key, integrity, what);
      if (!found) throw broken(what);
      return found.body(range);
    },
  });

  return {
    async get(remote, name, release) {
      const { version, integrity = "" } = release;
      const key = keyOf(remote, name, version, integrity);
      const what = `${name}@${version}`;
      const near = flying.get(key);
      if (near) return inFlight(key, near.flight, near.size, integrity, what);
      const running = fetching.get(key);
      if (running) return running;
      const started = (async () =>
        (await stored(key, integrity, what)) ?? fetch(key, remote, name, release))();
      fetching.set(key, started);
      return started.finally(() => fetching.delete(key));
    },
    cached: (remote, name, version, integrity) =>
      stored(keyOf(remote, name, version, integrity), integrity, `${name}@${version}`),
    async close() {
      await Promise.all(writing);
    },
  };
}

/** The content that upstream names now: another hash is another key, so that a copy never outlives what it is a copy of. */
function keyOf({ id }: Remote, name: string, version: string, integrity: string): Key {
  const hash = createHash("sha256").update(`${version} ${integrity}`).digest("hex").slice(0, 40);
  return `${CACHE}${id}/t/${segment(name)}/${hash}`;
}

function isRight(bytes: Uint8Array, integrity: string): boolean {
  const algorithm = integrity.slice(0, integrity.indexOf("-"));
  return `${algorithm}-${createHash(algorithm).update(bytes).digest("base64")}` === integrity;
}

async function* noting(
  source: AsyncIterable<Uint8Array>,
  remote: Remote,
): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* source;
  } catch (error) {
    remote.failed(error);
    throw error;
  }
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.byteLength; at += inOnePiece)
    yield bytes.subarray(at, at + inOnePiece);
}

const broken = (what: string): CitadelError =>
  new CitadelError("E_INTEGRITY", `the cached tarball of ${what} is damaged; it is fetched anew`);
