import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

import { CitadelError } from "../errors.ts";
import type { Tarball } from "./types.ts";

export interface SpoolOptions {
  /** bytes that are taken at most */
  readonly limit: number;
  /** folder of the temporary file; made when it is first needed */
  readonly dir: string;
  /** bytes that may stay in memory @default 256 KiB */
  readonly memory?: number;
}

/** A tarball that has arrived; `dispose()` removes what it left on disk. */
export interface Spooled extends Tarball, AsyncDisposable {
  dispose(): Promise<void>;
}

/**
 * Takes a stream of any length: small ones stay in memory, others go to a file that only this user can read. Hashes are made
 * on the way. When the source fails, or is too long, nothing is left behind.
 * @throws E_TOO_LARGE, and whatever the source throws
 */
export async function spool(
  source: AsyncIterable<Uint8Array>,
  options: SpoolOptions,
): Promise<Spooled> {
  const { limit, dir, memory = 256 * 2 ** 10 } = options;
  const sha512 = createHash("sha512");
  const sha1 = createHash("sha1");
  const path = join(dir, `spool-${process.pid}-${randomUUID()}`);
  const held: Uint8Array[] = [];
  let file: FileHandle | undefined;
  let size = 0;
  try {
    for await (const chunk of source) {
      size += chunk.length;
      if (size > limit)
        throw new CitadelError("E_TOO_LARGE", `the tarball has more than ${limit} bytes`);
      sha512.update(chunk);
      sha1.update(chunk);
      if (!file && size <= memory) {
        held.push(chunk);
        continue;
      }
      if (!file) {
        await mkdir(dir, { recursive: true, mode: 0o700 });
        file = await open(path, "wx", 0o600);
        for (const part of held.splice(0)) await file.writeFile(part);
      }
      await file.writeFile(chunk);
    }
    await file?.close();
  } catch (error) {
    await file?.close().catch(() => {});
    if (file) await rm(path, { force: true });
    throw error;
  }
  const dispose = async (): Promise<void> => {
    if (file) await rm(path, { force: true });
  };
  return {
    size,
    integrity: `sha512-${sha512.digest("base64")}`,
    shasum: sha1.digest("hex"),
    content: file
      ? { size, stream: () => createReadStream(path, { highWaterMark: 2 ** 18 }) }
      : Buffer.concat(held),
    dispose,
    [Symbol.asyncDispose]: dispose,
  };
}

/** A tarball whose bytes are in memory already. */
export function tarballOf(content: Uint8Array): Tarball {
  return {
    size: content.length,
    integrity: `sha512-${createHash("sha512").update(content).digest("base64")}`,
    shasum: createHash("sha1").update(content).digest("hex"),
    content,
  };
}
