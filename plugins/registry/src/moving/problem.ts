import { errorCode } from "@citadel/core/errors";
import type { Problem } from "./source.ts";

/** What no other package or token would get past either. */
const fatal = /^E_(?:STORE_|CANCELLED|AUTH_REQUIRED|FORBIDDEN|REMOTE_UNAVAILABLE)/;

/** What stays behind, as a report names it. @throws the error itself when it would stop everything else, too */
export function problemOf(error: unknown, subject: string, version?: string): Problem {
  const code = errorCode(error);
  if (code === undefined || fatal.test(code)) throw error;
  const { message } = error as Error;
  return { subject, ...(version !== undefined && { version }), code, message };
}
