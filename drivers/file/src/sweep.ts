import { join } from "node:path";
import type { ETag, Key } from "@citadel/core/driver";
import { orMissing, tryRemoval } from "./failure.ts";
import { isImmutable, versionName } from "./names.ts";
import { alive, type Objects, type Surroundings } from "./objects.ts";

/** Frees old versions, expired objects, tombstones older than `olderThanMs`, empty folders. Returns how many files went. */
export async function sweepKeys(
  around: Surroundings,
  objects: Objects,
  expire: (key: Key, etag: ETag) => Promise<boolean>,
  olderThanMs: number,
  check: () => void,
): Promise<number> {
  const { disk, keys, grace, now, syncs } = around;
  let removed = 0;

  const expired = async (place: string, immutable: boolean): Promise<void> => {
    const header = await objects.headerAt(place, immutable).catch(() => undefined);
    if (!header || header.deleted || alive(header, now())) return;
    if (await expire(header.key, header.etag)) removed++;
  };
  const versions = async (folder: string): Promise<void> => {
    const { removed: pruned, left: there } = await objects.prune(folder);
    removed += pruned;
    await expired(folder, false);
    const last = there.at(-1);
    if (there.length !== 1 || last === undefined)
      return there.length === 0 ? leave(folder) : undefined;
    const path = join(folder, versionName(last));
    const header = await objects.headerAt(folder, false).catch(() => undefined);
    const stat = await orMissing(disk.stat(path));
    if (!header?.deleted || !stat || now() - stat.ctimeMs <= Math.max(grace, olderThanMs)) return;
    // or a power failure could keep this removal and undo that of a version before
    await syncs.folder(folder);
    // whoever has read it a moment ago links the next number, and the folder stays
    if (await tryRemoval(disk.unlink(path))) removed++;
    await tryRemoval(disk.rmdir(folder));
  };
  /** Removes an empty folder that was not in use for so long that nobody counts on it. */
  const leave = async (folder: string): Promise<void> => {
    const stat = await orMissing(disk.stat(folder));
    if (stat && now() - stat.mtimeMs > grace) await tryRemoval(disk.rmdir(folder));
  };
  const folder = async (path: string, immutable: boolean): Promise<void> => {
    for (const name of (await orMissing(disk.readdir(path))) ?? []) {
      check();
      const child = join(path, name);
      if (!name.endsWith("+"))
        await folder(child, immutable || (path === keys && isImmutable(`${name}/`)));
      else if (immutable) await expired(child, true);
      else await versions(child);
    }
    if (path === keys) return;
    if (((await orMissing(disk.readdir(path))) ?? [""]).length === 0) await leave(path);
  };
  await folder(keys, false);
  return removed;
}
