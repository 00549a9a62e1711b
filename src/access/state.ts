import type { Actor } from "../store/types.ts";
import type { Grant, Principal, TrustedPublisher } from "./types.ts";

/** What people tell about themselves; empty texts are left out. */
export interface Profile {
  readonly fullname?: string;
  readonly homepage?: string;
  readonly github?: string;
  readonly twitter?: string;
  readonly freenode?: string;
}

/** What needs a one-time password: logging in and changing the account, or these and every write. */
export type FactorMode = "auth-only" | "auth-and-writes";

export interface SecondFactor {
  readonly mode: FactorMode;
  /** of the authenticator app, sealed under the key of the server */
  readonly secret: string;
  /** number of the newest 30-second step whose code was used */
  readonly step: number;
  /** SHA-256 (hex) of the recovery codes that are left */
  readonly recovery: readonly string[];
}

export interface UserState {
  readonly name: string;
  readonly email: string;
  /** PHC string */
  readonly password: string;
  readonly admin: boolean;
  /** may not sign in, and none of the tokens works */
  readonly disabled: boolean;
  /** is no user any more; the name stays taken, so that nobody inherits what it owns */
  readonly removed: boolean;
  readonly profile: Profile;
  readonly secondFactor?: SecondFactor;
  /** begun, and not yet confirmed by a code */
  readonly pendingFactor?: Pick<SecondFactor, "mode" | "secret">;
  /** ms since 1970 */
  readonly created: number;
  readonly updated: number;
  /** ids of live tokens, newest last */
  readonly tokens: readonly string[];
}

/** What somebody wants of a new token. */
export interface TokenRequest {
  readonly name?: string;
  readonly description?: string;
  /** @default everything that the user may */
  readonly grant?: Grant;
  /** addresses and CIDR blocks that it may be used from; empty: any */
  readonly cidr?: readonly string[];
  /** ms since 1970 @default never */
  readonly expires?: number;
  /** made for machines: writes without a one-time password, and cannot change the account */
  readonly automation?: boolean;
  /** requests in the window of the limits @default what the settings say for credentials */
  readonly limit?: number | undefined;
  /** shaped as an API key, `ctdl_…`, which tells a mistyped one @default false: `npm_…` */
  readonly apiKey?: boolean;
}

export interface TokenState {
  /** `job`: of a run of a trusted pipeline, which has no account */
  readonly kind: "user" | "job";
  /** user name, or the name of the job's principal */
  readonly user: string;
  /** made by a log-in, not by somebody who asked for it */
  readonly session: boolean;
  readonly name: string;
  readonly description: string;
  readonly grant?: Grant;
  /** what let a job in */
  readonly trusted?: TrustedPublisher;
  readonly cidr: readonly string[];
  /** ms since 1970 */
  readonly created: number;
  readonly expires?: number;
  readonly automation: boolean;
  readonly limit?: number;
  readonly revoked: boolean;
  /** `expires` was over when a sweep came by: whatever clocks say, it is dead and will be removed */
  readonly expired?: true;
  /** the first characters, for lists */
  readonly prefix: string;
}

/** A token as lists show it. */
export interface TokenInfo extends Omit<TokenState, "revoked" | "expired"> {
  /** by which it is revoked; says nothing of the token itself */
  readonly key: string;
  /** ms since 1970, whole minutes; undefined while it was not used */
  readonly lastUsed?: number;
}

/** Keys that have ended are counted until a sweep removes them. */
export interface KeyCounts {
  readonly active: number;
  readonly expiring: number;
  readonly expired: number;
  readonly revoked: number;
}

/** A new token; `token` is shown this once. */
export interface Issued {
  readonly token: string;
  readonly info: TokenInfo;
}

/** A run of a trusted pipeline that gets a token. */
export interface JobRequest extends Omit<TokenRequest, "automation"> {
  /** name of the principal, as ledgers record it */
  readonly principal: string;
  readonly trusted: TrustedPublisher;
  /** names one package */
  readonly grant: Grant & { readonly names: readonly [string] };
  readonly expires: number;
}

export interface PageOptions {
  /** the last name of the page before */
  readonly after?: string;
  /** @default 1000 */
  readonly limit?: number;
}

/** Where a request comes from, after trusted proxies. */
export interface From {
  readonly address?: string | undefined;
}

/** Users and tokens. Nothing here asks whether the caller may: the doors do, and the command line is an administrator. */
export interface Accounts {
  /**
   * Couch login: a new name makes the account when `signup` says so, an existing one with the right password (and, where the
   * second factor is on, a code) logs in.
   * @returns a new token, shown once
   * @throws E_AUTH_INVALID, equally late and equally worded for a wrong password and for a name that may not be made;
   * E_OTP_REQUIRED after a right password without a right code; E_RATE_LIMIT
   */
  login(
    input: { name: string; password: string; email?: string; code?: string | undefined },
    options: { signup: boolean; who: Actor },
  ): Promise<{ token: string; created: boolean }>;
  /**
   * Name, password and, where the second factor is on, a code: what a log-in asks for.
   * @returns the name of the user
   * @throws E_AUTH_INVALID, E_OTP_REQUIRED after a right password without a right code, E_RATE_LIMIT
   */
  identify(
    input: { name: string; password: string; code?: string | undefined },
    who: Actor,
  ): Promise<string>;
  /**
   * A token as log-in makes them, for somebody who has shown who they are.
   * @param expires ms since 1970 @default never
   * @throws E_USER_NOT_FOUND
   */
  session(name: string, who: Actor, expires?: number): Promise<Issued>;
  /**
   * The principal of a bearer token, with what token and user may at this moment. Two looks at the store, no hashing of passwords.
   * @throws E_AUTH_INVALID when it is unknown or its user is gone, E_TOKEN_REVOKED, E_TOKEN_EXPIRED, E_TOKEN_ADDRESS
   */
  byToken(token: string, from?: From): Promise<Principal>;
  /** The same for the key of a token, as something else proves that it was shown. */
  byKey(key: string, from?: From): Promise<Principal>;
  /** @throws E_AUTH_INVALID, E_RATE_LIMIT */
  byPassword(name: string, password: string, from?: From): Promise<Principal>;
  user(name: string): Promise<UserState | undefined>;
  /** What a user may at this moment, without a credential that says less; undefined for one who could not sign in. */
  principal(name: string): Promise<Principal | undefined>;

