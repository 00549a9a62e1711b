import { randomBytes } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import {
  prefixEnd,
  StoreError,
  type Condition,
  type DeleteOptions,
  type Entry,
  type Key,
  type ListEntry,
  type WriteOptions,
} from "@citadel/core/driver";
import { CHUNK, CHUNKS } from "./database.ts";

/** What is kept with the content of an object; `expires` and `meta` are null when there is none. */
interface Row {
  readonly etag: string;
  readonly size: number;
  readonly modified: number;
  readonly expires: number | null;
  readonly meta: string | null;
  readonly blob: number;
}
/** `data` is the whole content when that is one chunk, else null. */
export interface Found extends Row {
  readonly data: Uint8Array | null;
}

type Extras = Pick<WriteOptions, "expires" | "meta">;

/** The tables as functions. All but `find`, `head`, `chunk` and `list` belong inside a transaction. */
export interface Objects {
  /** undefined also when it has expired */
  find(key: Key): Found | undefined;
  head(key: Key): Entry | undefined;
  /** undefined: freed meanwhile */
  chunk(blob: number, n: number): Uint8Array | undefined;
  list(prefix: string, after: string, limit: number): ListEntry[];
  /** throws CONFLICT */
  demand(key: Key, condition: Condition): void;
  put(key: Key, body: Uint8Array, options: Condition & Extras): Entry;
  /** throws CONFLICT */
  delete(key: Key, options: DeleteOptions): void;

  /** adds chunk `n` of a blob that no entry names yet; throws UNAVAILABLE when a sweep has given it up */
  spill(blob: number | undefined, n: number, data: Uint8Array): number;
  /** makes the blob, with its last chunk, the content of `key`; throws CONFLICT, UNAVAILABLE */
  adopt(key: Key, blob: number, size: number, last: Uint8Array, options: WriteOptions): Entry;
  /** gives up a blob that no entry names; its chunks wait for `free` */
  abandon(blob: number): void;
  /** gives up all that nobody has added to since `before`, but for those in `except`; the number of them */
  abandonOld(before: number, except: ReadonlySet<number>): number;
  /** frees a few chunks of blobs that were given up; returns whether there is more */
  free(): boolean;
  /** whether something was given up since the last call */
  left(): boolean;
  /** removes at most `most` expired entries; the number of them */
  expire(most: number): number;
  /** a transaction was rolled back */
  undone(): void;
}

const FREED_AT_ONCE = 8;

