import { join } from "node:path";
import { checkKey, type Change, type Key } from "@citadel/core/driver";
import { readAll, writeAll, type Disk } from "./disk.ts";
import { errno, orMissing, tryRemoval } from "./failure.ts";
import { versionName, versionsIn } from "./names.ts";

const MOST_BYTES = 1024 * 1024;
const LOGS_KEPT = 2;
const LOOK_MS = 1000;
const POLL_MS = 100;
const BEAT_MS = 5000;
const DEAD_MS = 30_000;
const READ_BYTES = 64 * 1024;
const NEWLINE = 10;

/** Tells everybody who has the folder open what changed. */
export interface Feed {
  /** before a change: from here on a crash shows; what it returns is called when the change is over */
  begin(): Promise<() => void>;
  /** after it */
  changed(key: Key): Promise<void>;
  /** looks for processes that died while writing, whose changes nobody may have heard of */
  inspect(): Promise<void>;
  watch(options: {
    readonly prefix?: string;
    readonly since?: string;
    readonly signals: readonly AbortSignal[];
  }): AsyncIterable<Change>;
  close(): Promise<void>;
}

/** Where a reader is: in which log, under which id, at which byte. */
interface Place {
  readonly n: number;
  readonly id: string;
  readonly at: number;
}

/**
 * Numbered logs in `folder`, one key a line, appended to by everybody; the first line is the log's id, a `!` at its end
 * says that something may be missing before it. They are not synced with every change: a process that has something
 * unsynced keeps a file `busy-…` fresh, and whoever finds a stale one begins a new log, which resets all readers.
 * `temp` makes a file of these bytes, durable but for its name.
 */
