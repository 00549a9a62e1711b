import type { Dirent, Stats } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** npm's own date for files in tarballs: equal content gives equal bytes. */
const mtime = new Date("1985-10-26T08:15:00.000Z");

/**
 * The gzipped tarball of some files, as npm packs them: below `package/`, with one date and without users.
 * @param executable files that get the executable bits
 */
export async function* pack(
  folder: string,
  files: readonly string[],
  executable: ReadonlySet<string>,
): AsyncGenerator<Uint8Array> {
  const { create } = await import("tar/create");
  const tarball = create(
    {
      cwd: folder,
      prefix: "package/",
      portable: true,
      strict: true,
      gzip: { level: 9 },
      mtime,
      filter: (path, entry) => {
        // What the umask and hard links made of a file is not part of its content.
        const file = entry as Stats;
        file.mode = file.mode & 0o100 || executable.has(plain(path)) ? 0o100755 : 0o100644;
        file.nlink = 1;
        return true;
      },
    },
    // A leading @ would mean "the entries of that archive".
    files.map((file) => `./${file}`),
  );
  yield* tarball as AsyncIterable<Uint8Array>;
}

const plain = (path: string) => path.replaceAll("\\", "/").replace(/^(?:\.\/)+/, "");

/**
 * Temporary files and folders that a killed process left behind.
 * @param age ms since the last change
 */
export async function leftovers(
  folder: string,
  age: number,
): Promise<{ readonly path: string; readonly bytes: number }[]> {
  const found = await readdir(folder, { withFileTypes: true }).catch(() => [] as Dirent[]);
  const now = Date.now();
  const old = [];
  for (const { name } of found) {
    const path = join(folder, name);
    const entry = await stat(path).catch(() => undefined);
    if (entry && now - entry.mtimeMs > age) old.push({ path, bytes: await bytesOf(path) });
  }
  return old;
}

async function bytesOf(path: string): Promise<number> {
  const entry = await stat(path).catch(() => undefined);
  if (!entry?.isDirectory()) return entry?.size ?? 0;
  const names = await readdir(path);
  const sizes = await Promise.all(names.map((name) => bytesOf(join(path, name))));
  return sizes.reduce((sum, size) => sum + size, 0);
}
