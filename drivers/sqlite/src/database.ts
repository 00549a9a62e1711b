import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, mkdirSync, openSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { StoreError } from "@citadel/core/driver";
import { failure, patiently } from "./failure.ts";
import type { Location } from "./location.ts";

/** Bytes of one row of content. */
export const CHUNK = 1024 * 1024;
/** Rows that one object may have; the row of chunk n of a blob has the id `blob * CHUNKS + n`. */
export const CHUNKS = 65_536;

const APPLICATION = 0x43495444; // "CITD"
const SCHEMA = 1;

// Entries apart from content, so that heads and lists read small pages only. A blob number is used again only for an
// object of one chunk that replaces another such, which a reader gets in one statement: a slow reader of many chunks
// finds those of its version or none.
const schema = `
  CREATE TABLE store (id INTEGER PRIMARY KEY CHECK (id = 1), epoch TEXT NOT NULL, blobs INTEGER NOT NULL) STRICT;
  CREATE TABLE entry (
    key TEXT PRIMARY KEY, etag TEXT NOT NULL, size INTEGER NOT NULL, modified INTEGER NOT NULL,
    expires INTEGER, meta TEXT, blob INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX expiry ON entry (expires) WHERE expires IS NOT NULL;
  CREATE TABLE chunk (id INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
  -- blobs that no entry names: being written since then, or (0) waiting to be freed
  CREATE TABLE loose (blob INTEGER PRIMARY KEY, since INTEGER NOT NULL) STRICT;
  CREATE TABLE feed (seq INTEGER PRIMARY KEY, key TEXT NOT NULL) STRICT;
`;

export interface Database {
  readonly db: DatabaseSync;
  readonly journal: string;
  readonly version: string;
  /** tells this store from another one at the same place */
  readonly epoch: string;
}

/** Opens or creates the database. Throws DENIED, FULL, CORRUPT, UNSUPPORTED, UNAVAILABLE. */
export async function openDatabase(at: Location): Promise<Database> {
  const { DatabaseSync } = await import("node:sqlite");
  const remote = at.file !== ":memory:" && (await prepareFile(at.file));
  let db: DatabaseSync;
  try {
    db = new DatabaseSync(at.file, { timeout: 0 });
  } catch (error) {
    throw failure(error, at.file);
  }
  try {
    return await patiently(() => setUp(db, at, remote), at.file);
  } catch (error) {
    db.close();
    throw error;
  }
}

function setUp(db: DatabaseSync, at: Location, remote: boolean): Database {
  const value = (sql: string): unknown => Object.values(db.prepare(sql).get() ?? {})[0];
  const application = value("PRAGMA application_id");
  const tables = value("SELECT count(*) FROM sqlite_schema");
  if (application !== APPLICATION && tables !== 0)
    throw new StoreError("CORRUPT", `${at.file} is the database of another program`);
  const version = String(value("SELECT sqlite_version()"));
  db.exec("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA fullfsync = ON; PRAGMA temp_store = MEMORY");
  db.exec("PRAGMA cache_size = -16000; PRAGMA wal_autocheckpoint = 4000");
  // costs nothing; a deletion on purpose leaves nothing at all: objects.ts
  db.exec("PRAGMA secure_delete = FAST");
  const wanted = at.journal ?? (safeWal(version) && !remote ? "wal" : "delete");
  const journal = String(value(`PRAGMA journal_mode = ${wanted}`));
  db.exec(`PRAGMA synchronous = ${at.synchronous}`);
  if (value("PRAGMA user_version") === 0) create(db);
  const found = value("PRAGMA user_version");
  if (found !== SCHEMA)
    throw new StoreError(
      "UNSUPPORTED",
      `${at.file} was written by a newer version of Citadel (its format is ${String(found)}, this one knows ${SCHEMA})`,
    );
  return { db, journal, version, epoch: String(value("SELECT epoch FROM store")) };
}

function create(db: DatabaseSync): void {
  db.exec("BEGIN IMMEDIATE");
  try {
    // somebody else may have been faster
    if (Object.values(db.prepare("PRAGMA user_version").get() ?? {})[0] === 0) {
      db.exec(schema);
      db.prepare("INSERT INTO store VALUES (1, ?, 0)").run(randomBytes(8).toString("hex"));
      db.exec(`PRAGMA application_id = ${APPLICATION}; PRAGMA user_version = ${SCHEMA}`);
    }
    db.exec("COMMIT");
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}

/** WAL with several processes can lose data before 3.51.3, and in the withdrawn 3.52.0 (https://sqlite.org/wal.html). */
function safeWal(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
  const number = major * 1_000_000 + minor * 1000 + patch;
  return number >= 3_051_003 && number !== 3_052_000;
}

/** Makes folder and file, for this user only. Returns whether they are on a network file system, where WAL fails. */
async function prepareFile(file: string): Promise<boolean> {
  const folder = dirname(file);
  try {
    makeFolder(folder);
    try {
      // only when it is new, and within one tick: closing any descriptor of a database drops this process's locks on it
      closeSync(openSync(file, "wx", 0o600));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    // NFS, SMB, CIFS, SMB2, Ceph, 9P
    const network = [0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x00c36400, 0x01021997];
    return network.includes((await statfs(folder)).type);
  } catch (error) {
    throw failure(error, file);
  }
}

/** Makes a folder and what is missing above it, all durable. Node's own `recursive` never ends in places like /proc. */
function makeFolder(path: string): void {
  for (let tries = 0; ; tries++)
    try {
      mkdirSync(path, 0o700);
      return syncFolder(dirname(path));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EEXIST") return;
      if (code !== "ENOENT" || tries > 0 || dirname(path) === path) throw error;
      makeFolder(dirname(path));
    }
}

function syncFolder(path: string): void {
  if (process.platform === "win32") return;
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