export function feed(
  disk: Disk,
  folder: string,
  temp: (bytes: Uint8Array) => Promise<string>,
  { id, now }: { readonly id: string; readonly now: () => number },
): Feed {
  const path = (n: number): string => join(folder, versionName(n));
  const newest = async (): Promise<number> => versionsIn(await disk.readdir(folder)).at(-1) ?? 0;
  let made = 0;

  /** Makes log `n` unless somebody is faster. */
  const make = async (n: number, lossy: boolean): Promise<void> => {
    const from = await temp(Buffer.from(`${id}${made++}${lossy ? "!" : ""}\n`));
    try {
      await disk.link(from, path(n));
    } catch (error) {
      if (errno(error) !== "EEXIST") throw error;
    } finally {
      await tryRemoval(disk.unlink(from));
    }
    for (const old of versionsIn(await disk.readdir(folder)))
      if (old <= n - LOGS_KEPT) await tryRemoval(disk.unlink(path(old)));
  };

  // writing

  let log: { n: number; fd: number; looked: number } | undefined;
  let lost = false;
  let appending: Promise<void> = Promise.resolve();
  let waiting: { readonly lines: string[]; readonly written: Promise<void> } | undefined;
  let wake = Promise.withResolvers<void>();

  const current = async (): Promise<{ n: number; fd: number }> => {
    const at = now();
    if (log && !lost && at >= log.looked && at - log.looked < LOOK_MS) return log;
    let n = await newest();
    if (n === 0 || lost || (await disk.stat(path(n))).size > MOST_BYTES) {
      await make(n + 1, n === 0 || lost);
      n = await newest();
      lost = false;
    }
    if (log?.n === n) {
      log.looked = at;
      return log;
    }
    const fd = await disk.open(path(n), "a");
    if (log) await disk.close(log.fd);
    log = { n, fd, looked: at };
    return log;
  };
  const append = async (lines: readonly string[]): Promise<void> => {
    try {
      for (let over = true; over;) {
        const { n, fd } = await current();
        await writeAll(disk, fd, Buffer.from(lines.join("")), 0);
        // readers leave a log once there is a next one: what came after that has to go there too
        over = (await orMissing(disk.stat(path(n + 1)))) !== undefined;
        if (over && log) log.looked = -Infinity;
      }
    } catch {
      lost = true; // the change itself is done; readers are reset as soon as the disk takes something again
    }
    wake.resolve();
    wake = Promise.withResolvers();
  };

  // the file that says "I have changes that may not be in the log"

  const busy = join(folder, `busy-${id}`);
  let marking: Promise<void> | undefined;
  let resting: Promise<void> | undefined;
  let changing = 0;
  let used = false;
  let timer: NodeJS.Timeout | undefined;

  const mark = async (): Promise<void> => {
    try {
      await disk.close(await disk.open(busy, "a"));
      await disk.syncFolder(folder);
      timer ??= setInterval(() => void beat().catch(() => {}), BEAT_MS).unref();
    } catch (error) {
      marking = undefined;
      throw error;
    }
  };
  const rest = async (): Promise<void> => {
    await appending;
    if (log) await disk.datasync(log.fd);
    if (used || changing > 0) return;
    clearInterval(timer);
    timer = undefined;
    await tryRemoval(disk.unlink(busy));
    marking = undefined;
  };
  const beat = async (): Promise<void> => {
    if (used || changing > 0) {
      used = false;
      // somebody may have taken a frozen process for a dead one
      await disk.touch(busy).catch(() => (marking = mark()));
    } else await calm();
  };
  const calm = async (): Promise<void> => {
    if (!marking) return;
    resting ??= rest().finally(() => (resting = undefined));
    await resting;
  };
  const inspect = async (): Promise<void> => {
    let died = false;
    for (const name of await disk.readdir(folder)) {
      if (!name.startsWith("busy-") || name === `busy-${id}`) continue;
      const stat = await orMissing(disk.stat(join(folder, name)));
      if (stat && now() - stat.mtimeMs > DEAD_MS)
        died = (await tryRemoval(disk.unlink(join(folder, name)))) || died;
    }
    if (died) await make((await newest()) + 1, true);
  };

  // reading

  const bytesOf = async (n: number, at: number): Promise<Buffer | undefined> => {
    const fd = await orMissing(disk.open(path(n), "r"));
    if (fd === undefined) return undefined;
    try {
      const bytes = Buffer.alloc(READ_BYTES);
      return bytes.subarray(0, await readAll(disk, fd, bytes, at));
    } finally {
      await disk.close(fd);
    }
  };
  /** The first line of a log and where it ends; undefined when there is no such log. */
  const beginning = async (n: number): Promise<Place | undefined> => {
    const bytes = await bytesOf(n, 0);
    const end = bytes?.indexOf(NEWLINE) ?? -1;
    return bytes && end > 0
      ? { n, id: bytes.subarray(0, end).toString("latin1"), at: end + 1 }
      : undefined;
  };
  const end = async (): Promise<Place> => {
    if ((await newest()) === 0) await make(1, true);
    const n = await newest();
    return { n, id: (await beginning(n))?.id ?? "", at: (await disk.stat(path(n))).size };
  };
  /** Where a cursor points to; undefined when that is no more, or never was. */
  const placeOf = async (cursor: string): Promise<Place | undefined> => {
    const [n, id, at] = cursor.split(".");
    const place = { n: Number(n) || 0, id: id ?? "", at: Number(at) || 0 };
    const log = await beginning(place.n);
    if (!log || log.id !== place.id || place.at < log.at) return undefined;
    return place.at <= (await disk.stat(path(place.n))).size ? place : undefined;
  };
  /** The keys after a place in its log, each with the place after it. Throws when the log is gone or damaged. */
  const after = async (from: Place): Promise<{ key: Key; place: Place }[]> => {
    if ((await disk.stat(path(from.n))).size <= from.at) return [];
    const bytes = (await bytesOf(from.n, from.at)) ?? Buffer.alloc(0);
    let { at } = from;
    return bytes
      .subarray(0, bytes.lastIndexOf(NEWLINE) + 1)
      .toString("latin1")
      .split("\n")
      .slice(0, -1)
      .map((key) => {
        checkKey(key);
        at += key.length + 1;
        return { key, place: { ...from, at } };
      });
  };
  /** The changes after a place, or the next log. Throws when something is missing there. */
  const follow = async (from: Place) => {
    const changes = await after(from);
    const next = changes.length === 0 ? await beginning(from.n + 1) : undefined;
    if (!next) return { changes };
    const late = await after(from); // what came before the next log did
    if (late.length > 0) return { changes: late };
    if (next.id.endsWith("!")) throw new Error(`changes are missing before log ${next.n}`);
    return { changes: late, next };
  };
  const cursorOf = ({ n, id, at }: Place): string => `${n}.${id}.${at}`;

  return {
    async begin() {
      used = true;
      changing++;
      try {
        await resting;
        await (marking ??= mark());
      } catch (error) {
        changing--;
        throw error;
      }
      return () => void changing--;
    },
    changed(key) {
      // what comes while an append runs goes into the next one together
      if (!waiting) {
        const lines: string[] = [];
        const written = appending.then(() => {
          waiting = undefined;
          return append(lines);
        });
        waiting = { lines, written };
        appending = written;
      }
      waiting.lines.push(`${key}\n`);
      return waiting.written;
    },
    inspect,
    watch({ prefix = "", since, signals }) {
      // from the call on, not from when the first change is asked for
      const first = since === undefined ? end() : placeOf(since);
      first.catch(() => {});
      return (async function* (): AsyncGenerator<Change, void, void> {
        const stopped = Promise.withResolvers<void>();
        for (const signal of signals)
          signal.addEventListener("abort", stopped.resolve as () => void, { once: true });
        const over = (): boolean => signals.some((signal) => signal.aborted);
        let inspected = now();
        try {
          let place = await first.catch(() => undefined);
          while (!over()) {
            const woken = wake.promise; // taken before looking, so that nothing falls in between
            const ahead = place && (await follow(place).catch(() => undefined));
            if (!ahead) {
              place = await end();
              yield { kind: "reset", cursor: cursorOf(place) };
              continue;
            }
            for (const change of ahead.changes) {
              if (over()) return;
              place = change.place;
              if (change.key.startsWith(prefix))
                yield { kind: "changed", key: change.key, cursor: cursorOf(place) };
            }
            if (ahead.next) place = ahead.next;
            else if (ahead.changes.length === 0) {
              const pause = Promise.withResolvers<void>();
              const timeout = setTimeout(pause.resolve, POLL_MS);
              await Promise.race([woken, stopped.promise, pause.promise]);
              clearTimeout(timeout);
              if (now() - inspected < BEAT_MS) continue;
              inspected = now();
              await inspect().catch(() => {});
            }
          }
        } finally {
          for (const signal of signals)
            signal.removeEventListener("abort", stopped.resolve as () => void);
        }
      })();
    },
    async close() {
      used = false;
      await calm();
      clearInterval(timer);
      timer = undefined;
      if (log) await disk.close(log.fd);
      log = undefined;
    },
  };
}
