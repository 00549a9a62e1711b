import { StoreError, type Key, type StoreErrorCode } from "@citadel/core/driver";

/** How far a statement got before it failed. */
export type Stage =
  | "unsent" // it has not left this process, and will not
  | "sent"; // unless the server said no, nobody knows what became of it

// SQLSTATE codes, or their classes: https://www.postgresql.org/docs/current/errcodes-appendix.html
const states: Readonly<Record<string, readonly [StoreErrorCode, string]>> = {
  "28": ["DENIED", "user name or password are wrong, or pg_hba.conf does not let this user in"],
  "42501": ["DENIED", "this user may not do that: give it the schema, or let it create one"],
  "3D000": ["INVALID", "there is no such database: create it with createdb"],
  "53100": ["FULL", "its disk is full"],
  "53300": ["UNAVAILABLE", "it has no connection to spare: raise max_connections or lower ?pool="],
  "25006": ["UNAVAILABLE", "it is read-only, as a standby is: use the address of the primary"],
  "57P03": ["UNAVAILABLE", "it is starting or stopping; try again later"],
  "57014": ["UNAVAILABLE", "it took too long, and was cancelled"],
  "40": ["UNAVAILABLE", "others were in the way; try again"],
  "42704": ["UNSUPPORTED", "it is too old: version 13 is the first with what is needed"],
  "42": ["CORRUPT", "its tables are not what this version of Citadel made: restore a backup"],
  XX001: ["CORRUPT", "its data is damaged: restore a backup"],
  XX002: ["CORRUPT", "an index of it is damaged: REINDEX, or restore a backup"],
};

/**
 * What went wrong with a statement, as a StoreError. A change whose fate nobody knows is UNKNOWN; a question that got
 * no answer has changed nothing.
 */
export function failure(
  cause: unknown,
  { stage, changes, label, key }: { stage: Stage; changes: boolean; label: string; key?: Key },
): StoreError {
  const { message, code, severity } = cause as Error & { code?: string; severity?: string };
  const more = { cause, ...(key !== undefined && { key }) };
  const state = severity === undefined || code === undefined ? undefined : code;
  // after FATAL the connection is gone, and a commit may have been on its way
  const refused = state !== undefined && (stage === "unsent" || severity === "ERROR");
  if (refused) {
    const [verdict, why] = states[state] ?? states[state.slice(0, 2)] ?? ["UNAVAILABLE", message];
    return new StoreError(verdict, `PostgreSQL at ${label}: ${why} (${state})`, more);
  }
  // the client library's own words for: the server wants a password, and there is none
  if (/^SASL|client password must be/.test(message))
    return new StoreError(
      "DENIED",
      `PostgreSQL at ${label} wants a password: postgres://user:password@host/database`,
      more,
    );
  if (stage === "sent" && changes)
    return new StoreError(
      "UNKNOWN",
      `PostgreSQL at ${label} did not answer (${message}): whether this was done is not known`,
      more,
    );
  return new StoreError(
    "UNAVAILABLE",
    `PostgreSQL at ${label} cannot be reached: ${message}`,
    more,
  );
}
