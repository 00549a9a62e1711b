import {
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
  type ListEntry,
  type OpOptions,
  type Page,
  type PutOptions,
  whole,
} from "@citadel/core/driver";
import { feed } from "./feed.ts";
import { link } from "./link.ts";
import { location } from "./location.ts";
import { CHUNK, conflict, objects, places } from "./objects.ts";
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

  const ask = <T>(options: OpOptions, question: (limits: OpOptions) => Promise<T>): Promise<T> =>
    asking(options, at.timeoutMs, question);

  const chunkOf = (key: Key, blob: string, n: number, options: OpOptions) =>
    ask(options, (limits) => tables.chunk(blob, n, { ...limits, key }));

  const store = (
    key: Key,
    source: AsyncIterable<Uint8Array>,
    options: PutOptions,
  ): Promise<Entry> => {
    const { signal: _, timeoutMs: __, ...extras } = options;
    const limits = limitsOf(options);
    return receive(source, {
      chunk: CHUNK,
      newBlob: tables.newBlob,
      spill: (blob, n, data) => tables.spill(blob, n, data, { ...limits, key }),
      put: (content) => tables.put(key, content, extras, limits),
      abandon: tables.abandon,
    });
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
      const find = () => ask(options, (limits) => tables.find(key, limits));
      const piece = (blob: string, at: number) => chunkOf(key, blob, at / CHUNK, options);
      return life.run(whole(key, find, piece));
    },
    async head(key, options = {}) {
      life.check();
      checkKey(key);
      checkSignal(options, key);
      return life.run(ask(options, (limits) => tables.head(key, limits)));
    },
    async put(key, body, options = {}) {
      life.check();
      checkPut(key, body, options, caps());
      if (body.byteLength > CHUNK) return life.run(store(key, once(body), options));
      const { signal: _, timeoutMs: __, ...extras } = options;
      // a copy: the caller may change the body while the bytes still wait for the network
      const content = { body: Buffer.from(body) };
      return life.run(tables.put(key, content, extras, limitsOf(options)));
    },
    async delete(key, { ifMatch, ...options } = {}) {
      life.check();
      checkDelete(key, { ...options, ...(ifMatch !== undefined && { ifMatch }) }, caps());
      return life.run(tables.delete(key, ifMatch === undefined ? {} : { ifMatch }, options));
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
          const page = await ask(options, (limits) => tables.list(range, limits));
          entries.push(...page.entries);
          if (page.last === undefined) return { entries };
          from = page.last;
        }
        entries.pop();
        return { entries, next: (entries.at(-1) as ListEntry).key };
      };
      return life.run(walk());
    },

    async read(key, options = {}) {
      life.check();
      checkRead(key, options, caps());
      const now = await life.run(ask(options, (limits) => tables.find(key, limits)));
      if (!now) return undefined;
      const { body, blob, ...entry } = now;
      if (options.ifMatch !== undefined && options.ifMatch !== entry.etag)
        throw replaced(key, entry.etag);
      const range = rangeOf(key, entry.size, options);
      let next = range.start;
      const stream = life.stream(async () => {
        if (next === range.end) return undefined;
        const n = Math.floor(next / CHUNK);
        const chunk = body ?? (await chunkOf(key, blob, n, {}));
        if (!chunk) throw replaced(key);
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
          const there = await ask(options, (limits) => tables.head(key, limits));
          if (there) throw conflict(key, there.etag);
        }
        const limits = { max: MAX, signal: life.signal };
        return store(key, incoming(key, source, options, limits), kept);
      };
      return life.run(work());
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
      return life.run(work());
    },
  };
};
export default redis;
