import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";

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
