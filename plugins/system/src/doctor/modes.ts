import { chmod, lstat } from "node:fs/promises";
import type { Repair } from "./finding.ts";

/** Takes the rights in `mask` away. */
export const narrow = (path: string, mask: number): Repair => ({
  what: `took rights of others away from ${path}`,
  async run() {
    const { mode } = await lstat(path);
    await chmod(path, mode & 0o7777 & ~mask);
  },
});

/** `755` */
export const octal = (mode: number): string => (mode & 0o777).toString(8).padStart(3, "0");
