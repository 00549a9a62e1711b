import { createHash } from "node:crypto";

/** SHA-256, base64url. */
export const hash = (content: string | Uint8Array): string =>
  createHash("sha256").update(content).digest("base64url");
