import { join } from "node:path";
import { StoreError } from "@citadel/core/driver";
import { writeAll, type Disk } from "./disk.ts";
import { errno, tryRemoval } from "./failure.ts";
import type { Syncs } from "./syncs.ts";

/** Files that are not yet what they will be. */
export interface Temps {
  /** a file of these bytes, durable but for its name */
  make(bytes: Uint8Array): Promise<string>;
  /** a new file that `fill` writes, durable but for its name when this resolves, gone when it throws */
  fill(fill: (fd: number) => Promise<void>): Promise<string>;
  drop(path: string): Promise<void>;
  /** throws UNSUPPORTED unless files can have two names here */
  probe(): Promise<void>;
  /** removes what nobody has written to since `before`; the number of files */
  sweep(before: number): Promise<number>;
}

export function temps(disk: Disk, folder: string, syncs: Syncs, id: string): Temps {
  const active = new Set<string>();
  let made = 0;

  const drop = async (path: string): Promise<void> => {
    await tryRemoval(disk.unlink(path));
    active.delete(path);
  };
  const fill = async (write: (fd: number) => Promise<void>): Promise<string> => {
    syncs.check();
    const path = join(folder, `${id}-${made++}`);
    active.add(path);
    try {
      const fd = await disk.open(path, "wx");
      try {
        await write(fd);
        await syncs.file(fd);
      } finally {
        await disk.close(fd);
      }
      return path;
    } catch (error) {
      await drop(path).catch(() => {}); // the first error tells more; a sweep gets what is left
      throw error;
    }
  };
  const make = (bytes: Uint8Array): Promise<string> => fill((fd) => writeAll(disk, fd, bytes, 0));

  return {
    make,
    fill,
    drop,
    async probe() {
      const path = await make(new Uint8Array(0));
      const other = `${path}-link`;
      try {
        await disk.link(path, other);
        await drop(other);
      } catch (error) {
        if (!["EXDEV", "EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(errno(error) ?? ""))
          throw error;
        throw new StoreError(
          "UNSUPPORTED",
          `${folder}: this file system has no hard links, which this driver needs; use sqlite:/path/to/file.db there`,
          { cause: error },
        );
      } finally {
        await drop(path);
      }
    },
    async sweep(before) {
      let removed = 0;
      for (const name of await disk.readdir(folder)) {
        const path = join(folder, name);
        if (active.has(path)) continue;
        const stat = await disk.stat(path).catch(() => undefined);
        if (stat && stat.mtimeMs < before && (await tryRemoval(disk.unlink(path)))) removed++;
      }
      return removed;
    },
  };
}