  /** Makes an account. @throws E_USER_EXISTS, E_INVALID_NAME, E_INVALID_DOCUMENT */
  create(
    input: { name: string; password: string; email?: string; admin?: boolean },
    who: Actor,
  ): Promise<void>;
  /**
   * Sets a new password in place of the old one. Tokens that log-ins made die, but for the one that is `kept`; those that were
   * made on purpose (`npm token create`) live on.
   * @throws E_AUTH_INVALID, E_RATE_LIMIT
   */
  changePassword(
    name: string,
    passwords: { old: string; new: string },
    options: { who: Actor; kept?: string | undefined },
  ): Promise<void>;
  /** Changes the fields that are given; an empty text takes one away. @throws E_USER_NOT_FOUND, E_INVALID_DOCUMENT */
  setProfile(name: string, fields: Profile & { email?: string }, who: Actor): Promise<void>;
  /** Sets a password without the old one; every token of the user dies. @throws E_USER_NOT_FOUND */
  setPassword(name: string, password: string, who: Actor): Promise<void>;
  /** @throws E_USER_NOT_FOUND */
  setAdmin(name: string, admin: boolean, who: Actor): Promise<void>;
  /** A disabled user cannot sign in, and no token works until the user is enabled again. @throws E_USER_NOT_FOUND */
  setDisabled(name: string, disabled: boolean, who: Actor): Promise<void>;
  /** Removes a user with all tokens; the name stays taken until {@link Accounts.create} makes it anew. @throws E_USER_NOT_FOUND */
  remove(name: string, who: Actor): Promise<void>;
  /** Users in order of their names, removed ones left out. */
  list(options?: PageOptions): Promise<{ items: readonly UserState[]; next?: string }>;
  /** Whether there has ever been an administrator: from then on sign-up is closed by default. */
  administered(): Promise<boolean>;

  /**
   * Begins the enrolment of an authenticator app.
   * @param issuer how apps call the registry
   * @returns an `otpauth:` URL
   * @throws E_CONFLICT when it is on, E_SERVER_KEY
   */
  beginFactor(name: string, mode: FactorMode, issuer: string, who: Actor): Promise<string>;
  /** Turns the second factor on. @returns recovery codes, shown once @throws E_OTP_REQUIRED, E_CONFLICT, E_RATE_LIMIT */
  confirmFactor(name: string, code: string, who: Actor): Promise<readonly string[]>;
  setFactorMode(name: string, mode: FactorMode, who: Actor): Promise<void>;
  endFactor(name: string, who: Actor): Promise<void>;
  /** Uses up a code of the app, or a recovery code. @throws E_OTP_REQUIRED when it is wrong or used, E_RATE_LIMIT */
  checkCode(name: string, code: string, who: Actor): Promise<void>;

  /** A new token of a user. @throws E_USER_NOT_FOUND, E_INVALID_DOCUMENT */
  issue(name: string, request: TokenRequest, who: Actor): Promise<Issued>;
  /**
   * A token of another registry works here from now on, until it is revoked. Only its hash is kept.
   * @returns false when it is known here already, alive or not
   * @throws E_USER_NOT_FOUND, E_INVALID_DOCUMENT
   */
  adopt(name: string, token: string, request: TokenRequest, who: Actor): Promise<boolean>;
  /** A token of a principal without an account, kind `job`. @throws E_INVALID_DOCUMENT */
  issueJob(job: JobRequest, who: Actor): Promise<Issued>;
  /** Tokens of a user that were not revoked, newest first. @param after a key */
  tokens(
    name: string,
    options?: PageOptions,
  ): Promise<{ items: readonly TokenInfo[]; total: number; next?: string }>;
  /** Dead at once everywhere. @returns false when there was no such token */
  revoke(token: string, who: Actor): Promise<boolean>;
  /** A live token of a user, by its key. */
  token(name: string, key: string): Promise<TokenInfo | undefined>;
  /** From `expires` on it works no more, if it does until then. @returns false when the user has no such token */
  expireKey(name: string, key: string, expires: number, who: Actor): Promise<boolean>;
  /** The key of a token, given the token or its key. */
  keyOf(token: string): string;
  /** The same for a token of this user by the key that lists show. */
  revokeKey(name: string, key: string, who: Actor): Promise<boolean>;
  /**
   * Takes away tokens that have expired, of users and of jobs: marked at the first sweep, so that no clock makes them valid again,
   * and removed by one that runs a day later.
   * @returns how many were removed, or would be
   */
  sweepTokens(options: { readonly dryRun: boolean }): Promise<number>;
  /** API keys by what became of them; looks at every token. @param soon ms before its end at which a key is expiring */
  countKeys(soon: number): Promise<KeyCounts>;
}
