import type { Shared } from "../context.ts";
import type { Asked } from "../http/exchange.ts";
import type { Asking } from "./approvals.ts";

/** What a request says of itself, short enough to be shown. */
export function askingOf(shared: Shared, asked: Asked, hostname?: unknown): Asking {
  return {
    address: shared.guard.client(asked) ?? "",
    client: shown(asked.header("user-agent"), 120),
    hostname: shown(hostname, 100),
    command: shown(asked.header("npm-command"), 30),
  };
}

const shown = (text: unknown, longest: number): string =>
  typeof text === "string" ? text.replace(/[\p{Cc}\p{Cf}]/gu, "").slice(0, longest) : "";
