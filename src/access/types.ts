import type { Actor } from "../store/types.ts";

/** Who asks. Users and tokens of every sort end as one of these. */
export interface Principal {
  readonly kind: "anonymous" | "user" | "local";
  /** user name; `local` for the operating-system user; empty for anonymous */
  readonly name: string;
  readonly admin: boolean;
  /** id (SHA-256, hex) of the token that was shown, if any */
  readonly token?: string;
  /** false for a read-only token */
  readonly write: boolean;
}

export type Action = "read" | "write";

/** What may be asked about: an existing package with its owners, or a name that is still free. */
export interface Target {
  readonly name: string;
  /** undefined while nobody has published it */
  readonly owners: readonly string[] | undefined;
  /** owner of the name's scope; undefined when it has none */
  readonly scopeOwner: string | undefined;
}

/** Rules of the place: on a loopback server with the open policy any signed-in user may publish on what `local` owns. */
export interface AccessPolicy {
  readonly open: boolean;
}

export interface UserState {
  readonly name: string;
  readonly email: string;
  /** PHC string */
  readonly password: string;
  readonly admin: boolean;
  /** ms since 1970 */
  readonly created: number;
  /** ids of live tokens, newest last */
  readonly tokens: readonly string[];
}

export interface TokenState {
  readonly user: string;
  readonly created: number;
  readonly readonly: boolean;
  readonly revoked: boolean;
  /** the first characters, for lists */
  readonly prefix: string;
}

export interface Accounts {
  /**
   * Couch login: a new name makes the account when `signup` is true (else E_FORBIDDEN), an existing one with the right password
   * logs in (wrong: E_AUTH_INVALID, in the same time as for an unknown name).
   * @returns a new token, shown once
   */
  login(
    input: { name: string; password: string; email?: string },
    options: { signup: boolean; who: Actor },
  ): Promise<{ token: string; created: boolean }>;
  /** The principal of a bearer token; E_AUTH_INVALID when it is unknown or revoked. One lookup, no hashing of passwords. */
  byToken(token: string): Promise<Principal>;
  byPassword(name: string, password: string): Promise<Principal>;
  /** Dead at once everywhere. @returns false when there was no such token */
  revoke(token: string, who: Actor): Promise<boolean>;
  user(name: string): Promise<UserState | undefined>;
}

/** Who asks and by which door: what every function of the registry takes. */
export interface Caller {
  readonly principal: Principal;
  readonly via: Actor["via"];
  readonly address?: string;
}
