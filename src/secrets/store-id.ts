import { createHash } from "node:crypto";

/** Names a store in the files that this machine keeps about it. @param url without credentials */
export const storeIdOf = (url: string): string =>
  createHash("sha256").update(url).digest("hex").slice(0, 16);
