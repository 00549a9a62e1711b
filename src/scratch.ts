import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Paths of temporary files and folders in use; who ends the process before the work is done removes them. */
export type Scratch = Set<string>;

/** A folder for temporary files below `parent`, gone when `work` is done. */
export async function withFolder<T>(
  parent: string,
  scratch: Scratch,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  await mkdir(parent, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(parent, "local-"));
  scratch.add(folder);
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
    scratch.delete(folder);
  }
}

/** For a process that is about to end. */
export async function discard(scratch: Scratch): Promise<void> {
  for (const path of scratch) await rm(path, { recursive: true, force: true });
}

/** Writes a file that appears whole or not at all. @param mode of a file that is not there yet */
export async function replaceFile(
  path: string,
  content: AsyncIterable<Uint8Array>,
  scratch: Scratch,
  mode = 0o666,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = join(dirname(path), `.${basename(path).slice(0, 80)}-${randomUUID()}.tmp`);
  const before = await stat(path).catch(() => undefined);
  scratch.add(temporary);
  const file = await open(temporary, "wx", before?.mode ?? mode);
  try {
    for await (const chunk of content) await file.writeFile(chunk);
    await file.datasync();
    await file.close();
    await rename(temporary, path);
  } catch (error) {
    await file.close().catch(() => {});
    await rm(temporary, { force: true });
    throw error;
  } finally {
    scratch.delete(temporary);
  }
}
