import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

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
