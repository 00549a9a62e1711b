import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import type { Actor } from "../store/types.ts";
import { CitadelError } from "../errors.ts";

/** ms that a writer waits for another one, which holds the lock for well under one */
const patience = 5000;
/** changes that are remembered for processes which have not looked since */
const remembered = 1000;

/** One change of the header, in the order of all of them, whichever process made it. */
export interface Numbered {
  readonly generation: number;
  readonly offset: number;
  readonly bytes: readonly number[];
  /** how whoever made it came; undefined: it was found in the file */
  readonly via: Actor["via"] | undefined;
}

/** What all processes of this machine agree on: who writes, and in which order what was changed. */
export interface WriteLock {
  /** Runs something while nobody else holds the lock. What it starts must be over when it resolves. */
  within<T>(write: (order: Order) => T | Promise<T>): Promise<T>;
  /** The number of the newest change; 0 before there was one. */
  newest(): Promise<number>;
  close(): void;
}

/** For the one who holds the lock. */
export interface Order {
  /** Changes behind a number, oldest first. */
  after(generation: number): readonly Numbered[];
  /** @returns its number */
  add(offset: number, bytes: readonly number[], via?: Actor["via"]): number;
}

/** @param path of a SQLite file, made when it is missing. Node has no `flock`; this lock goes with the process that held it */
export function createLock(path: string): WriteLock {
  let opened: Promise<DatabaseSync> | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const open = async (): Promise<DatabaseSync> => {
    const { DatabaseSync } = await import("node:sqlite");
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const db = new DatabaseSync(path, { timeout: patience });
    // an order that is lost with the machine is lost with everybody who knew it
    db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF");
    db.exec("CREATE TABLE IF NOT EXISTS change (generation INTEGER PRIMARY KEY, place INTEGER, bytes BLOB)"); // prettier-ignore
    // apart, so that a Citadel that knows nothing of it may go on beside this one
    db.exec("CREATE TABLE IF NOT EXISTS maker (generation INTEGER PRIMARY KEY, via TEXT)");
    return db;
  };
  const held = async <T>(write: (order: Order) => T | Promise<T>): Promise<T> => {
    const db = await (opened ??= open());
    try {
      db.exec("BEGIN IMMEDIATE");
    } catch (error) {
      throw new CitadelError("E_CONFLICT", `${path} is held by another process`, { cause: error });
    }
    try {
      return await write(orderOf(db));
    } finally {
      db.exec("COMMIT");
    }
  };

  return {
    // one connection, so the writers of this process wait for each other here
    within(write) {
      const result = last.then(() => held(write));
      last = result.catch(() => {});
      return result;
    },
    async newest() {
      if (!opened && !existsSync(path)) return 0;
      return newestOf(await (opened ??= open()));
    },
    close: () => void opened?.then((db) => db.close()).catch(() => {}),
  };
}

const newestOf = (db: DatabaseSync): number =>
  Number(db.prepare("SELECT max(generation) AS newest FROM change").get()?.["newest"] ?? 0);

const orderOf = (db: DatabaseSync): Order => ({
  after: (generation) =>
    db
      .prepare(
        "SELECT * FROM change LEFT JOIN maker USING (generation) WHERE generation > ? ORDER BY generation",
      )
      .all(generation)
      .map((row) => ({
        generation: Number(row["generation"]),
        offset: Number(row["place"]),
        bytes: [...(row["bytes"] as Uint8Array)],
        via: (row["via"] ?? undefined) as Numbered["via"],
      })),
  add(offset, bytes, via) {
    const generation = newestOf(db) + 1;
    db.prepare("INSERT INTO change VALUES (?, ?, ?)").run(generation, offset, Buffer.from(bytes));
    if (via) db.prepare("INSERT INTO maker VALUES (?, ?)").run(generation, via);
    for (const table of ["change", "maker"])
      db.prepare(`DELETE FROM ${table} WHERE generation <= ?`).run(generation - remembered);
    return generation;
  },
});
