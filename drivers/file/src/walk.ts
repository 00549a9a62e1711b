import { join } from "node:path";
import type { Key } from "@citadel/core/driver";
import type { Disk } from "./disk.ts";
import { orMissing } from "./failure.ts";
import { decode, encode, isImmutable } from "./names.ts";

const WORTH_KEEPING = 500;
const QUIET_MS = 2000;

/** A key or a folder of keys. */
export interface Child {
  /** the true name: of a key, or of a folder with "/" at its end, which is their order among the others */
  readonly name: string;
  readonly path: string;
}
export interface Found {
  readonly key: Key;
  readonly place: string;
}

/** The names below a folder, in the order of the keys they stand for. */
export interface Walker {
  /** keys that start with `prefix` and come after `after`, ascending; some may be gone or deleted */
  walk(prefix: string, after: string): AsyncGenerator<Found, void, void>;
}

/** `keyAt` reads the true key out of the file or folder of one; `now` is the clock of the files. */
export function walker(
  disk: Disk,
  keys: string,
  keyAt: (place: string, immutable: boolean) => Promise<Key | undefined>,
  now: () => number,
): Walker {
  // a page after the other of a large folder should not read and sort it anew each time
  let kept: { folder: string; changed: number; children: readonly Child[] } | undefined;

  const firstKey = async (place: string, base: string): Promise<Key | undefined> => {
    if (place.endsWith("+")) return keyAt(place, isImmutable(base));
    for (const name of (await orMissing(disk.readdir(place))) ?? []) {
      const key = await firstKey(join(place, name), base);
      if (key !== undefined) return key;
    }
    return undefined;
  };
  const longName = async (
    folder: string,
    base: string,
    name: string,
  ): Promise<string | undefined> =>
    (await firstKey(join(folder, name), base))?.split("/")[base.split("/").length - 1];
  const children = async (folder: string, base: string): Promise<readonly Child[]> => {
    const changed = (await orMissing(disk.stat(folder)))?.mtimeMs;
    if (changed === undefined) return [];
    // two changes may carry one time, so a folder that has just changed is read again
    if (kept?.folder === folder && kept.changed === changed) return kept.children;
    const quiet = now() - changed > QUIET_MS;
    const names = (await orMissing(disk.readdir(folder))) ?? [];
    const found: Child[] = [];
    for (const name of names) {
      const isKey = name.endsWith("+");
      const segment =
        decode(isKey ? name.slice(0, -1) : name) ?? (await longName(folder, base, name));
      if (segment !== undefined)
        found.push({ name: isKey ? segment : `${segment}/`, path: join(folder, name) });
    }
    found.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    if (quiet && found.length >= WORTH_KEEPING) kept = { folder, changed, children: found };
    return found;
  };

  async function* below(
    folder: string,
    base: string,
    prefix: string,
    after: string,
  ): AsyncGenerator<Found, void, void> {
    const rest = prefix.slice(base.length);
    const slash = rest.indexOf("/");
    if (slash > 0) {
      // the prefix names the one folder that counts
      const segment = rest.slice(0, slash);
      return yield* below(join(folder, encode(segment)), `${base}${segment}/`, prefix, after);
    }
    for (const { name, path } of await children(folder, base)) {
      const full = base + name;
      if (!full.startsWith(prefix)) {
        if (full > prefix) return;
        continue;
      }
      if (!name.endsWith("/")) {
        if (full > after) yield { key: full, place: path };
      } else if (full > after || after.startsWith(full)) yield* below(path, full, prefix, after);
    }
  }

  return { walk: (prefix, after) => below(keys, "", prefix, after) };
}
