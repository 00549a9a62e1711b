import { catalogPath } from "../catalog/path.ts";
import { findDirs } from "../config/dirs.ts";
import type { Environment } from "../config/environment.ts";
import { clean } from "../terminal/text.ts";
import { complete } from "./complete.ts";
import { readSurface } from "./manifests.ts";

const most = 200;

/**
 * What a shell may offer, a line each: the value, a tab, what it is; at the end `:files` where a path may stand, else `:none`.
 * Never fails: a shell that completes has no place for errors.
 * @param root folder of Citadel's package
 */
export async function completionLines(
  words: readonly string[],
  { root, env, cwd }: { readonly root: string; readonly env: Environment; readonly cwd: string },
): Promise<string[]> {
  const dirs = findDirs(env);
  const surface = readSurface(root, dirs.data);
  const wanted = words.at(-1)?.replace(/^--[\w-]+=/, "") ?? "";
  let asked = false;
  let found = complete(words, surface, { packages: () => ((asked = true), []) });
  // names are read only where one can stand
  if (asked) {
    const names = await packageNames(wanted, env, cwd);
    found = complete(words, surface, { packages: () => names });
  }
  const lines = found.items
    // what cannot be one word of a command line
    .filter(({ value }) => !/[\s\p{Cc}]/u.test(value))
    .slice(0, most)
    .map(({ value, about }) => `${value}\t${clean(about)}`);
  return [...lines, found.files ? ":files" : ":none"];
}

/** Names in the catalog as it was left: nothing is opened that could wait or change anything. */
async function packageNames(prefix: string, env: Environment, cwd: string): Promise<string[]> {
  try {
    const { loadSettings } = await import("../config/load.ts");
    const dirs = findDirs(env);
    const { settings } = loadSettings({ env, cwd, dirs });
    const { DatabaseSync } = await import("node:sqlite");
    const path = catalogPath(dirs, settings.store.documents);
    const database = new DatabaseSync(path, { readOnly: true, timeout: 100 });
    try {
      const rows = database
        .prepare(
          "SELECT name FROM names WHERE versions > 0 AND name >= ? AND name < ? ORDER BY name LIMIT ?",
        ) // prettier-ignore
        .all(prefix, `${prefix}\u{10ffff}`, most) as unknown as { readonly name: string }[];
      return rows.map(({ name }) => name);
    } finally {
      database.close();
    }
  } catch {
    return []; // no settings, no catalog yet, or somebody is writing
  }
}
