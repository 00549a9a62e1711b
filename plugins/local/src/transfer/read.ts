import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { pipeline } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { CitadelError } from "@citadel/core/errors";
import type { SpoolOptions } from "@citadel/core/registry";
import { counted } from "../publish.ts";
import type { ExportFormat } from "@citadel/core/transfer";
import { invalid, type Part } from "./part.ts";
import { readJson } from "./read-json.ts";
import { readTar } from "./read-tar.ts";

/** An export that can be read more than once. */
export interface Source {
  readonly format: ExportFormat;
  /** bytes of the file */
  readonly size: number;
  /** `hear` is told how many bytes of the file are read. @throws E_INVALID_DOCUMENT, E_TOO_LARGE */
  parts(hear: (bytes: number) => void): AsyncIterable<Part>;
}

/**
 * Looks what kind of export it is, whatever its name.
 * @param path for people
 * @throws E_USAGE when it cannot be read
 */
export async function openSource(path: string, options: SpoolOptions): Promise<Source> {
  const { size, magic } = await begin(path).catch((error: unknown) => {
    throw new CitadelError("E_USAGE", `${path} cannot be read`, {
      hint: ["name a file that citadel local:export has written"],
      cause: error,
    });
  });
  const coding = magic.startsWith("1f8b") ? "gz" : magic === "28b52ffd" ? "zst" : undefined;
  async function* bytes(hear: (bytes: number) => void): AsyncGenerator<Uint8Array, void, void> {
    const file = counted(createReadStream(path, { highWaterMark: 64 * 1024 }), hear);
    const unpacking = coding === "gz" ? createGunzip() : createZstdDecompress();
    try {
      // failures come out of the iteration
      yield* coding === undefined ? file : pipeline(file, unpacking, () => {});
    } catch (error) {
      if (typeof (error as { errno?: unknown }).errno !== "number") throw error;
      throw invalid(`it is damaged or cut off: ${(error as Error).message}`, error);
    }
  }
  let isJson = false;
  for await (const chunk of bytes(() => {})) {
    isJson = /^(?:\uFEFF)?\s*[{[]/.test(Buffer.from(chunk.subarray(0, 1024)).toString());
    break;
  }
  return {
    format: isJson ? "json" : coding === undefined ? "tar" : `tar.${coding}`,
    size,
    parts: (hear) => (isJson ? readJson : readTar)(bytes(hear), options),
  };
}

async function begin(path: string): Promise<{ size: number; magic: string }> {
  const { size } = await stat(path);
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return { size, magic: buffer.toString("hex", 0, bytesRead) };
  } finally {
    await file.close();
  }
}
