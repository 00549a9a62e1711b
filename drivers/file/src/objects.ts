import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  locked,
  StoreError,
  type Condition,
  type ETag,
  type Key,
  type Locks,
} from "@citadel/core/driver";
import type { Disk } from "./disk.ts";
import { errno, failure, orMissing } from "./failure.ts";
import type { Feed } from "./feed.ts";
import type { Header } from "./header.ts";
import { isImmutable, placeOf, versionName, versionsIn } from "./names.ts";
import { numbering, type Moment } from "./numbering.ts";
import { opening, type Current, type OpenFile } from "./opening.ts";
import type { Syncs } from "./syncs.ts";
import type { Temps } from "./temps.ts";

const PRUNED_EVERY = 16;

export interface Objects {
  /** the newest version, opened, also when it says "deleted" or has expired; whoever asks closes it */
  open(key: Key, hint?: number): Promise<Current<OpenFile>>;
  header(key: Key): Promise<Current<Header>>;
  /** the header of the file or folder at `place`; undefined when there is none */
  headerAt(place: string, immutable: boolean): Promise<Header | undefined>;
  /** throws CONFLICT when the condition does not hold at this moment */
  check(key: Key, condition: Condition): Promise<void>;
  /** makes the file of `temp` the newest version; `last` is called just before. Throws CONFLICT, UNKNOWN */
  replace(
    key: Key,
    condition: Condition,
    temp: () => Promise<string>,
    last: () => void,
  ): Promise<void>;
  /** `tombstone` makes a file that says "deleted". Throws CONFLICT, UNKNOWN */
  remove(
    key: Key,
    condition: Condition,
    tombstone: () => Promise<string>,
    last: () => void,
  ): Promise<void>;
  /** removes what has expired under this etag; false when something else is there by now */
  expire(key: Key, etag: ETag, tombstone: () => Promise<string>): Promise<boolean>;
  /** removes versions that were replaced more than the grace time ago, oldest first */
  prune(folder: string): Promise<{ removed: number; left: readonly number[] }>;
}

export interface Surroundings {
  readonly disk: Disk;
  /** the folder of all keys */
  readonly keys: string;
  /** ms that a replaced version stays, for slow readers and frozen writers */
  readonly grace: number;
  readonly now: () => number;
  readonly syncs: Syncs;
  readonly temps: Temps;
  readonly feed: Feed;
}

