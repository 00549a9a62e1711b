import { randomBytes } from "node:crypto";
import type { Asked } from "./exchange.ts";
import type { Traced } from "../trace/tracer.ts";

/** Gives each request a name for logs and answers: the client's own when it is harmless, else that of its span, else a new one. */
export function createRequestIds(): (asked: Asked, traced: Traced | undefined) => string {
  const prefix = randomBytes(6).toString("hex");
  let count = 0;
  return (asked, traced) =>
    incomingId(asked) ?? traced?.id ?? `${prefix}-${(count++).toString(36)}`;
}

/** The id that came with the request, when it is one. */
export function incomingId(asked: Asked): string | undefined {
  const id = asked.header("x-request-id");
  return id !== undefined && /^[\w.-]{1,64}$/.test(id) ? id : undefined;
}
