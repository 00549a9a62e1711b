import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Dirs } from "../config/settings.ts";

/** One catalog per store, so that two stores on one machine never mix. @param documents URL of the store */
export function catalogPath(dirs: Pick<Dirs, "data">, documents: string): string {
  const id = createHash("sha256").update(documents).digest("hex").slice(0, 16);
  return join(dirs.data, "catalog", `${id}.db`);
}
