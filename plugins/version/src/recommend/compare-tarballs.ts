import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { compareTrees, type TreeComparison } from "@citadel/core/compare";
import { unpack } from "@citadel/core/documents";

/** Two package tarballs: what the newer one changes for those who use the package. @throws E_INVALID_DOCUMENT, E_TOO_LARGE */
export async function compareTarballs(old: Uint8Array, now: Uint8Array): Promise<TreeComparison> {
  const folders: string[] = [];
  try {
    for (const _ of [old, now]) folders.push(await mkdtemp(join(tmpdir(), "citadel-version-")));
    const [from = "", to = ""] = folders;
    return await compareTrees(
      await unpack(Readable.from([old]), from),
      await unpack(Readable.from([now]), to),
    );
  } finally {
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  }
}
