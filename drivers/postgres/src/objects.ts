import { randomBytes } from "node:crypto";
import {
  prefixEnd,
  StoreError,
  type Condition,
  type Content,
  type Entry,
  type ETag,
  type Found,
  type Key,
  type ListEntry,
  type PutOptions,
} from "@citadel/core/driver";
import type { CallOptions, Pool, Row, Value } from "./pool.ts";
import { CHUNK, NOW, type Names } from "./schema.ts";

type Extras = Pick<PutOptions, "expires" | "meta">;

/** The statements of a store as functions. All throw what a query throws. */
export interface Objects {
  head(key: Key, options: CallOptions): Promise<Entry | undefined>;
  find(key: Key, options: CallOptions): Promise<Found | undefined>;
  /** some bytes of one chunk, or fewer at its end; undefined: freed meanwhile */
  piece(
    blob: string,
    range: { start: number; end: number },
    options: CallOptions,
  ): Promise<Buffer | undefined>;
  list(
    range: { prefix: string; after: string; limit: number },
    options: CallOptions,
  ): Promise<ListEntry[]>;
  /** throws CONFLICT; UNAVAILABLE when a sweep has taken the blob for abandoned */
  put(key: Key, content: Content, extras: Condition & Extras, options: CallOptions): Promise<Entry>;
  /** throws CONFLICT */
  delete(key: Key, ifMatch: ETag | undefined, options: CallOptions): Promise<void>;
  /** a name that no blob has */
  newBlob(): string;
  /** adds a chunk to a blob that no entry names yet; throws UNAVAILABLE as put does */
  spill(blob: string, n: number, data: Buffer, options: CallOptions): Promise<void>;
  /** gives up a blob that no entry names */
  abandon(blob: string): Promise<void>;
  /** frees some expired entries and abandoned blobs; the number of them, 0 when there are no more */
  sweep(olderThanMs: number, options: CallOptions): Promise<number>;
}

const LIVE = `(expires IS NULL OR expires > ${NOW})`;
const SWEPT = 100;

export function objects(pool: Pool, t: Names): Objects {
  const salt = randomBytes(9).toString("base64url");
  let counter = 0;
  const unique = (): string => `${salt}${(counter++).toString(36)}`;

  const head = async (key: Key, options: CallOptions): Promise<Entry | undefined> => {
    const sql = `SELECT etag, size, modified, expires, meta FROM ${t.entry} WHERE key = $1 AND ${LIVE}`;
    const [row] = await pool.query(sql, [key], { ...options, key });
    return row && entryOf(key, row);
  };
  const conflict = async (key: Key, options: CallOptions): Promise<StoreError> =>
    conflictOf(key, await head(key, options).catch(() => undefined));

  /** Frees the blobs that were given up: by a statement of its own, which sees every chunk that came before. */
  const free = async (options: CallOptions): Promise<void> => {
    await pool.query(
      `WITH gone AS (DELETE FROM ${t.upload} WHERE since = 0 RETURNING blob)
       DELETE FROM ${t.chunk} c USING gone WHERE c.blob = gone.blob`,
      [],
      options,
    );
  };

  return {
    head,
    async find(key, options) {
      const sql = `SELECT etag, size, modified, expires, meta, body, blob FROM ${t.entry} WHERE key = $1 AND ${LIVE}`;
      const [row] = await pool.query(sql, [key], { ...options, key });
      if (!row) return undefined;
      const body = (row["body"] as Buffer | null) ?? undefined;
      return { ...entryOf(key, row), body, blob: String(row["blob"]) };
    },
    async piece(blob, { start, end }, options) {
      const n = Math.floor(start / CHUNK);
      const first = start - n * CHUNK;
      // the protocol would have two digits for each byte
      const sql = `SELECT encode(substring(data FROM $3 FOR $4), 'base64') AS data FROM ${t.chunk} WHERE blob = $1 AND n = $2`;
      const [row] = await pool.query(sql, [blob, n, first + 1, end - start], options);
      return row && Buffer.from(String(row["data"]), "base64");
    },
    async list({ prefix, after, limit }, options) {
      // no key has such bytes, and a text of the server none with the value 0
      if (/[^!-~]/.test(prefix)) return [];
      const from = after < prefix ? prefix : (after.split("\0")[0] ?? "");
      const sql = `SELECT key, etag, size, modified, expires, NULL AS meta FROM ${t.entry}
        WHERE key ${after < prefix ? ">=" : ">"} $1 AND key < $2 AND ${LIVE} ORDER BY key LIMIT $3`;
      const rows = await pool.query(sql, [from, prefixEnd(prefix) ?? "\x7f", limit], options);
      return rows.map((row) => entryOf(String(row["key"]), row));
    },

    async put(key, content, { expires, meta, ifMatch, ifAbsent }, options) {
      const inside = "body" in content;
      const etag = unique();
      const size = inside ? content.body.byteLength : content.size;
      const values: Value[] = [
        key,
        etag,
        size,
        expires ?? null,
        meta ? JSON.stringify(meta) : null,
        inside ? content.body : null,
        inside ? null : content.blob,
      ];
      if (ifMatch !== undefined) values.push(ifMatch);
      const [row] = await pool.query(putting(t, ifMatch, ifAbsent), values, {
        ...options,
        key,
        changes: true,
      });
      if (!inside && row?.["tied"] === 0) throw swept(key);
      if (row?.["modified"] == null) throw await conflict(key, options);
      return {
        key,
        etag,
        size,
        modified: Number(row["modified"]),
        ...(expires !== undefined && { expires }),
        ...(meta && { meta: { ...meta } }),
      };
    },
    async delete(key, ifMatch, options) {
      const matching = ifMatch === undefined ? "" : `AND etag = $2 AND ${LIVE}`;
      const rows = await pool.query(
        `DELETE FROM ${t.entry} WHERE key = $1 ${matching} RETURNING 1`,
        ifMatch === undefined ? [key] : [key, ifMatch],
        { ...options, key, changes: true },
      );
      if (ifMatch !== undefined && rows.length === 0) throw await conflict(key, options);
    },

    newBlob: unique,
    async spill(blob, n, data, options) {
      // whoever locks the row of the blob decides about it: the one that adds, or a sweep
      const tied =
        n === 0
          ? `INSERT INTO ${t.upload} (blob, since) VALUES ($1, ${NOW}) RETURNING blob`
          : `UPDATE ${t.upload} SET since = ${NOW} WHERE blob = $1 AND since > 0 RETURNING blob`;
      const rows = await pool.query(
        `WITH tied AS (${tied}) INSERT INTO ${t.chunk} (blob, n, data)
         SELECT blob, $2, $3 FROM tied RETURNING 1`,
        [blob, n, data],
        options,
      );
      if (rows.length === 0) throw swept(options.key);
    },
    async abandon(blob) {
      await pool.query(`UPDATE ${t.upload} SET since = 0 WHERE blob = $1`, [blob]);
      await free({});
    },
    async sweep(olderThanMs, options) {
      const expired = await pool.query(
        `DELETE FROM ${t.entry} WHERE key IN
         (SELECT key FROM ${t.entry} WHERE expires <= ${NOW} LIMIT ${SWEPT} FOR UPDATE SKIP LOCKED) RETURNING 1`,
        [],
        options,
      );
      const old = await pool.query(
        `UPDATE ${t.upload} SET since = 0 WHERE since > 0 AND since <= ${NOW} - $1::bigint RETURNING 1`,
        [olderThanMs],
        options,
      );
      await free(options);
      return expired.length + old.length;
    },
  };
}

