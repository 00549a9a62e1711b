import { mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseSync } from "node:sqlite";
import { CitadelError } from "../errors.ts";
import { transaction } from "../sqlite.ts";
import { schema, version } from "./schema.ts";

/**
 * Opens the catalog's database, made anew when the file is missing, damaged or of another version. Several processes may
 * hold it at once.
 * @param prepare runs on the open database; a failure in it counts as damage
 * @throws E_STORE_UNAVAILABLE when there can be no such file
 */
export async function openDatabase<T>(
  path: string,
  prepare: (db: DatabaseSync) => T,
): Promise<{ db: DatabaseSync; prepared: T }> {
  for (let again = 0; ; again++) {
    const db = await openFile(path);
    try {
      await whenFree(() => {
        db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
        if (userVersion(db) === 0) transaction(db, () => userVersion(db) === 0 && db.exec(schema));
      });
      if (userVersion(db) !== version) throw new Error("another version of the catalog");
      return { db, prepared: prepare(db) };
    } catch (error) {
      db.close();
      if (unusable(error)) throw unavailable(path, error);
      if (busy(error) || again === 2) throw error;
      await removeDatabase(path);
    }
  }
}

async function openFile(path: string): Promise<DatabaseSync> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    // A wait blocks the event loop, so it is short here and repeated outside.
    return new DatabaseSync(path, { timeout: 20 });
  } catch (error) {
    throw unavailable(path, error);
  }
}

const unavailable = (path: string, cause: unknown): CitadelError =>
  new CitadelError("E_STORE_UNAVAILABLE", `the catalog ${path} cannot be opened`, {
    hint: ["make its folder writable, or choose another one: CITADEL_DATA_DIR"],
    cause,
  });

/** Deletes the file and what SQLite keeps beside it. Processes that have it open keep their own, unseen by others. */
export async function removeDatabase(path: string): Promise<void> {
  for (const suffix of ["-wal", "-shm", ""]) await rm(path + suffix, { force: true });
}

/** Runs `work`, which holds one short transaction, until no other process is in the way. */
export async function whenFree<T>(work: () => T, signal?: AbortSignal): Promise<T> {
  for (let again = 0; ; again++) {
    signal?.throwIfAborted();
    try {
      return work();
    } catch (error) {
      if (!busy(error) || again === 400) throw error;
      await sleep(Math.random() * Math.min(50, 2 ** again));
    }
  }
}

/** SQLite found the file broken (SQLITE_CORRUPT, SQLITE_NOTADB). */
export const damaged = (error: unknown): boolean => [11, 26].includes(sqliteCode(error));

const busy = (error: unknown) => [5, 6].includes(sqliteCode(error));

/** No rights, no space, no such place: deleting the file would not help. */
const unusable = (error: unknown) => [3, 8, 10, 13, 14, 23].includes(sqliteCode(error));

/** The primary result code of https://sqlite.org/rescode.html, 0 for other errors. */
function sqliteCode(error: unknown): number {
  const code = (error as { errcode?: unknown } | undefined)?.errcode;
  return typeof code === "number" ? code & 0xff : 0;
}

const userVersion = (db: DatabaseSync) => db.prepare("PRAGMA user_version").get()?.["user_version"];
