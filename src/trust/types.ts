import type { Caller } from "../access/types.ts";

export type ProviderType = "github" | "gitlab" | "circleci" | "generic";

/** Somebody whose ID tokens may be exchanged here, as the setting `trust.issuers` names it. */
export interface Issuer {
  /** what configurations call it; one word */
  readonly name: string;
  readonly type: ProviderType;
  /**
   * What `iss` is, character by character. `{claim}` stands for what a package's configuration says of that claim: CircleCI has an
   * issuer for each organisation.
   */
  readonly issuer: string;
  /** what `aud` is @default `npm:<host>` of this registry */
  readonly audience?: string;
  /** what every token of it must say, whatever a package's configuration wants */
  readonly claims?: Readonly<Record<string, string>>;
  /** it lies in a private network, or on this machine, and may speak http */
  readonly private?: true;
}

/** What a configuration wants of a claim: equal text, all items of a list, or a workflow file of the repository. */
export type WantedClaim = string | readonly string[] | { readonly file: string };
export type WantedClaims = Readonly<Record<string, WantedClaim>>;

export type TrustPermission = "createPackage" | "createStagedPackage";

/** A pipeline that may publish a package without a token of its own. */
export interface TrustConfig {
  readonly id: string;
  /** name of the issuer */
  readonly issuer: string;
  readonly type: ProviderType;
  readonly claims: WantedClaims;
  readonly permissions: readonly TrustPermission[];
  /** ms since 1970 */
  readonly created: number;
  readonly by: string;
  /** ids that the first token had: the same name later on with another id is somebody else */
  readonly pins?: Readonly<Record<string, string>>;
  /** ms since 1970 */
  readonly lastUsed?: number;
}

/** State of `d/trust/<package>`. */
export interface TrustState {
  readonly configs: readonly TrustConfig[];
  /** ID tokens that were exchanged: hash, and until when (ms since 1970) they could be shown again */
  readonly seen: readonly (readonly [use: string, until: number])[];
}

export type TrustEvent =
  | { readonly type: "add"; readonly config: TrustConfig }
  | { readonly type: "remove"; readonly id: string }
  | {
      readonly type: "exchange";
      readonly id: string;
      readonly use: string;
      readonly until: number;
      readonly pins: Readonly<Record<string, string>>;
      /** which run it was, for the audit */
      readonly run: Readonly<Record<string, string>>;
    };

export interface TrustInput {
  /** name of an issuer */
  readonly issuer: string;
  readonly claims: WantedClaims;
  readonly permissions: readonly string[];
}

export interface TrustSettings {
  readonly issuers: readonly Issuer[];
  /** ms since `iat` in which a token may be shown */
  readonly maxAge: number;
}

export interface TrustChange {
  /** checks everything, changes nothing @default false */
  readonly dryRun?: boolean;
}

/** What became of an ID token, and why. */
export interface Verdict {
  readonly accepted: boolean;
  /** why it is refused as a whole */
  readonly reason?: string;
  /** what each configuration of its issuer does not find in it */
  readonly configs: readonly { readonly id: string; readonly reasons: readonly string[] }[];
  /** what the token says; undefined when nobody vouches for it */
  readonly claims?: Readonly<Record<string, unknown>>;
}

/** A run of a pipeline that has shown an ID token. */
export interface Job {
  /** name of the issuer in the settings */
  readonly issuer: string;
  /** `github:acme/ui` */
  readonly name: string;
  readonly claims: Readonly<Record<string, unknown>>;
  /** URL of the run, or what its claims say of it */
  readonly run: string;
}

/** Trusted publishers of packages, and the exchange of their ID tokens. */
export interface Trust {
  /** @throws E_PACKAGE_NOT_FOUND, E_FORBIDDEN for all who may not administrate the package */
  list(name: string, caller: Caller): Promise<readonly TrustConfig[]>;
  /** @throws E_INVALID_DOCUMENT, E_CONFLICT for one that is there already, what {@link Trust.list} throws */
  add(name: string, input: TrustInput, caller: Caller, options?: TrustChange): Promise<TrustConfig>;
  /** Tokens that it let out are dead at once. @throws E_NOT_FOUND */
  remove(name: string, id: string, caller: Caller, options?: TrustChange): Promise<void>;
  /**
   * A token of this registry for an ID token: good for this package, for some minutes, and for nothing but what the configuration permits.
   * @param audiences what `aud` may be
   * @throws E_TRUST_REFUSED without a reason, which goes to the log; E_ISSUER_UNAVAILABLE
   */
  exchange(
    name: string,
    idToken: string,
    audiences: readonly string[],
    from: { readonly address?: string | undefined },
  ): Promise<{ readonly token: string; readonly expires: number }>;
  /**
   * Whose ID token it is, for what is decided by its claims alone. It may be shown again.
   * @returns undefined for a token of nobody that the settings name
   * @throws E_TRUST_REFUSED without a reason, which goes to the log; E_ISSUER_UNAVAILABLE
   */
  identify(idToken: string, audiences: readonly string[]): Promise<Job | undefined>;
  /** What `exchange` would say, with its reasons, and without using the token up. @throws E_ISSUER_UNAVAILABLE */
  explain(name: string, idToken: string, audiences: readonly string[]): Promise<Verdict>;
  close(): Promise<void>;
}
