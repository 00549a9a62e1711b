import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { CitadelError } from "../errors.ts";

/** ms that a writer waits for another one, which holds the lock for well under one */
const patience = 5000;

/** Excludes other writers of this machine, and goes with the process that held it: Node has no `flock`. */
export interface WriteLock {
  /** Runs something while nobody else holds the lock. What it starts must be over when it resolves. */
  within<T>(write: () => T | Promise<T>): Promise<T>;
  /** Resolves when nothing of this process waits for the lock or holds it. */
  idle(): Promise<void>;
  close(): void;
}

/** @param path of a SQLite file without tables, made when it is missing */
export function createLock(path: string): WriteLock {
  let opened: Promise<DatabaseSync> | undefined;
  let last: Promise<unknown> = Promise.resolve();

  const open = async (): Promise<DatabaseSync> => {
    const { DatabaseSync } = await import("node:sqlite");
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return new DatabaseSync(path, { timeout: patience });
  };
  const held = async <T>(write: () => T | Promise<T>): Promise<T> => {
    const db = await (opened ??= open());
    try {
      db.exec("BEGIN IMMEDIATE");
    } catch (error) {
      throw new CitadelError("E_CONFLICT", `${path} is held by another process`, { cause: error });
    }
    try {
      return await write();
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
    async idle() {
      for (let seen; seen !== last;) {
        seen = last;
        await seen;
      }
    },
    close: () => void opened?.then((db) => db.close()).catch(() => {}),
  };
}
