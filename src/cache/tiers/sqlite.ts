import { randomUUID } from "node:crypto";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { StoreError } from "../../driver/error.ts";
import type { CacheRow } from "../types.ts";
import { MARK_TTL, ROOM, textKeyv, type Listener, type Shelf, type Size } from "./shelf.ts";

/** What this needs of @keyv/sqlite, which is there only where somebody installed it. */
type Adapter = typeof import("@keyv/sqlite");

const TABLE = "cache";
const APPLICATION = 0x43495443; // "CITC"
/** ms that a call may block the event loop for another process */
const BUSY = 20;
/** ms between two looks at what other processes invalidated, and between two notes of what was used */
const POLL = 200;
const FLUSH = 2000;

// Rows of `usage` and `bytes` go with the entry that they are about, whoever deletes it.
const schema = [
  `CREATE TABLE IF NOT EXISTS usage (
     key TEXT PRIMARY KEY, size INTEGER NOT NULL, integrity TEXT NOT NULL, timestamp INTEGER NOT NULL, ttl INTEGER,
     access_count INTEGER NOT NULL DEFAULT 0, last_accessed INTEGER NOT NULL, stored INTEGER NOT NULL
   ) WITHOUT ROWID`,
  `CREATE TRIGGER IF NOT EXISTS forget AFTER DELETE ON "${TABLE}" BEGIN
     DELETE FROM usage WHERE key = OLD.key; END`,
  `CREATE TABLE IF NOT EXISTS feed (seq INTEGER PRIMARY KEY AUTOINCREMENT, sender TEXT NOT NULL, key TEXT NOT NULL)`,
  `PRAGMA application_id = ${APPLICATION}`,
];

/** A tier in a SQLite file through @keyv/sqlite, bounded by `most` bytes: what was used longest ago makes room. */
export async function sqliteShelf(
  { KeyvSqlite }: Adapter,
  file: string,
  most: number,
): Promise<Shelf> {
  const { Keyv } = await import("keyv");
  makeFolder(dirname(file));
  makeFile(file);
  await refuseOthers(file);
  const store = new KeyvSqlite({
    uri: `sqlite://${file}`,
    table: TABLE,
    wal: safeWal(process.versions["sqlite"]),
    busyTimeout: BUSY,
    clearExpiredInterval: 60_000,
  });
  const keyv = textKeyv(Keyv, store);
  const rows = async <T>(sql: string, ...values: unknown[]): Promise<T[]> =>
    (await store.query(sql, ...values)) as T[];
  try {
    await store.ready;
    await rows("PRAGMA synchronous = NORMAL");
    for (const sql of schema) await whenFree(() => rows(sql));
  } catch (error) {
    await keyv.close().catch(() => {});
    throw error;
  }

  const me = randomUUID();
  const uses = new Map<string, { count: number; last: number }>();
  let grown = Infinity; // at the start nobody knows how much there is
  let evictions = 0;
  let room: Promise<void> | undefined;
  let poll: NodeJS.Timeout | undefined;

  const usage = async (where = "", ...values: unknown[]): Promise<Size> => {
    const [size] = await rows<Size>(
      `SELECT count(*) AS entries, ifnull(sum(stored), 0) AS bytes FROM usage ${where}`,
      ...values,
    );
    return size ?? { entries: 0, bytes: 0 };
  };

  async function flush(): Promise<void> {
    if (uses.size === 0) return;
    const news = JSON.stringify([...uses].map(([key, { count, last }]) => [key, count, last]));
    uses.clear();
    await rows(
      `UPDATE usage SET access_count = access_count + news.n, last_accessed = max(last_accessed, news.at)
       FROM (SELECT value ->> 0 AS key, value ->> 1 AS n, value ->> 2 AS at FROM json_each(?)) AS news
       WHERE usage.key = news.key`,
      news,
    );
  }
  const flushing = setInterval(() => void flush().catch(() => {}), FLUSH).unref();

  /** Some at a time, so that neither the event loop nor another process waits long. */
  async function makeRoom(): Promise<void> {
    grown = 0;
    await flush();
    let { bytes } = await usage();
    if (bytes <= most) return;
    while (bytes > most * ROOM) {
      const oldest = await rows<{ key: string; stored: number }>(
        "SELECT key, stored FROM usage ORDER BY last_accessed, key LIMIT 50",
      );
      const gone: string[] = [];
      for (const { key, stored } of oldest) {
        if (bytes <= most * ROOM) break;
        gone.push(key);
        bytes -= stored;
      }
      if (gone.length === 0) return;
      await whenFree(() => keyv.delete(gone));
      evictions += gone.length;
      await nextTurn();
    }
  }

  async function announce(key: string): Promise<void> {
    await whenFree(() => rows("INSERT INTO feed (sender, key) VALUES (?, ?)", me, key));
    await whenFree(() => rows("DELETE FROM feed WHERE seq <= (SELECT max(seq) FROM feed) - 1000"));
  }

  async function look(listener: Listener, since: number): Promise<number> {
    const news = await rows<{ seq: number; sender: string; key: string }>(
      "SELECT seq, sender, key FROM feed WHERE seq > ? ORDER BY seq LIMIT 1000",
      since,
    );
    if ((news[0]?.seq ?? since + 1) > since + 1) listener.missed();
    for (const { sender, key } of news) if (sender !== me) listener.heard(key);
    return news.at(-1)?.seq ?? since;
  }

  return {
    get: keyv.get,
    async set(key, text, { size, integrity, fetched, expires }) {
      if (text.length > most) return;
      if (!(await whenFree(() => keyv.set(key, text, expires)))) return;
      await whenFree(() =>
        rows(
          `INSERT INTO usage VALUES (?, ?, ?, ?, ?, 0, ?, ?) ON CONFLICT (key) DO UPDATE SET size = excluded.size,
           integrity = excluded.integrity, timestamp = excluded.timestamp, ttl = excluded.ttl,
           last_accessed = excluded.last_accessed, stored = excluded.stored`,
          ...[key, size, integrity, fetched, expires === undefined ? null : expires - fetched],
          ...[Date.now(), text.length],
        ),
      );
      grown += text.length;
      if (grown > most / 20) room = makeRoom().catch(() => {}); // whoever uses the tier next finds out
    },
    async invalidate(key) {
      await whenFree(() => keyv.set(`~${key}`, randomUUID(), Date.now() + MARK_TTL));
      await whenFree(() => keyv.delete([key]));
      await announce(key);
    },
    delete: (keys) => whenFree(() => keyv.delete(keys)),
    async clear() {
      const before = await usage();
      await whenFree(() => keyv.clear());
      // entries whose account was never written, and the reverse
      await whenFree(() => rows("DELETE FROM usage"));
      await announce("*");
      await rows("VACUUM").catch(() => {}); // others are reading: the space is used again instead
      return before;
    },
    async sweep(dryRun) {
      const expired = await usage(
        `WHERE key IN (SELECT key FROM "${TABLE}" WHERE expires IS NOT NULL AND expires < ?)`,
        Date.now(),
      );
      if (!dryRun) await whenFree(() => store.clearExpired());
      return expired;
    },
    usage: () => usage(),
    used(key) {
      const use = uses.get(key);
      uses.set(key, { count: (use?.count ?? 0) + 1, last: Date.now() });
    },
    async popular(limit) {
      await flush();
      const found = await rows<{ key: string }>(
        "SELECT key FROM usage WHERE access_count > 0 ORDER BY access_count DESC, last_accessed DESC LIMIT ?",
        limit,
      );
      return found.map(({ key }) => key);
    },
    async rows() {
      await flush();
      const all = await rows<CacheRow>(
        "SELECT key, size, integrity, timestamp, ttl, access_count, last_accessed FROM usage ORDER BY key",
      );
      return all.map((row) => ({ ...row }));
    },
    async listen(listener) {
      if (poll) return;
      const [start] = await rows<{ seq: number | null }>("SELECT max(seq) AS seq FROM feed");
      let since = start?.seq ?? 0;
      let version: unknown;
      let looking = false;
      poll = setInterval(() => {
        if (looking) return;
        looking = true;
        void (async () => {
          const [now] = await rows<{ data_version: number }>("PRAGMA data_version");
          if (now?.data_version === version) return;
          since = await look(listener, since);
          version = now?.data_version;
        })()
          .catch(() => {}) // busy, or the tier is failing and whoever reads it next finds out
          .finally(() => (looking = false));
      }, POLL).unref();
    },
    get evictions() {
      return evictions;
    },
    async close() {
      clearInterval(poll);
      clearInterval(flushing);
      await room;
      await flush().catch(() => {});
      await keyv.close();
    },
  };
}