/**
 * One statement for each kind of condition. A blob becomes the content of the entry only while its row in the table
 * of uploads is there, which goes with it: a conflict leaves both, for `abandon` or a sweep.
 */
function putting(t: Names, ifMatch: ETag | undefined, ifAbsent: true | undefined): string {
  const source = `SELECT $1, $2, $3::bigint, ${NOW}, $4::bigint, $5, $6::bytea, $7 FROM tied`;
  const set = `etag = $2, size = $3::bigint, modified = ${NOW}, expires = $4::bigint, meta = $5, body = $6::bytea, blob = $7`;
  const done =
    ifMatch === undefined
      ? `INSERT INTO ${t.entry} AS e (key, etag, size, modified, expires, meta, body, blob) ${source}
         ON CONFLICT (key) DO UPDATE SET ${set} ${ifAbsent ? `WHERE e.expires <= ${NOW}` : ""}`
      : `UPDATE ${t.entry} e SET ${set} FROM tied WHERE e.key = $1 AND e.etag = $8 AND ${LIVE}`;
  return `
    WITH named AS (SELECT blob FROM ${t.upload} WHERE blob = $7 AND since > 0 FOR UPDATE),
      tied AS (SELECT 1 WHERE $7::text IS NULL UNION ALL SELECT 1 FROM named),
      done AS (${done} RETURNING e.modified),
      freed AS (DELETE FROM ${t.upload} WHERE blob = $7 AND EXISTS (SELECT FROM done))
    SELECT (SELECT count(*)::integer FROM tied) AS tied, (SELECT modified FROM done) AS modified`;
}

function entryOf(key: Key, row: Row): Entry {
  const { etag, size, modified, expires, meta } = row as Record<string, string | number | null>;
  return {
    key,
    etag: String(etag),
    size: Number(size),
    modified: Number(modified),
    ...(expires !== null && { expires: Number(expires) }),
    ...(meta !== null && { meta: JSON.parse(String(meta)) as Record<string, string> }),
  };
}

export const conflictOf = (key: Key, there: Entry | undefined): StoreError =>
  new StoreError("CONFLICT", there ? `${key} is another version` : `${key} does not exist`, {
    key,
    ...(there && { current: there.etag }),
  });

const swept = (key: Key | undefined): StoreError =>
  new StoreError("UNAVAILABLE", "a sweep took this write for abandoned; write it again", {
    ...(key !== undefined && { key }),
  });
