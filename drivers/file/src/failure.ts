import { StoreError, type Key, type StoreErrorCode } from "@citadel/core/driver";

const codes: Readonly<Record<string, readonly [StoreErrorCode, string]>> = {
  ENOSPC: ["FULL", "the disk is full"],
  EDQUOT: ["FULL", "the disk quota is used up"],
  EFBIG: ["TOO_LARGE", "the file system takes no file of that size"],
  EACCES: ["DENIED", "this user may not do that"],
  EPERM: ["DENIED", "the system does not permit that"],
  EROFS: ["DENIED", "the file system is read-only"],
  ENOTDIR: ["INVALID", "there is a file where a folder should be"],
  ENAMETOOLONG: ["INVALID", "the path is too long for this file system"],
  EMFILE: ["UNAVAILABLE", "this process has too many open files: raise `ulimit -n`"],
  ENFILE: ["UNAVAILABLE", "the system has too many open files"],
};

/** Node's code of a failed system call, as in "ENOENT". */
export function errno(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

/** A failed system call as a StoreError; other errors stay as they are. */
export function failure(error: unknown, key?: Key): unknown {
  if (error instanceof StoreError || typeof (error as NodeJS.ErrnoException)?.errno !== "number")
    return error;
  const { code = "", message } = error as NodeJS.ErrnoException;
  const [store, why] = codes[code] ?? ["UNAVAILABLE", "the disk failed"];
  return new StoreError(store, `${why} (${message})`, {
    cause: error,
    ...(key !== undefined && { key }),
  });
}

/** The value of `work`, or undefined when what it names is not there. */
export async function orMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (errno(error) === "ENOENT" || errno(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/** Removes what may be gone already, or be held open by somebody on Windows; returns whether it went. */
export async function tryRemoval(work: Promise<void>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (["ENOENT", "EPERM", "EBUSY", "ENOTEMPTY", "EEXIST"].includes(errno(error) ?? ""))
      return false;
    throw error;
  }
}