/** Keys as folders of numbered versions, where a new one is linked to the next free number; immutable ones as files. */
export function objects({ disk, keys, grace, now, syncs, temps, feed }: Surroundings): Objects {
  const numbers = numbering(disk, grace, now);

  const { open, header, headerAt } = opening(disk, keys, numbers);

  const demand = (key: Key, found: Header | undefined, { ifMatch, ifAbsent }: Condition): void => {
    if (ifMatch === undefined && !ifAbsent) return;
    const current = alive(found, now())?.etag;
    if (ifAbsent ? current === undefined : current === ifMatch) return;
    throw new StoreError(
      "CONFLICT",
      current === undefined ? `${key} does not exist` : `${key} is another version`,
      { key, ...(current !== undefined && { current }) },
    );
  };
  const conditional = ({ ifMatch, ifAbsent }: Condition): boolean =>
    ifMatch !== undefined || ifAbsent === true;

  const check = async (key: Key, condition: Condition): Promise<Header | undefined> => {
    if (!conditional(condition)) return undefined;
    const { file } = await header(key);
    try {
      demand(key, file, condition);
    } catch (error) {
      // whoever hears "it is there already" builds on that, so its name must hold
      if (condition.ifAbsent && isImmutable(key)) await syncs.folder(dirname(placeOf(keys, key)));
      throw error;
    }
    return file;
  };

  /** Runs what gives a file its name. */
  const named = async (work: () => Promise<void>): Promise<"done" | "taken" | "no folder"> => {
    try {
      await work();
      return "done";
    } catch (error) {
      if (errno(error) === "EEXIST") return "taken";
      if (errno(error) === "ENOENT") return "no folder";
      if (errno(error) === "EIO") throw unknown(error);
      throw error;
    }
  };
  /** What follows a change that everybody can see by now, and that may get lost until this is through. */
  const settle = async (key: Key, folder: string, also?: Promise<void>): Promise<void> => {
    try {
      await Promise.all([syncs.folder(folder), feed.changed(key), also]);
    } catch (error) {
      throw unknown(error, key);
    }
  };
  const vanished = (key: Key): StoreError =>
    new StoreError("UNAVAILABLE", `a sweep took this write for abandoned; write it again`, { key });

  /** After a long time between reading version `n` and adding the next: was that number new? */
  const confirm = async (key: Key, folder: string, n: number, readAt: Moment): Promise<void> => {
    if (numbers.age(readAt) <= grace / 2) return;
    const there = versionsIn((await orMissing(disk.readdir(folder))) ?? []);
    // versions go oldest first: as long as the one before is there, none after it has come and gone
    if (n === 0 ? there.at(-1) === 1 : there.includes(n)) return;
    throw new StoreError("UNKNOWN", "this process was frozen while it wrote, see what is there", {
      key,
    });
  };

  /** Adds what `temp` makes as the next version when `wanted` says so of the newest, which it is told if it `asks`. */
  const addVersion = async (
    key: Key,
    { asks, wanted }: { asks: boolean; wanted: (newest: Header | undefined) => boolean },
    temp: () => Promise<string>,
    last: () => void,
  ): Promise<boolean> => {
    const folder = placeOf(keys, key);
    let made: string | undefined;
    try {
      for (let tries = 0, missing = 0; ; tries++) {
        const readAt = numbers.moment();
        const { n, file } = asks ? await header(key) : { n: await numbers.newest(folder) };
        if (!wanted(file)) {
          // somebody else's tombstone must hold before we say that it is gone
          if (n > 0) await syncs.folder(folder);
          return false;
        }
        made ??= await temp();
        last();
        syncs.check();
        const from = made;
        const done = await feed.begin();
        try {
          const outcome = await named(() => disk.link(from, join(folder, versionName(n + 1))));
          if (outcome === "done") {
            await confirm(key, folder, n, readAt);
            numbers.remember(folder, n + 1, readAt);
            await settle(key, folder, temps.drop(from));
            if (n % PRUNED_EVERY === 0) await numbers.prune(folder).catch(() => {}); // else a sweep will
            return true;
          }
          if (outcome === "no folder") {
            if (missing++ > 2) throw vanished(key);
            await syncs.makeFolder(folder);
          } else if (tries > 3) await sleep(Math.random() * Math.min(tries, 20));
        } finally {
          done();
        }
      }
    } finally {
      if (made !== undefined) await temps.drop(made);
    }
  };

  // Two processes may not write different things to an immutable key, so conditions need to hold within one only.
  const locks: Locks = new Map();
  const setFile = async (
    key: Key,
    condition: Condition,
    temp: () => Promise<string>,
    last: () => void,
  ): Promise<void> => {
    const path = placeOf(keys, key);
    const folder = dirname(path);
    let made: string | undefined;
    try {
      for (let missing = 0; ;) {
        const file = await check(key, condition);
        made ??= await temp();
        last();
        syncs.check();
        const from = made;
        const done = await feed.begin();
        try {
          const create = condition.ifAbsent && !file;
          const outcome = await named(() =>
            create ? disk.link(from, path) : disk.rename(from, path),
          );
          if (outcome === "done") return await settle(key, folder, temps.drop(from));
          if (outcome === "no folder") {
            if (missing++ > 2) throw vanished(key);
            await syncs.makeFolder(folder);
          }
        } finally {
          done();
        }
      }
    } finally {
      if (made !== undefined) await temps.drop(made);
    }
  };
  const removeFile = async (
    key: Key,
    { asks, wanted }: { asks: boolean; wanted: (found: Header | undefined) => boolean },
    last: () => void,
  ): Promise<boolean> => {
    const path = placeOf(keys, key);
    if (asks && !wanted((await header(key)).file)) return false;
    last();
    syncs.check();
    const done = await feed.begin();
    try {
      if ((await named(() => disk.unlink(path))) === "done") await settle(key, dirname(path));
      return true;
    } finally {
      done();
    }
  };

  const guarded = async <T>(key: Key, work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw failure(error, key);
    }
  };

  return {
    open: (key, hint) => guarded(key, open(key, hint)),
    header: (key) => guarded(key, header(key)),
    headerAt,
    async check(key, condition) {
      await guarded(key, check(key, condition));
    },
    async replace(key, condition, temp, last) {
      if (isImmutable(key))
        return guarded(
          key,
          locked(locks, key, () => setFile(key, condition, temp, last)),
        );
      const wanted = (found: Header | undefined): boolean => {
        demand(key, found, condition);
        return true;
      };
      await guarded(key, addVersion(key, { asks: conditional(condition), wanted }, temp, last));
    },
    async remove(key, condition, tombstone, last) {
      const wanted = (found: Header | undefined): boolean => {
        demand(key, found, condition);
        return alive(found, now()) !== undefined;
      };
      await guarded(
        key,
        isImmutable(key)
          ? locked(locks, key, () =>
              removeFile(key, { asks: conditional(condition), wanted }, last),
            )
          : addVersion(key, { asks: true, wanted }, tombstone, last),
      );
    },
    expire(key, etag, tombstone) {
      const wanted = (found: Header | undefined): boolean => found?.etag === etag;
      const last = (): void => {};
      return guarded(
        key,
        isImmutable(key)
          ? locked(locks, key, () => removeFile(key, { asks: true, wanted }, last))
          : addVersion(key, { asks: true, wanted }, tombstone, last),
      );
    },
    prune: numbers.prune,
  };
}

/** The header unless it says "deleted" or has expired. */
export function alive(header: Header | undefined, now: number): Header | undefined {
  return header && !header.deleted && (header.expires ?? Infinity) > now ? header : undefined;
}

function unknown(cause: unknown, key?: Key): StoreError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new StoreError("UNKNOWN", `the disk failed after the change was made (${why})`, {
    cause,
    ...(key !== undefined && { key }),
  });
}
