import { randomBytes } from "node:crypto";
import type { Asked } from "./exchange.ts";

/** Gives each request a name for logs and answers: the client's own when it is harmless, else a new one. */
export function createRequestIds(): (asked: Asked) => string {
  const prefix = randomBytes(6).toString("hex");
  let count = 0;
  return (asked) => incomingId(asked) ?? `${prefix}-${(count++).toString(36)}`;
}

/** The id that came with the request, when it is one. */
export function incomingId(asked: Asked): string | undefined {
  const id = asked.header("x-request-id");
  return id !== undefined && /^[\w.-]{1,64}$/.test(id) ? id : undefined;
}
