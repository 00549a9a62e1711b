import { realpath } from "node:fs/promises";
import { homedir } from "node:os";
import { isAbsolute, relative, resolve, sep } from "node:path";
import process from "node:process";
import { CitadelError, environment, findDirs } from "@citadel/core";

export interface SandboxOptions {
  /** folders that may be written */
  readonly write: readonly string[];
}

/**
 * Flags that make Node refuse a program everything but reading its own files and the current folder: no other files, no child
 * processes, no native add-ons. The network stays open.
 * @throws E_USAGE where the current folder holds what a sandbox is for
 */
export async function sandboxFlags(
  entry: string,
  cwd: string,
  { write }: SandboxOptions,
): Promise<string[]> {
  const here = await realpath(cwd);
  const { data, config } = findDirs(environment());
  for (const [what, folder] of [
    ["your home folder", homedir()],
    ["what Citadel keeps", data],
    ["the settings of Citadel", config],
  ] as const)
    if (isWithin(await realpath(folder).catch(() => folder), here))
      throw new CitadelError("E_USAGE", `${here} holds ${what}, which a sandbox would show`, {
        hint: ["go into the folder of a project first"],
      });
  const folders = await Promise.all(write.map((path) => realpath(resolve(cwd, path))));
  return [
    "--permission",
    ...[entry, here, ...folders].map((path) => `--allow-fs-read=${path}`),
    ...folders.map((path) => `--allow-fs-write=${path}`),
    // later versions of Node deny the network too, unless they are told not to
    ...(process.allowedNodeEnvironmentFlags.has("--allow-net") ? ["--allow-net"] : []),
  ];
}

/** Whether a path is a folder, or lies below it. */
function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === "" || (!isAbsolute(way) && way !== ".." && !way.startsWith(`..${sep}`));
}
