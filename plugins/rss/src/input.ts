import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { CitadelError } from "@citadel/core/errors";

/** A file, or standard input for `-`. @throws E_USAGE */
export async function readInput(path: string): Promise<Uint8Array> {
  if (path === "-") return buffer(process.stdin);
  return readFile(path).catch((cause: unknown) => {
    throw new CitadelError("E_USAGE", `${path} cannot be read`, { cause });
  });
}
