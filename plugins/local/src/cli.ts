import { readFile } from "node:fs/promises";
import { CitadelError } from "@citadel/core/errors";
import type { JsonObject } from "@citadel/core/registry";
import { parseObject } from "@citadel/core/pack";

/** @throws E_USAGE, E_INVALID_DOCUMENT */
export async function readMetadata(path: string | undefined): Promise<JsonObject> {
  if (path === undefined) return {};
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw new CitadelError("E_USAGE", `${path} cannot be read`, {
      hint: ["name a JSON file: -m metadata.json"],
      cause: error,
    });
  });
  return parseObject(text, path);
}
