import type { Actor } from "../store/types.ts";

/** Most that a credential lets its user do to a package; each holds what stands before it. */
export type PackageRight = "none" | "read" | "stage" | "write";
export type OrgRight = "none" | "read" | "write";

/**
 * What a credential may be used for. The right in effect is this and what its user may at the moment of asking; what everybody may
 * needs none.
 */
export interface Grant {
  readonly packages: PackageRight;
  /** patterns of the package names that `packages` is about; the others count as "none". Absent: all names */
  readonly names?: readonly string[];
  readonly orgs: OrgRight;
  /** organisations that `orgs` is about. Absent: all */
  readonly orgNames?: readonly string[];
  /** whether owners, visibility, tokens, the account and, for administrators, the registry may be changed with it */
  readonly manage: boolean;
  /** whether secrets may be asked for with it, as far as the rules of the vault let its user. Absent: no */
  readonly secrets?: true;
  /** whether the figures of `/metrics` may be read with it; whoever may `manage` as an administrator may too. Absent: no */
  readonly metrics?: true;
}

export type OrgRole = "owner" | "admin" | "developer";

/** Who asks. Users and tokens of every sort end as one of these. */
export interface Principal {
  /** `job`: a run of a trusted pipeline, which has no account */
  readonly kind: "anonymous" | "user" | "local" | "job";
  /** user name; `local` for the operating-system user; empty for anonymous */
  readonly name: string;
  /** an administrator, whose credential lets them be one */
  readonly admin: boolean;
  /** id (SHA-256, hex) of the token that was shown, if any */
  readonly token?: string;
  /** made for machines: needs no one-time password, and cannot change the account. Absent: not */
  readonly automation?: true;
  /** requests in the window of the limits, where its credential has a limit of its own */
  readonly limit?: number;
  /** absent: everything that the user may */
  readonly grant?: Grant;
  /** organisations that the user is in, as of now. Absent: none */
  readonly orgs?: ReadonlyMap<string, OrgRole>;
  /** `<org>:<team>` of every team that the user is in, as of now. Absent: none */
  readonly teams?: ReadonlySet<string>;
  /** what let a job in */
  readonly trusted?: TrustedPublisher;
}

/** A pipeline that may publish a package, as version documents say it in `_npmUser.trustedPublisher`. */
export interface TrustedPublisher {
  /** name of the issuer in the settings: `github` */
  readonly id: string;
  /** id of the package's configuration */
  readonly oidcConfigId: string;
}

/** `admin`: owners, visibility, teams and trust of a package. `stage`: propose a version. */
export type Action = "read" | "stage" | "write" | "admin";

export type Visibility = "public" | "restricted";

/** Whose the scope of a name is. */
export interface ScopeHolder {
  readonly kind: "user" | "org";
  readonly name: string;
}

/** What may be asked about: an existing package, or a name that is still free. */
export interface Target {
  readonly name: string;
  /** undefined while nobody has published it */
  readonly owners: readonly string[] | undefined;
  /** @default "public" */
  readonly visibility?: Visibility;
  /** `<org>:<team>` → what its members may */
  readonly teams?: ReadonlyMap<string, "read" | "write">;
  /** undefined when the name has no scope, or nobody has its scope */
  readonly scope?: ScopeHolder;
}

/** What a user belongs to at the moment of asking. */
export type Memberships = Pick<Principal, "orgs" | "teams">;
export interface OrgState {
  readonly name: string;
  /** ms since 1970 */
  readonly created: number;
  readonly members: ReadonlyMap<string, OrgRole>;
  readonly teams: ReadonlyMap<string, TeamState>;
  /** how many teams of a name there were before */
  readonly dissolved: ReadonlyMap<string, number>;
}

export interface TeamState {
  /** `<org>:<team>`, with `#<n>` when it is the nth team of that name: what packages and principals call it */
  readonly key: string;
  readonly description: string;
  /** members of the organisation */
  readonly members: ReadonlySet<string>;
}

export type MembershipsOf = (user: string) => Promise<Memberships | undefined>;

/**
 * Who may do what to the names of a pattern. A list holds `$all`, `$authenticated`, user names, names of organisations and
 * `<org>:<team>`; an absent one leaves it to the pattern that says less.
 */
export interface AccessRule {
  readonly pattern: string;
  readonly read?: readonly string[];
  readonly write?: readonly string[];
  readonly stage?: readonly string[];
  /** such names belong to this registry and are never looked for elsewhere */
  readonly claimed?: true;
}

/** What the rules say about one name; undefined where none says anything. */
export interface RuleOf {
  readonly read?: Allowed | undefined;
  readonly write?: Allowed | undefined;
  readonly stage?: Allowed | undefined;
  readonly claimed: boolean;
}

/** One list of a rule, ready to be asked. */
export interface Allowed {
  /** pattern of the rule that it comes from */
  readonly pattern: string;
  readonly all: boolean;
  readonly signedIn: boolean;
  readonly named: ReadonlySet<string>;
}

/** Rules ready to be asked. */
export interface AccessRules {
  /** the most specific pattern first */
  readonly rows: readonly (readonly [pattern: string, rule: RuleOf])[];
  find(name: string): RuleOf;
}

/** Rules of the place: on a loopback server with the open policy any signed-in user may publish on what `local` owns. */
export interface AccessPolicy {
  readonly open: boolean;
  /** absent: there are none */
  readonly rules?: AccessRules;
}

/** Who asks and by which door: what every function of the registry takes. */
export interface Caller {
  readonly principal: Principal;
  readonly via: Actor["via"];
  readonly address?: string;
}
