import { setTimeout as sleep } from "node:timers/promises";
import { aborted, StoreError, type OpOptions, type StoreErrorCode } from "@citadel/core/driver";

/** How long an operation waits for other processes to let go of the database unless its caller says, in ms. */
export const PATIENCE = 30_000;

// Result codes of https://sqlite.org/rescode.html; the low byte is the primary one.
const READONLY_RECOVERY = 264;
const IOERR_FSYNC = 1034;
const IOERR_DIR_FSYNC = 1290;
const IOERR_SHMSIZE = 4874;
const codes: Readonly<Record<number, readonly [StoreErrorCode, string]>> = {
  3: ["DENIED", "this user may not use it"],
  8: ["DENIED", "it is read-only"],
  10: ["UNAVAILABLE", "reading or writing the disk failed"],
  11: ["CORRUPT", "it is damaged: restore it from a backup, or try `sqlite3 <file> .recover`"],
  13: ["FULL", "the disk is full"],
  14: ["DENIED", "it cannot be opened"],
  26: ["CORRUPT", "the file is not an SQLite database"],
};

const resultCode = (error: unknown): number => {
  const code = (error as { errcode?: unknown } | undefined)?.errcode;
  return typeof code === "number" ? code : 0;
};

/** Another connection holds what this one needs: SQLITE_BUSY, SQLITE_LOCKED and their extended codes. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return (code & 0xff) === 5 || (code & 0xff) === 6 || code === READONLY_RECOVERY;
}

/** What a checkpoint says with a value and not with an error. */
export const inTheWay = (): Error =>
  Object.assign(new Error("another connection reads the write-ahead log"), { errcode: 5 });

/** After a failed fsync nobody knows what the disk holds, and asking again may get a wrong yes. */
export function lostSync(error: unknown): boolean {
  const code = resultCode(error);
  return code === IOERR_FSYNC || code === IOERR_DIR_FSYNC;
}

/** What went wrong with `file` as a StoreError; errors that do not come from SQLite or the file system stay as they are. */
export function failure(error: unknown, file: string): unknown {
  const code = resultCode(error);
  if (code === 0) return systemFailure(error, file);
  if (isBusy(error))
    return new StoreError("UNAVAILABLE", `${file} is locked by another process; try again later`, {
      cause: error,
    });
  const [store, why] = (code === IOERR_SHMSIZE ? codes[13] : codes[code & 0xff]) ?? [
    "UNAVAILABLE",
    `SQLite says: ${(error as Error).message}`,
  ];
  return new StoreError(store, `${file}: ${why}`, { cause: error });
}

function systemFailure(error: unknown, file: string): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === "EACCES" || code === "EPERM" || code === "EROFS")
    return new StoreError("DENIED", `${file}: this user may not create it (${code})`, {
      cause: error,
    });
  if (code === "ENOSPC" || code === "EDQUOT")
    return new StoreError("FULL", `${file}: the disk is full`, { cause: error });
  if (code === "ENOTDIR" || code === "EISDIR" || code === "ENOENT" || code === "ENAMETOOLONG")
    return new StoreError("INVALID", `${file}: not a place for a file (${code})`, { cause: error });
  return error;
}

/** Pauses before try number `n`: a moment first, then longer, at random so that waiting processes do not meet again. */
export async function pause(n: number, signal?: AbortSignal): Promise<void> {
  await sleep(n < 2 ? 0 : 1 + Math.random() * Math.min(2 ** n, 20), undefined, {
    ...(signal && { signal }),
  });
}

/** Runs `work` until nobody else is in the way. The API blocks, so waiting happens here and not inside SQLite. */
export async function patiently<T>(
  work: () => T,
  file: string,
  options: OpOptions = {},
  stop?: AbortSignal,
): Promise<T> {
  const until = performance.now() + (options.timeoutMs ?? PATIENCE);
  for (let n = 0; ; n++) {
    if (options.signal?.aborted) throw aborted(options.signal);
    if (stop?.aborted) throw aborted(stop);
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || performance.now() > until) throw failure(error, file);
    }
    await pause(n);
  }
}
