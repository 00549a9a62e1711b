// A store in one file that is only ever appended to, one line of JSON per write. The order of the lines decides: whoever
// reads them from the beginning finds the same writes to have met their conditions. That is all it takes for
// compare-and-set among processes, because the file system appends one piece after the other.
import { randomUUID } from "node:crypto";
import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
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
} from "@citadel/core/driver";

/** @type {import("@citadel/core/driver").Capabilities} */
const caps = {
  cas: "full",
  casDelete: true,
  casWrite: true,
  etags: "unique",
  durable: "process",
  shared: "host",
  ttl: "none",
  list: "strong",
  watch: "none",
  ranges: true,
  maxItem: 16 << 20,
  maxObject: 16 << 20,
};

/** Bytes of content per chunk of a stream; a multiple of three, so that it is a piece of base64, too. */
const CHUNK = 48 * 1024;
const READ = 256 * 1024;

/** @type {import("@citadel/core/driver").DriverFactory} */
export default function driver(url) {
  const path = fileURLToPath(`file://${url.pathname}`);
  /** key → { entry, at }: `at` is the position of the content's base64 in the file */
  let index = new Map();
  /** the ids of this instance's own writes that met their conditions, until they are asked for */
  let met = new Map();
  let file;
  let known = 0;
  let turn = Promise.resolve();

  const life = gate({
    async open() {
      await mkdir(dirname(path), { recursive: true });
      file = await open(path, "a+", 0o600);
      [index, met, known] = [new Map(), new Map(), 0];
    },
    close: () => file.close(),
  });

  /** Takes in what was appended since, one caller at a time. */
  const catchUp = () => {
    const done = turn.then(async () => {
      let rest = Buffer.alloc(0);
      for (let from = known; ;) {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(READ), 0, READ, from);
        if (bytesRead === 0) return;
        from += bytesRead;
        const text = Buffer.concat([rest, buffer.subarray(0, bytesRead)]);
        // a line without its end is still being written, or was never finished
        let start = 0;
        for (let end; (end = text.indexOf(10, start)) >= 0; start = end + 1) {
          take(text.subarray(start, end), known + start);
        }
        rest = Buffer.from(text.subarray(start));
        known += start;
      }
    });
    turn = done.catch(() => {});
    return done;
  };

  /** One line, which stands at `position`. */
  const take = (line, position) => {
    if (line.length === 0) return;
    let write;
    try {
      write = JSON.parse(line);
    } catch {
      return; // of a writer that died half-way
    }
    const { key, ifMatch, ifAbsent, gone, body, ...entry } = write;
    const current = index.get(key)?.entry.etag;
    const holds = ifAbsent ? current === undefined : !ifMatch || ifMatch === current;
    if (met.has(entry.etag)) met.set(entry.etag, { holds, current });
    if (!holds) return;
    if (gone) index.delete(key);
    else index.set(key, { entry: { key, ...entry }, at: position + line.length - body.length - 2 });
  };

  /** Appends a write and finds out what became of it. */
  const append = async (key, write, { ifMatch, ifAbsent }) => {
    const etag = randomUUID();
    const entry = { key, etag, modified: Date.now(), ...write, ifMatch, ifAbsent };
    // the content comes last, so that its position in the line is known
    const { body, ...head } = entry;
    // an end first: the line before may be the half of one whose writer died
    const line = Buffer.from(
      `\n${JSON.stringify(body === undefined ? head : { ...head, body })}\n`,
    );
    met.set(etag, undefined);
    try {
      const failure = await file.write(line).then(
        ({ bytesWritten }) => bytesWritten < line.length && new Error("only a part was written"),
        (error) => error,
      );
      await catchUp().catch((cause) => {
        throw new StoreError("UNKNOWN", `${path} cannot be read`, { key, cause });
      });
      const result = met.get(etag);
      if (!result)
        throw new StoreError("FULL", `${path} takes no more: ${failure.message}`, {
          key,
          cause: failure,
        });
      const { holds, current } = result;
      if (!holds) throw new StoreError("CONFLICT", `${key} is another version`, { key, current });
      return { key, etag, ...entryOf(entry) };
    } finally {
      met.delete(etag);
    }
  };
  const entryOf = ({ size, modified, meta }) => ({ size, modified, ...(meta && { meta }) });

  const store = (key, content, { meta, ...conditions }) =>
    append(
      key,
      {
        size: content.length,
        ...(meta && Object.keys(meta).length > 0 && { meta: { ...meta } }),
        body: content.toString("base64"),
      },
      conditions,
    );

  /** What is there of a key now. */
  const find = async (key, options) => {
    await catchUp();
    checkSignal(options, key);
    return index.get(key);
  };

  /** Bytes `start` to `end` of an object; the file never changes where it has been written. */
  const body = async ({ at }, start, end) => {
    const first = Math.floor(start / 3) * 4;
    const length = Math.ceil(end / 3) * 4 - first;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at + first);
    if (bytesRead < length) throw new StoreError("CORRUPT", `${path} ends too early`);
    const skip = start % 3;
    const bytes = Buffer.from(buffer.toString("latin1"), "base64");
    return new Uint8Array(bytes.subarray(skip, skip + end - start));
  };

  const copyOf = ({ entry: { meta, ...entry } }) => ({
    ...entry,
    ...(meta && { meta: { ...meta } }),
  });

  return {
    api: 1,
    name: "logbook",
    caps,
    open: (options) => life.open(options),
    close: () => life.close(),

    async health() {
      const started = performance.now();
      try {
        life.check();
        const { size } = await life.track(file.stat());
        return { ok: true, latencyMs: performance.now() - started, detail: { path, size } };
      } catch (error) {
        return {
          ok: false,
          latencyMs: performance.now() - started,
          detail: { path, error: error.message },
        };
      }
    },

    async get(key, options) {
      life.check();
      checkKey(key);
      checkSignal(options, key);
      return life.track(
        (async () => {
          const found = await find(key, options);
          return found && { ...copyOf(found), body: await body(found, 0, found.entry.size) };
        })(),
      );
    },

    async head(key, options) {
      life.check();
      checkKey(key);
      checkSignal(options, key);
      const found = await life.track(find(key, options));
      return found && copyOf(found);
    },

    async put(key, content, options = {}) {
      life.check();
      checkPut(key, content, options, caps);
      return life.track(store(key, Buffer.from(content), options));
    },

    async delete(key, options = {}) {
      life.check();
      checkDelete(key, options, caps);
      await life.track(append(key, { gone: true }, options));
    },

    async list(options = {}) {
      life.check();
      const { prefix, after, limit } = checkList(options);
      await life.track(catchUp());
      checkSignal(options);
      const keys = [...index.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
      const entries = keys.slice(0, limit).map((key) => copyOf(index.get(key)));
      return keys.length > limit ? { entries, next: keys[limit - 1] } : { entries };
    },

    async read(key, options = {}) {
      life.check();
      checkRead(key, options, caps);
      const found = await life.track(find(key, options));
      if (!found) return undefined;
      const { etag, size } = found.entry;
      if (options.ifMatch !== undefined && options.ifMatch !== etag)
        throw new StoreError("CHANGED", `${key} is another version`, { key, current: etag });
      const range = rangeOf(key, size, options);
      let at = range.start;
      const stream = life.stream(async () => {
        if (at >= range.end) return undefined;
        const start = at;
        at = Math.min(start + CHUNK, range.end);
        return body(found, start, at);
      });
      return { ...copyOf(found), range, stream };
    },

    async write(key, source, options = {}) {
      life.check();
      checkWrite(key, options, caps);
      const limits = { max: caps.maxObject, signal: life.signal };
      return life.track(
        (async () => {
          const chunks = [];
          for await (const chunk of incoming(key, source, options, limits))
            chunks.push(Buffer.from(chunk));
          return store(key, Buffer.concat(chunks), options);
        })(),
      );
    },
  };
}
