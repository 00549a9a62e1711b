import { readFile, rename, rm, stat, writeFile, mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { findProjectFile, settingsFileName, userFile, type Dirs } from "@citadel/core/config";
import { CitadelError } from "@citadel/core/errors";

export interface Wanted {
  readonly file?: string | undefined;
  readonly project: boolean;
}

/** The file that is meant: the one named, that of the project around, or the user's. */
export function settingsFileOf({ file, project }: Wanted, cwd: string, dirs: Dirs): string {
  if (file !== undefined) return resolve(cwd, file);
  if (!project) return userFile(dirs.config);
  return findProjectFile(cwd).path ?? join(cwd, settingsFileName);
}

/** Its text; undefined when there is none. @throws E_CONFIG */
export async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new CitadelError("E_CONFIG", `${path} cannot be read`, { cause: error });
  }
}

/** Writes a file whole or not at all; a new one is for its owner alone, since settings may hold passwords. @throws E_CONFIG */
export async function replace(path: string, text: string): Promise<void> {
  const draft = `${path}.${process.pid}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const mode = (await stat(path).catch(() => undefined))?.mode ?? 0o600;
    await writeFile(draft, text, { mode: mode & 0o777, flag: "wx" });
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {});
    throw new CitadelError("E_CONFIG", `${path} cannot be written`, {
      hint: ["name another file: --file <path>"],
      cause: error,
    });
  }
}
