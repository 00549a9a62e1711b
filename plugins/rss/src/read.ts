import { confined } from "@citadel/core/documents";
import type { Read } from "./model.ts";
import type { Source } from "./parse.ts";

/** MB, ms */
const limits = { memory: 512, patience: 20_000 };

/** Reads what a server sent as a feed, or as a page that names some; within 512 MiB and 20 seconds. */
export async function read(source: Source): Promise<Read> {
  const found = await confined<Read>(new URL("./parse-worker.js", import.meta.url), source, limits);
  return found ?? { kind: "none", why: "it takes too much to read" };
}
