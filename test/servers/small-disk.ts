import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A file system of 12 MB in memory, of `owner` or of this user; undefined where nobody may mount one. */
export function smallDisk(owner?: {
  readonly uid: number;
  readonly gid: number;
}): { readonly path: string; remove(): void } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const path = mkdtempSync(join(tmpdir(), "citadel-small-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=12m", "tmpfs", path], { stdio: "ignore" });
  } catch {
    rmdirSync(path);
    return undefined;
  }
  if (owner) chownSync(path, owner.uid, owner.gid);
  chmodSync(path, 0o700);
  return {
    path,
    remove: () => void execFileSync("sh", ["-c", 'umount -l "$1" && rmdir "$1"', "sh", path]),
  };
}
