import type { Caller, Principal } from "@citadel/core/access";
import { anonymous } from "@citadel/core/access";
import { CitadelError, errorCode } from "@citadel/core";
import type { Citadel } from "@citadel/core";
import type { Totals } from "@citadel/core/counts";
import type { Room } from "@citadel/core/registry";
import type { Limiter } from "@citadel/core/access";
import type { Approvals } from "./auth/approvals.ts";
import { issuing } from "./auth/issuer.ts";
import type { Sessions } from "./dashboard/session.ts";
import { authenticate, credentialsOf, type Credentials } from "./http/credentials.ts";
import type { Asked } from "./http/exchange.ts";
import type { JwtClaims, Jwts } from "@citadel/core/keys";
import type { Guard } from "./http/guard.ts";
import type { Figures } from "./limit/figures.ts";
import type { Hub } from "./live/hub.ts";
import type { Tickets } from "./live/tickets.ts";
import type { ServerVault } from "./broker/vault.ts";
import type { Monitor } from "./monitor/monitor.ts";

/** What all routes share. */
export interface Shared {
  readonly citadel: Citadel;
  readonly guard: Guard;
  /** whether new names may make an account, see `server.signup` */
  readonly signup: (asked: Asked) => Promise<boolean>;
  /** what waits for a person at a browser */
  readonly approvals: Approvals;
  readonly limiter: Limiter;
  readonly jwts: Jwts;
  /** who is signed in to the dashboard */
  readonly sessions: Sessions;
  /** whether a request target lies below `/_dashboard` */
  readonly isDashboard: (target: string) => boolean;
  /** what was asked and refused since the start */
  readonly figures: Figures;
  readonly monitor: Monitor;
  /** room for the tarballs that are being uploaded */
  readonly uploads: Room;
  /** sums of downloads */
  readonly totals: Totals;
  /** tells the sockets of this process what happens */
  readonly hub: Hub;
  /** open sockets for pages, which can send no header */
  readonly tickets: Tickets;
  /** the vault, as far as the identity of this server opens it */
  readonly vault: ServerVault;
  /** who makes a request, found once */
  readonly callers: WeakMap<Asked, Promise<Caller>>;
}

export const nobody: Caller = { principal: anonymous, via: "npm" };

/** Who makes this request. @throws E_AUTH_INVALID, E_BAD_REQUEST */
export function callerOf(shared: Shared, asked: Asked): Promise<Caller> {
  const known = shared.callers.get(asked);
  if (known) return known;
  const found = findCaller(shared, asked);
  shared.callers.set(asked, found);
  return found;
}

async function findCaller(shared: Shared, asked: Asked): Promise<Caller> {
  const shown = credentialsOf(asked);
  if (shown) return show(shared, asked, shown);
  // the only place where a cookie is worth anything
  const session = shared.isDashboard(asked.path) && (await shared.sessions.sessionOf(asked));
  return session ? session.caller : withAddress(anonymous, shared.guard.client(asked));
}

/** Whose these credentials are. @throws E_AUTH_INVALID and the other errors of tokens */
async function show(shared: Shared, asked: Asked, shown: Credentials): Promise<Caller> {
  const { citadel, guard } = shared;
  const address = guard.client(asked);
  const claims = shown.kind === "bearer" && (await claimsOf(shared, asked, shown.token));
  const principal = claims
    ? await citadel.accounts.byKey(claims.credential, { address })
    : await authenticate(citadel.accounts, shown, { address });
  return withAddress(principal, address);
}

/** What a JWT of this registry says; undefined for any other token. @throws E_AUTH_INVALID, E_TOKEN_EXPIRED */
export function claimsOf(
  { citadel, guard, jwts }: Shared,
  asked: Asked,
  token: string,
): Promise<JwtClaims | undefined> {
  const site = guard.site(asked);
  const issuers = async () => (await issuing(citadel, site)).issuers;
  return jwts.verify(token, { issuers, audience: site.base });
}

/** {@link callerOf}, but somebody. @throws E_AUTH_REQUIRED */
export async function signedIn(shared: Shared, asked: Asked): Promise<Caller> {
  const caller = await callerOf(shared, asked);
  if (caller.principal.kind === "anonymous")
    throw new CitadelError("E_AUTH_REQUIRED", "this needs an account: log in first");
  return caller;
}

/** The same, but an administrator. @throws E_AUTH_REQUIRED, E_FORBIDDEN */
export async function administrator(shared: Shared, asked: Asked): Promise<Caller> {
  const caller = await signedIn(shared, asked);
  if (!caller.principal.admin)
    throw new CitadelError("E_FORBIDDEN", "only an administrator sees and changes this", {
      hint: ["ask an administrator"],
    });
  return caller;
}

/**
 * Reads something as nobody first, and only when that is refused as whoever the request says to come from: a token costs
 * nothing where everybody may read, and one that has died does not stop an install of public packages.
 */
export function readAs<T>(
  shared: Shared,
  asked: Asked,
  read: (caller: Caller) => Promise<T>,
): Promise<T> {
  const shown = credentialsOf(asked);
  const reading = read(nobody);
  if (!shown) return reading;
  return reading.catch(async (error: unknown) => {
    if (!hidden.has(errorCode(error) ?? "")) throw error;
    return read(await show(shared, asked, shown));
  });
}

/** Whether what this caller read may be kept by caches that others use: whoever asks would get it. */
export const isShared = ({ principal }: Caller): boolean => principal.kind === "anonymous";

/** What a reader without rights is told. */
const hidden = new Set([
  "E_AUTH_REQUIRED",
  "E_FORBIDDEN",
  "E_PACKAGE_NOT_FOUND",
  "E_VERSION_NOT_FOUND",
]);

function withAddress(principal: Principal, address: string | undefined): Caller {
  return { principal, via: "npm", ...(address === undefined ? {} : { address }) };
}
