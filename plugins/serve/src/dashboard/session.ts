import { createHash, randomBytes } from "node:crypto";
import { CitadelError, errorCode } from "@citadel/core";
import { local, type Accounts, type Caller, type Principal } from "@citadel/core/access";
import { temporary, type Store } from "@citadel/core/store";
import type { Asked } from "../http/exchange.ts";
import type { Guard } from "../http/guard.ts";

/** ms that somebody stays signed in */
export const sessionLifetime = 12 * 3_600_000;
/** ms that a link of the start is good for */
const linkLifetime = 60_000;

/** What lies in the store, under the SHA-256 of the cookie. */
interface Kept {
  /** key of the token that it stands on; absent: whoever started the server */
  readonly credential?: string;
  /** the token was made for this session, and ends with it */
  readonly own?: true;
}

/** Somebody who is signed in to the dashboard, with what they may at this moment. */
export interface Session {
  /** tells sessions apart; says nothing of the cookie */
  readonly id: string;
  readonly caller: Caller;
  readonly rights: Rights;
}

export interface Rights {
  readonly read: boolean;
  readonly write: boolean;
  readonly admin: boolean;
}

export interface Sessions {
  /** Who makes this request by the cookie of the dashboard; undefined for nobody, and once account, token or session have ended. */
  sessionOf(asked: Asked): Promise<Session | undefined>;
  /** The same by its id, as something else proves that it was shown. */
  byId(id: string, address: string | undefined): Promise<Session | undefined>;
  /** @param by what was shown. @returns the value of `set-cookie` */
  open(asked: Asked, by: Kept): Promise<string>;
  /** Uses up a link of {@link createLink}. @throws E_AUTH_INVALID */
  useLink(code: string): Promise<void>;
  /** Ends the session of this request at once, everywhere. @returns the value of `set-cookie` */
  close(asked: Asked): Promise<string>;
}

export interface SessionsOptions {
  readonly store: Pick<Store, "driver">;
  readonly accounts: Accounts;
  readonly guard: Guard;
}

/** Sessions of the dashboard. They lie in the store, so that every worker and server knows them, and knows at once of their end. */
export function createSessions({ store: { driver }, accounts, guard }: SessionsOptions): Sessions {
  const sessions = temporary<Kept>(driver, "sessions");
  const links = temporary<"open" | "used">(driver, "links");
  const known = new WeakMap<Asked, Promise<Session | undefined>>();

  const principalOf = async (
    { credential }: Kept,
    address: string | undefined,
  ): Promise<Principal | undefined> => {
    if (credential === undefined) return local;
    try {
      return await accounts.byKey(credential, { address });
    } catch (error) {
      if (!over.has(errorCode(error) ?? "")) throw error;
      return undefined;
    }
  };

  const find = async (asked: Asked): Promise<Session | undefined> => {
    const cookie = cookieOf(asked, cookieTerms(asked));
    if (cookie === undefined) return undefined;
    return byId(hashOf(cookie), guard.client(asked));
  };

  const byId: Sessions["byId"] = async (id, address) => {
    const kept = await sessions.read(id);
    const principal = kept && (await principalOf(kept, address));
    if (!principal) return undefined;
    const caller = { principal, via: "api", ...(address !== undefined && { address }) } as const;
    return { id, caller, rights: rightsOf(principal) };
  };

  const cookieTerms = (asked: Asked): CookieTerms => {
    if (guard.overTls(asked))
      return { name: "__Host-citadel", attributes: "Path=/; Secure; HttpOnly; SameSite=Strict" };
    const { base, origins } = guard.site(asked);
    const used = new URL(origins.at(-1) ?? base);
    const { host, pathname } = new URL(base);
    const path = used.host === host || asked.path.startsWith(`${pathname}_`) ? pathname : "/";
    return {
      // browsers do not tell two servers on one machine apart by their ports
      name: used.port === "" ? "citadel" : `citadel-${used.port}`,
      attributes: `Path=${path}_dashboard; HttpOnly; SameSite=Strict`,
    };
  };

  const sessionOf: Sessions["sessionOf"] = (asked) => {
    const found = known.get(asked) ?? find(asked);
    known.set(asked, found);
    return found;
  };

  return {
    sessionOf,
    byId,

    async open(asked, by) {
      const cookie = secret();
      const until = Date.now() + sessionLifetime;
      await sessions.change(hashOf(cookie), () => ({
        next: { value: by, until },
        answer: undefined,
      }));
      const { name, attributes } = cookieTerms(asked);
      return `${name}=${cookie}; Max-Age=${sessionLifetime / 1000}; ${attributes}`;
    },

    useLink: (code) =>
      links.change(hashOf(code), (now) => {
        if (now?.value !== "open")
          throw new CitadelError("E_AUTH_INVALID", "the link was used already, or is too old", {
            hint: ["sign in with an account", "or start the server again for a new link"],
          });
        return { next: { value: "used", until: now.until }, answer: undefined };
      }),

    async close(asked) {
      const terms = cookieTerms(asked);
      const cookie = cookieOf(asked, terms);
      if (cookie !== undefined) {
        const session = await sessionOf(asked);
        const kept = await sessions.change(hashOf(cookie), (now) => ({
          next: now && { value: now.value, until: Date.now() },
          answer: now?.value,
        }));
        if (kept?.own && kept.credential !== undefined && session) {
          const { principal, via, address } = session.caller;
          const who = { name: principal.name, via, ...(address !== undefined && { address }) };
          await accounts.revokeKey(principal.name, kept.credential, who);
        }
      }
      return `${terms.name}=; Max-Age=0; ${terms.attributes}`;
    },
  };
}

/** A code that signs in once, as the one who started the server. @returns 128 bits */
export async function createLink({ driver }: Pick<Store, "driver">): Promise<string> {
  const code = secret();
  const until = Date.now() + linkLifetime;
  await temporary<"open" | "used">(driver, "links").change(hashOf(code), () => ({
    next: { value: "open", until },
    answer: undefined,
  }));
  return code;
}

export const rightsOf = ({ grant, admin }: Principal): Rights => ({
  read: (grant?.packages ?? "write") !== "none",
  write: (grant?.packages ?? "write") === "write",
  admin,
});

interface CookieTerms {
  readonly name: string;
  readonly attributes: string;
}

const cookieOf = (asked: Asked, { name }: CookieTerms): string | undefined => {
  for (const pair of (asked.header("cookie") ?? "").split(";")) {
    const [key = "", value = ""] = pair.trim().split("=", 2);
    if (key === name && /^[\w-]{22}$/.test(value)) return value;
  }
  return undefined;
};

/** What somebody is told whose account or token has ended. */
const over: ReadonlySet<string> = new Set([
  "E_AUTH_INVALID",
  "E_TOKEN_REVOKED",
  "E_TOKEN_EXPIRED",
  "E_TOKEN_ADDRESS",
]);

const secret = (): string => randomBytes(16).toString("base64url");
const hashOf = (text: string): string => createHash("sha256").update(text).digest("base64url");
