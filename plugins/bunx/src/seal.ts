import { lstat, readdir, readFile, readlink, writeFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { sha256, type Entry } from "./cache.ts";

/** Path below the folder → SHA-256 of the content, hex; for a link `-> ` and where it leads. */
type Files = Readonly<Record<string, string>>;

const list = "files.json";
/** of the runner itself */
const own = new Set([list, "entry.json"]);
/** files that are read at a time */
const together = 32;

/** Writes down what every file of a draft is. @returns what its entry keeps of it */
export async function seal(draft: string): Promise<Pick<Entry, "lock" | "files" | "size">> {
  const found = await readdir(draft, { recursive: true, withFileTypes: true });
  const paths = found
    .filter((one) => !one.isDirectory())
    .map((one) => join(one.parentPath, one.name).slice(draft.length + 1))
    .filter((path) => !own.has(path))
    .map((path) => path.split(sep).join("/"))
    .sort();
  const sizes: number[] = [];
  const files: Record<string, string> = {};
  await inTurns(paths, async (path) => {
    files[path] = await hashOf(join(draft, path));
    sizes.push((await lstat(join(draft, path))).size);
  });
  const text = JSON.stringify(Object.fromEntries(paths.map((path) => [path, files[path]])));
  await writeFile(join(draft, list), text);
  const size = sizes.reduce((sum, one) => sum + one, 0);
  return { lock: files["package-lock.json"] ?? "", files: sha256(text), size };
}

/** Whether all files of an entry are as they were when it was made. What was added since does not count. */
export async function isWhole({ folder, files: expected }: Entry): Promise<boolean> {
  try {
    const text = await readFile(join(folder, list), "utf8");
    if (sha256(text) !== expected) return false;
    await inTurns(Object.entries(JSON.parse(text) as Files), async ([path, hash]) => {
      if ((await hashOf(join(folder, path))) !== hash) throw new Error(path);
    });
    return true;
  } catch {
    return false;
  }
}

async function hashOf(path: string): Promise<string> {
  const link = (await lstat(path)).isSymbolicLink();
  return link ? `-> ${await readlink(path)}` : sha256(await readFile(path));
}

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let n = 0; n < items.length; n += together)
    await Promise.all(items.slice(n, n + together).map(work));
}
