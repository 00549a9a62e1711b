import type { Stats } from "node:fs";

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
