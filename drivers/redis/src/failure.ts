import { StoreError, type Key, type StoreErrorCode } from "@citadel/core/driver";

/** How far a command got before it failed. */
export type Stage =
  | "unsent" // it has not left this process, and will not
  | "sent" // nobody knows what the server did with it
  | "answered"; // the server said no

// The first word of an error reply, as the server's documentation has them.
const replies: Readonly<Record<string, readonly [StoreErrorCode, string]>> = {
  OOM: ["FULL", "it has reached its maxmemory: give it more, or remove something"],
  NOAUTH: ["DENIED", "it wants a password: put it into the URL, redis://user:password@host"],
  WRONGPASS: ["DENIED", "user name or password are wrong"],
  NOPERM: ["DENIED", "this user may not do that; it needs ~{citadel:*}* +@all -@admin +config|get"],
  READONLY: ["UNAVAILABLE", "it is a replica: use the address of the primary"],
  MASTERDOWN: ["UNAVAILABLE", "it is a replica that has lost its primary"],
  LOADING: ["UNAVAILABLE", "it is still loading its data; try again later"],
  BUSY: ["UNAVAILABLE", "somebody's script keeps it busy; try again later"],
  NOREPLICAS: ["UNAVAILABLE", "it has fewer replicas than it demands for writing"],
  CLUSTERDOWN: ["UNAVAILABLE", "its cluster is down; try again later"],
  MOVED: ["UNSUPPORTED", "it is a cluster, and another node of it has this store"],
  ASK: ["UNAVAILABLE", "its cluster is moving this store; try again later"],
};

/**
 * What went wrong with a command, as a StoreError. A change whose fate nobody knows is UNKNOWN; a question that got no
 * answer has changed nothing.
 */
export function failure(
  cause: unknown,
  { stage, changes, label, key }: { stage: Stage; changes: boolean; label: string; key?: Key },
): StoreError {
  const message = cause instanceof Error ? cause.message : String(cause);
  const more = { cause, ...(key !== undefined && { key }) };
  if (stage === "answered") {
    const [code, why] = verdict(message);
    return new StoreError(code, `Redis at ${label}: ${why}`, more);
  }
  if (stage === "sent" && changes)
    return new StoreError(
      "UNKNOWN",
      `Redis at ${label} did not answer (${message}): whether this was done is not known`,
      more,
    );
  return new StoreError("UNAVAILABLE", `Redis at ${label} cannot be reached: ${message}`, more);
}

function verdict(message: string): readonly [StoreErrorCode, string] {
  const word = /^[A-Z]+\b/.exec(message)?.[0] ?? "";
  if (word === "MISCONF")
    return [
      /no space left/i.test(message) ? "FULL" : "UNAVAILABLE",
      `it cannot write to its disk, and refuses changes until it can: ${message}`,
    ];
  if (/^ERR.*-OOM /.test(message)) return replies["OOM"]!; // from inside a script, before version 7
  if (/^ERR AUTH |^ERR invalid password/i.test(message))
    return ["DENIED", "it has no such user or password"];
  if (/^ERR.*DB index/.test(message)) return ["INVALID", "it has no database of that number"];
  if (/^(?:NOPROTO|ERR unknown command)/.test(message))
    return ["UNSUPPORTED", `it is too old, or lacks a command: ${message.slice(0, 120)}`];
  return replies[word] ?? ["UNAVAILABLE", `it says: ${message.slice(0, 200)}`];
}