/** Entry and content tables. `changed` is told every key that changes, inside the transaction. */
export function objects(db: DatabaseSync, changed: (key: Key) => void): Objects {
  const fields = "e.etag, e.size, e.modified, e.expires, e.meta, e.blob";
  const listed = "SELECT key, etag, size, modified, expires FROM entry";
  const live = "(expires IS NULL OR expires > ?) ORDER BY key LIMIT ?";
  const sql = {
    row: db.prepare(`SELECT ${fields} FROM entry e WHERE key = ?`),
    found: db.prepare(
      `SELECT ${fields}, c.data FROM entry e
       LEFT JOIN chunk c ON c.id = e.blob * ${CHUNKS} AND e.size <= ${CHUNK} WHERE e.key = ?`,
    ),
    from: db.prepare(`${listed} WHERE key >= ? AND key < ? AND ${live}`),
    after: db.prepare(`${listed} WHERE key > ? AND key < ? AND ${live}`),
    upsert: db.prepare(
      `INSERT OR REPLACE INTO entry (key, etag, size, modified, expires, meta, blob)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ),
    remove: db.prepare("DELETE FROM entry WHERE key = ?"),
    expired: db.prepare(`SELECT key, ${fields} FROM entry e WHERE expires <= ? LIMIT ?`),
    reserve: db.prepare("UPDATE store SET blobs = blobs + ? RETURNING blobs"),
    chunk: db.prepare("SELECT data FROM chunk WHERE id = ?"),
    setChunk: db.prepare("INSERT OR REPLACE INTO chunk (id, data) VALUES (?, ?)"),
    dropChunks: db.prepare("DELETE FROM chunk WHERE id >= ? AND id < ?"),
    dropSome: db.prepare(
      "DELETE FROM chunk WHERE id IN (SELECT id FROM chunk WHERE id >= ? AND id < ? LIMIT ?)",
    ),
    loosen: db.prepare("INSERT OR REPLACE INTO loose (blob, since) VALUES (?, ?)"),
    touch: db.prepare("UPDATE loose SET since = ? WHERE blob = ? AND since > 0"),
    tie: db.prepare("DELETE FROM loose WHERE blob = ? AND since > 0"),
    old: db.prepare("SELECT blob FROM loose WHERE since > 0 AND since < ?"),
    doomed: db.prepare("SELECT blob FROM loose WHERE since = 0 LIMIT 1"),
    unlisted: db.prepare("DELETE FROM loose WHERE blob = ?"),
  };

  const salt = randomBytes(9).toString("base64url");
  let counter = 0;
  const etag = (): string => `${salt}${(counter++).toString(36)}`;

  let next = 0;
  let reserved = 0;
  /** A blob number that nobody ever had; they are taken from the table some at a time. */
  const number = (): number => {
    if (next === reserved) {
      reserved = (sql.reserve.get(64) as { blobs: number }).blobs;
      next = reserved - 64;
    }
    return next++;
  };

  const alive = <T extends Row>(row: T | undefined): T | undefined =>
    row && (row.expires === null || row.expires > Date.now()) ? row : undefined;
  const stored = (key: Key): Row | undefined => sql.row.get(key) as Row | undefined;

  const check = (key: Key, row: Row | undefined, { ifMatch, ifAbsent }: Condition): void => {
    if (ifMatch === undefined && !ifAbsent) return;
    const current = alive(row)?.etag;
    if (ifAbsent ? current === undefined : current === ifMatch) return;
    throw new StoreError(
      "CONFLICT",
      current === undefined ? `${key} does not exist` : `${key} is another version`,
      { key, ...(current !== undefined && { current }) },
    );
  };
  let left = false;
  const giveUp = (blob: number): void => {
    sql.loosen.run(blob, 0);
    left = true;
  };
  const release = ({ blob, size }: Row): void => {
    if (size > FREED_AT_ONCE * CHUNK) giveUp(blob);
    else sql.dropChunks.run(blob * CHUNKS, (blob + 1) * CHUNKS);
  };
  const enter = (key: Key, blob: number, size: number, { expires, meta }: Extras): Entry => {
    const row: Row = {
      etag: etag(),
      size,
      modified: Date.now(),
      expires: expires ?? null,
      meta: meta ? JSON.stringify(meta) : null,
      blob,
    };
    sql.upsert.run(key, row.etag, size, row.modified, row.expires, row.meta, blob);
    changed(key);
    return entryOf(key, row);
  };
  const remove = (key: Key, row: Row): void => {
    sql.remove.run(key);
    release(row);
    changed(key);
  };
  const sweptAway = (): StoreError =>
    new StoreError("UNAVAILABLE", "a sweep took this write for abandoned; write it again");

  return {
    find: (key) => alive(sql.found.get(key) as Found | undefined),
    head(key) {
      const row = alive(stored(key));
      return row && entryOf(key, row);
    },
    chunk: (blob, n) => sql.chunk.get(blob * CHUNKS + n)?.["data"] as Uint8Array | undefined,
    list(prefix, after, limit) {
      const end = prefixEnd(prefix) ?? "\x7f";
      const rows =
        after < prefix
          ? sql.from.all(prefix, end, Date.now(), limit)
          : sql.after.all(after, end, Date.now(), limit);
      const entries = rows as unknown as (ListEntry & { expires: number | null })[];
      return entries.map(({ expires, ...entry }) =>
        expires === null ? entry : { ...entry, expires },
      );
    },

    // read, compare, write is atomic: whoever is in a transaction here holds the only write lock
    demand: (key, condition) => check(key, stored(key), condition),
    put(key, body, options) {
      const old = stored(key);
      check(key, old, options);
      const size = body.byteLength;
      const replaced = old && size <= CHUNK && old.size <= CHUNK ? old.blob : undefined;
      const blob = replaced ?? number();
      for (let n = 0; n === 0 || n * CHUNK < size; n++)
        sql.setChunk.run(blob * CHUNKS + n, body.subarray(n * CHUNK, (n + 1) * CHUNK));
      if (old && replaced === undefined) release(old);
      return enter(key, blob, size, options);
    },
    delete(key, options) {
      const old = stored(key);
      check(key, old, options);
      if (!old) return;
      db.exec("PRAGMA secure_delete = ON");
      try {
        remove(key, old);
      } finally {
        db.exec("PRAGMA secure_delete = FAST");
      }
    },

    spill(blob = number(), n, data) {
      if (n === 0) sql.loosen.run(blob, Date.now());
      else if (sql.touch.run(Date.now(), blob).changes !== 1) throw sweptAway();
      sql.setChunk.run(blob * CHUNKS + n, data);
      return blob;
    },
    adopt(key, blob, size, last, options) {
      const old = stored(key);
      check(key, old, options.ifAbsent ? { ifAbsent: true } : {});
      if (sql.tie.run(blob).changes !== 1) throw sweptAway();
      sql.setChunk.run(blob * CHUNKS + Math.ceil(size / CHUNK) - 1, last);
      if (old) release(old);
      return enter(key, blob, size, options);
    },
    abandon(blob) {
      if (sql.touch.run(Date.now(), blob).changes === 1) giveUp(blob);
    },
    abandonOld(before, except) {
      const old = (sql.old.all(before) as { blob: number }[]).filter(
        (row) => !except.has(row.blob),
      );
      for (const { blob } of old) giveUp(blob);
      return old.length;
    },
    free() {
      const blob = sql.doomed.get()?.["blob"] as number | undefined;
      if (blob === undefined) return false;
      const { changes } = sql.dropSome.run(blob * CHUNKS, (blob + 1) * CHUNKS, FREED_AT_ONCE);
      if (changes < FREED_AT_ONCE) sql.unlisted.run(blob);
      return true;
    },
    left() {
      const some = left;
      left = false;
      return some;
    },
    expire(most) {
      const rows = sql.expired.all(Date.now(), most) as unknown as (Row & { key: Key })[];
      for (const row of rows) remove(row.key, row);
      return rows.length;
    },
    undone() {
      next = reserved; // what was reserved in that transaction may be reserved again by somebody else
    },
  };
}

/** A row as the contract shows it. */
export function entryOf(key: Key, { etag, size, modified, expires, meta }: Row): Entry {
  if (expires === null && meta === null) return { key, etag, size, modified };
  return {
    key,
    etag,
    size,
    modified,
    ...(expires !== null && { expires }),
    ...(meta !== null && { meta: JSON.parse(meta) as Record<string, string> }),
  };
}
