import { createHash, randomBytes } from "node:crypto";
import { CitadelError } from "@citadel/core";
import { temporary, type Store } from "@citadel/core/store";

/** ms that a ticket is good for */
const lifetime = 30_000;

/** What a ticket stands on. */
export interface Holder {
  /** id of a session of the dashboard */
  readonly session?: string;
  /** key of a token */
  readonly token?: string | undefined;
}

/** Opens a WebSocket once, where a client can send no header of its own. */
export interface Tickets {
  issue(holder: Holder): Promise<{ readonly ticket: string; readonly expires: number }>;
  /** @throws E_AUTH_INVALID for one that was used, is too old or never was */
  take(ticket: string): Promise<Holder>;
}

/** Tickets lie in the store, so that every worker and server takes them, and each only once. */
export function createTickets({ driver }: Pick<Store, "driver">): Tickets {
  const tickets = temporary<Holder | "used">(driver, "ws-tickets");
  return {
    async issue(holder) {
      const ticket = randomBytes(16).toString("base64url");
      const expires = Date.now() + lifetime;
      const next = { value: holder, until: expires };
      await tickets.change(nameOf(ticket), () => ({ next, answer: undefined }));
      return { ticket, expires };
    },
    take: (ticket) =>
      tickets.change(nameOf(ticket), (now) => {
        if (!now || now.value === "used")
          throw new CitadelError("E_AUTH_INVALID", "the ticket was used already, or is too old", {
            hint: ["ask for another one: POST /_dashboard/api/ws-ticket"],
          });
        return { next: { value: "used", until: now.until }, answer: now.value };
      }),
  };
}

const nameOf = (ticket: string): string => createHash("sha256").update(ticket).digest("base64url");