/** Before the adapter changes anything in it. @throws CORRUPT for the database of another program */
async function refuseOthers(file: string): Promise<void> {
  const { DatabaseSync } = await import("node:sqlite");
  const db = new DatabaseSync(file, { readOnly: true, timeout: BUSY });
  try {
    const id = db.prepare("PRAGMA application_id").get()?.["application_id"];
    const tables = db.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE name <> ?").get(TABLE);
    if (id !== APPLICATION && (id !== 0 || tables?.["n"] !== 0))
      throw new StoreError("CORRUPT", `${file} is the database of another program`);
  } finally {
    db.close();
  }
}

/** Another process is writing: again in a moment, a few times. */
async function whenFree<T>(work: () => Promise<T>): Promise<T> {
  for (let again = 0; ; again++)
    try {
      return await work();
    } catch (error) {
      if (sqliteCode(error) !== 5 || again === 8) throw error;
      await sleep(Math.random() * 5 * 2 ** Math.min(again, 4));
    }
}

/** The primary result code of https://sqlite.org/rescode.html, 0 for other errors. */
export function sqliteCode(error: unknown): number {
  const code = (error as { errcode?: unknown } | undefined)?.errcode;
  return typeof code === "number" ? code & 0xff : 0;
}

/** Node's own `recursive` never ends in places like /proc. */
function makeFolder(path: string): void {
  for (let tries = 0; ; tries++)
    try {
      return mkdirSync(path, { mode: 0o700 });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EEXIST") return;
      if (code !== "ENOENT" || tries > 0 || dirname(path) === path) throw error;
      makeFolder(dirname(path));
    }
}

/** For this user only, when it is new; closing a descriptor of a database that is in use would drop its locks. */
function makeFile(file: string): void {
  try {
    closeSync(openSync(file, "wx", 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/** WAL with several processes can lose data before 3.51.3, and in the withdrawn 3.52.0 (https://sqlite.org/wal.html). */
function safeWal(version: string | undefined): boolean {
  const [major = 0, minor = 0, patch = 0] = (version ?? "0").split(".").map(Number);
  const number = major * 1_000_000 + minor * 1000 + patch;
  return number >= 3_051_003 && number !== 3_052_000;
}
