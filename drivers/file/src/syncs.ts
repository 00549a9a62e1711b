import { dirname } from "node:path";
import { StoreError } from "@citadel/core/driver";
import type { Disk } from "./disk.ts";

const MOST_KNOWN = 20_000;

/** Who makes things durable, and as seldom as that allows. */
export interface Syncs {
  /** throws UNAVAILABLE once a sync has failed: what the disk holds since then is unknown */
  check(): void;
  /** makes the content of an open file durable */
  file(fd: number): Promise<void>;
  /** makes the names in `folder`, and its own and those of its parents, durable */
  folder(folder: string): Promise<void>;
  /** makes a folder and its parents; their names are not yet durable */
  makeFolder(path: string): Promise<void>;
}

/**
 * Everything below `root`. Whoever asks for a folder while a sync of it runs shares the next one. That a folder's own
 * name is durable is remembered for `validMs`: no folder is removed sooner after it was in use.
 */
export function syncs(disk: Disk, root: string, validMs: number, now: () => number): Syncs {
  const running = new Map<string, { now: Promise<void>; next?: Promise<void> }>();
  const known = new Map<string, number>();
  let broken: unknown;

  const check = (): void => {
    if (broken)
      throw new StoreError(
        "UNAVAILABLE",
        `${root}: writing stopped because the disk failed to sync; check the disk, then restart`,
        { cause: broken },
      );
  };
  // a second fsync after a failed one may succeed although the data is gone
  const once = async (work: () => Promise<void>): Promise<void> => {
    check();
    try {
      await work();
    } catch (error) {
      // that a folder could not be opened says nothing about its data
      if ((error as NodeJS.ErrnoException).syscall !== "open") broken ??= error;
      throw error;
    }
  };
  const begin = (path: string): Promise<void> => {
    const sync = { now: once(() => disk.syncFolder(path)) };
    running.set(path, sync);
    const done = () => {
      if (running.get(path) === sync) running.delete(path);
    };
    sync.now.then(done, done);
    return sync.now;
  };
  const names = (path: string): Promise<void> => {
    const sync = running.get(path);
    if (!sync) return begin(path);
    // the one that runs may have begun too early for us
    return (sync.next ??= sync.now.then(
      () => begin(path),
      () => begin(path),
    ));
  };

  const makeFolder = async (path: string): Promise<void> => {
    // more than one try because a sweep may take the parent away again
    for (let tries = 0; ; tries++)
      try {
        await disk.mkdir(path);
        known.delete(path);
        return;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === "EEXIST") return;
        if (code !== "ENOENT" || tries > 3 || dirname(path) === path) throw error;
        await makeFolder(dirname(path));
      }
  };

  return {
    check,
    file: (fd) => once(() => disk.datasync(fd)),
    makeFolder,
    async folder(folder) {
      const at = now();
      const unsure: string[] = [];
      for (let path = folder; path.length > root.length; path = dirname(path)) {
        const since = known.get(path);
        if (since !== undefined && at >= since && at - since < validMs) break;
        unsure.push(path);
      }
      await Promise.all([folder, ...unsure.map((path) => dirname(path))].map(names));
      if (known.size > MOST_KNOWN) known.clear();
      for (const path of unsure) known.set(path, at);
    },
  };
}
