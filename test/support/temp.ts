import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new, empty folder of the caller's own; `remove()` deletes it with everything inside. */
export interface Temp {
  readonly path: string;
  remove(): Promise<void>;
}

export async function tempFolder(name: string): Promise<Temp> {
  const path = await mkdtemp(join(tmpdir(), `citadel-${name}-`));
  return {
    path,
    // package managers leave helpers behind that still write for a moment
    remove: () => rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }),
  };
}
