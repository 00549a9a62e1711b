import { readdirSync } from "node:fs";
import { dirname, resolve } from "node:path";

/** Folders that may be meant by the beginning of a path; none with blanks, which would need quotes. */
export function foldersBelow(typed: string): readonly string[] {
  const parent = typed.endsWith("/") ? typed : typed.includes("/") ? `${dirname(typed)}/` : "";
  try {
    return readdirSync(resolve(parent || "."), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !/^\.|\s|node_modules/.test(entry.name))
      .map(({ name }) => `${parent === "//" ? "/" : parent}${name}/`);
  } catch {
    return [];
  }
}
