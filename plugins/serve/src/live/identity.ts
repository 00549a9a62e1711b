import { CitadelError, errorCode } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import { ticketPrefix } from "@citadel/core/frames";
import { callerOf, type Shared } from "../context.ts";
import { remember, type Asked } from "../http/exchange.ts";
import type { Holder } from "./tickets.ts";

/** Who has opened a socket. */
export interface Identity {
  /** the same for all sockets of one session or token */
  readonly key: string;
  readonly caller: Caller;
  /** Who it is by now; undefined once session, token or account have ended. */
  again(): Promise<Caller | undefined>;
}

/**
 * Finds out at the upgrade who asks: by an `authorization`, by a ticket among the subprotocols, or by the cookie of the dashboard.
 * @throws E_AUTH_REQUIRED, E_AUTH_INVALID, E_CROSS_ORIGIN and those of tokens
 */
export async function identify(
  shared: Shared,
  asked: Asked,
  offered: readonly string[],
): Promise<Identity> {
  const ticket = offered.find((name) => name.startsWith(ticketPrefix));
  const shows = asked.header("authorization") !== undefined;
  const byTicket = !shows && ticket !== undefined;
  const look = byTicket
    ? byHolder(shared, asked, await shared.tickets.take(ticket.slice(ticketPrefix.length)))
    : byRequest(shared, asked);
  const caller = await look();
  const { principal } = caller;
  if (principal.kind === "anonymous")
    throw new CitadelError("E_AUTH_REQUIRED", "this needs an account: log in first");
  // a browser sends its cookie whoever makes it open a socket, and says who that is
  if (!shows && !byTicket && asked.header("origin") === undefined)
    throw new CitadelError("E_CROSS_ORIGIN", "whoever shows a cookie says where it comes from");
  return {
    key: principal.token ?? `user:${principal.name}`,
    caller,
    async again() {
      try {
        const now = await look();
        return now.principal.kind === "anonymous" ? undefined : now;
      } catch (error) {
        if (over.has(errorCode(error) ?? "")) return undefined;
        throw error;
      }
    },
  };
}

/** The same request asked again and again: what it showed is looked at anew each time. */
function byRequest(shared: Shared, asked: Asked): () => Promise<Caller> {
  const kept = remember(asked);
  return () => callerOf(shared, { ...kept });
}

function byHolder(
  { citadel: { accounts }, guard, sessions }: Shared,
  asked: Asked,
  { session, token = "" }: Holder,
): () => Promise<Caller> {
  const address = guard.client(asked);
  return async () => {
    if (session !== undefined) {
      const found = await sessions.byId(session, address);
      if (found) return found.caller;
      throw new CitadelError("E_AUTH_REQUIRED", "the session of the ticket has ended");
    }
    const principal = await accounts.byKey(token, { address });
    return { principal, via: "api", ...(address !== undefined && { address }) };
  };
}

/** What is said of credentials that have ended. */
const over: ReadonlySet<string> = new Set([
  "E_AUTH_REQUIRED",
  "E_AUTH_INVALID",
  "E_TOKEN_REVOKED",
  "E_TOKEN_EXPIRED",
  "E_TOKEN_ADDRESS",
]);
