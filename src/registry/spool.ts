import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";

import { CitadelError } from "../errors.ts";
import type { Tarball } from "./types.ts";

/** Bytes on the disk that everything which is being uploaded shares. */
export interface Room {
  /** @throws E_RATE_LIMIT when so many are not left */
  take(bytes: number): void;
  give(bytes: number): void;
}

/** @param most bytes */
export function createRoom(most: number): Room {
  let taken = 0;
  return {
    take(bytes) {
      if (taken + bytes > most)
        throw new CitadelError(
          "E_RATE_LIMIT",
          `tarballs of more than ${most} bytes are being uploaded at this moment`,
          { hint: ["try again when others are done", "raise limits.uploads"], retryAfter: 10 },
        );
      taken += bytes;
    },
    give: (bytes) => void (taken -= bytes),
  };
}

export interface SpoolOptions {
  /** bytes that are taken at most */
  readonly limit: number;
  /** folder of the temporary file; made when it is first needed */
  readonly dir: string;
  /** bytes that may stay in memory @default 256 KiB */
  readonly memory?: number;
  /** that the file takes from @default without end */
  readonly room?: Room;
}

/** A tarball that has arrived; `dispose()` removes what it left on disk. */
export interface Spooled extends Tarball, AsyncDisposable {
  dispose(): Promise<void>;
}

/**
 * Takes a stream of any length: small ones stay in memory, others go to a file that only this user can read. Hashes are made
 * on the way. When the source fails, or is too long, nothing is left behind.
 * @throws E_TOO_LARGE, E_RATE_LIMIT, and whatever the source throws
 */
export async function spool(
  source: AsyncIterable<Uint8Array>,
  options: SpoolOptions,
): Promise<Spooled> {
  const { limit, dir, memory = 256 * 2 ** 10, room } = options;
  const sha512 = createHash("sha512");
  const sha1 = createHash("sha1");
  const path = join(dir, `spool-${process.pid}-${randomUUID()}`);
  const held: Uint8Array[] = [];
  let file: FileHandle | undefined;
  let size = 0;
  let taken = 0;
  const write = async (chunk: Uint8Array): Promise<void> => {
    room?.take(chunk.length);
    taken += chunk.length;
    await file?.writeFile(chunk);
  };
  const remove = async (): Promise<void> => {
    if (file) await rm(path, { force: true });
    room?.give(taken);
    taken = 0;
  };
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
        for (const part of held.splice(0)) await write(part);
      }
      await write(chunk);
    }
    await file?.close();
  } catch (error) {
    await file?.close().catch(() => {});
    await remove();
    throw error;
  }
  return {
    size,
    integrity: `sha512-${sha512.digest("base64")}`,
    shasum: sha1.digest("hex"),
    content: file
      ? { size, stream: () => createReadStream(path, { highWaterMark: 2 ** 18 }) }
      : Buffer.concat(held),
    dispose: remove,
    [Symbol.asyncDispose]: remove,
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
