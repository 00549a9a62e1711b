import { join } from "node:path";
import { StoreError, type Key } from "@citadel/core/driver";
import type { Disk } from "./disk.ts";
import { orMissing } from "./failure.ts";
import { start, type Header, type Started } from "./header.ts";
import { isImmutable, placeOf, versionName } from "./names.ts";
import type { Numbering } from "./numbering.ts";

/** What is at a key: the number of its newest version, 0 when there never was one, and that version's file. */
export interface Current<T> {
  readonly n: number;
  readonly file?: T;
}
export interface OpenFile extends Started {
  readonly fd: number;
}

/** Finds the newest versions below the folder `keys`. */
export function opening(disk: Disk, keys: string, numbers: Numbering) {
  const begin = async (path: string, key?: Key, hint?: number): Promise<OpenFile | undefined> => {
    const fd = await orMissing(disk.open(path, "r"));
    if (fd === undefined) return undefined;
    try {
      return { fd, ...(await start(disk, fd, key, hint)) };
    } catch (error) {
      await disk.close(fd);
      throw error;
    }
  };
  const openAt = async (
    place: string,
    immutable: boolean,
    key?: Key,
    hint?: number,
  ): Promise<Current<OpenFile>> => {
    if (immutable) {
      const file = await begin(place, key, hint);
      return file ? { n: 1, file } : { n: 0 };
    }
    for (let tries = 0; tries < 100; tries++) {
      const n = await numbers.newest(place);
      if (n === 0) return { n };
      const file = await begin(join(place, versionName(n)), key, hint);
      if (file) return { n, file };
      numbers.forget(place); // swept away since
    }
    throw new StoreError("UNAVAILABLE", `${place} changes faster than it can be read`);
  };
  const open = (key: Key, hint?: number) => openAt(placeOf(keys, key), isImmutable(key), key, hint);
  const headerOf = async (current: Current<OpenFile>): Promise<Current<Header>> => {
    if (!current.file) return { n: current.n };
    await disk.close(current.file.fd);
    return { n: current.n, file: current.file.header };
  };
  return {
    /** the newest version, opened, also when it says "deleted" or has expired; whoever asks closes it */
    open,
    header: async (key: Key) => headerOf(await open(key)),
    /** the header of the file or folder at `place`; undefined when there is none */
    headerAt: async (place: string, immutable: boolean) =>
      (await headerOf(await openAt(place, immutable))).file,
  };
}
