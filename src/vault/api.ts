import type { AccessEntry, Use } from "./access-log.ts";
import type { SecretRow } from "../catalog/secret-rows.ts";
import type { ScopeLabel } from "./contents.ts";
import type { Description, Retention } from "./meta.ts";
import type { Item } from "./formats/item.ts";
import type { Finder } from "./mask/finder.ts";
import type { MemberVerbs } from "./api-members.ts";
import type { SyncVerbs } from "./api-sync.ts";
import type { Keep, MadeIdentity } from "./identity/make.ts";
import type { Env } from "./names.ts";
import type { Action } from "./policy/document.ts";
import type { Decision, Request } from "./policy/evaluate.ts";
import type { Asker } from "./policy/permit.ts";
import type { Envelope, Operation, Rotation, VersionState } from "./types.ts";
import type { ValueType } from "./values/types.ts";

/** Which secret: a name, and a scope where the name alone is not enough. */
export interface Which {
  readonly name: string;
  readonly scope?: string | undefined;
}

/** A secret as lists show it; there is no value in it. */
export interface SecretInfo {
  readonly scope: string;
  readonly env: Env;
  readonly name: string;
  /** the one that is handed out */
  readonly version: number;
  readonly state: ShownState;
  readonly type?: ValueType;
  readonly detail?: string;
  readonly description?: string;
  readonly tags: readonly string[];
  readonly canary: boolean;
  /** a new value is on its way */
  readonly rotating: boolean;
  /** ms since 1970 */
  readonly created: number;
  readonly changed: number;
  readonly expires?: number;
  /** when it is to be rotated, and in which hours of the day */
  readonly due?: number;
  readonly window?: string;
}

export type ShownState = VersionState | "expired";

export interface VersionInfo {
  readonly version: number;
  readonly state: ShownState;
  /** `current`, `previous`, `pending`, and free ones */
  readonly labels: readonly string[];
  /** ms since 1970 */
  readonly at: number;
  /** key id */
  readonly by: string;
  /** version that its value was restored from */
  readonly from?: number;
  /** when it was deleted or destroyed, ms since 1970 */
  readonly since?: number;
  readonly expires?: number;
}

export interface Changed {
  readonly scope: string;
  readonly name: string;
  readonly version: number;
  /** false when there was nothing to do */
  readonly changed: boolean;
}

export interface SetOptions extends Omit<Description, "label"> {
  /** version that has to be the newest; 0: there is none, not even a deleted one */
  readonly cas?: number;
  /** a new version even when the value is the same */
  readonly force?: boolean;
}

export interface GetOptions {
  readonly version?: number;
  /** @default `current` */
  readonly label?: string;
  /** hand it out although it has expired */
  readonly allowExpired?: boolean;
  /** as it is on record, and as the rules of access are asked @default "get" */
  readonly use?: Use;
}

export interface Read {
  readonly scope: string;
  readonly name: string;
  readonly version: number;
  readonly value: Buffer;
  readonly type?: ValueType;
}

/** Something that has to be seen to. */
export interface DueItem {
  readonly scope: string;
  readonly name: string;
  readonly why: "rotation" | "expiry";
  /** ms since 1970 */
  readonly at: number;
  /** the time has come */
  readonly over: boolean;
  /** hours of the day, UTC, in which it is to be rotated */
  readonly window?: string;
}

/** What bringing a scope back does to one secret. */
export interface Restored {
  readonly name: string;
  /** `lost`: the version of then is destroyed, so that it stays as it is */
  readonly what: "restore" | "undelete" | "delete" | "lost";
  /** version of then */
  readonly from?: number;
}

export interface Rotating {
  readonly rotation: Rotation;
}

/** Versions that a clean-up destroyed. */
export interface Cleaned {
  readonly scope: string;
  readonly name: string;
  readonly versions: readonly number[];
}

/** What may be said anew of a scope; undefined leaves it, null takes it away. */
export type ScopeDescription = {
  readonly [F in keyof Retention]?: Retention[F] | null | undefined;
};

/** What became of a secret that was taken in. */
export interface Taken {
  readonly scope: string;
  readonly name: string;
  readonly what: "added" | "changed" | "unchanged";
  /** how many were added */
  readonly versions: number;
}

/** An entry of the audit: a change that everybody sees, or a value that this machine handed out. */
export type AuditItem =
  | {
      readonly kind: "change";
      readonly event: Operation & Envelope;
      readonly scope?: string;
      readonly name?: string;
    }
  | {
      readonly kind: "access";
      readonly entry: AccessEntry;
      readonly scope?: string;
      readonly name?: string;
    };

export interface Audit {
  readonly items: readonly AuditItem[];
  /** what `verify` found wrong, one sentence each */
  readonly problems: readonly string[];
}

/** Where the identity of this machine is. */
export type IdentitySource = Pick<MadeIdentity, "source" | "where" | "notInKeychain">;

/** The secrets of a store, for the identity of this machine. */
export interface Vault extends MemberVerbs, SyncVerbs {
  /** Makes the vault, and an identity where this machine has none. @throws E_VAULT_EXISTS */
  init(options?: { readonly keep?: Keep }): Promise<
    IdentitySource & {
      readonly vault: string;
      /** key id */
      readonly member: string;
      /** whether the identity is new */
      readonly made: boolean;
    }
  >;
  /** Opens it, when that was not done yet. @throws E_VAULT_LOCKED, E_VAULT_NOT_FOUND, E_VAULT_DAMAGED, E_VAULT_ROLLBACK */
  unlock(): Promise<void>;
  /** @throws E_CONFLICT with the numbers, E_TOO_LARGE, E_INVALID_SECRET */
  set(which: Which, value: Uint8Array, options?: SetOptions): Promise<Changed>;
  /** The value, once its access is on record. @throws E_SECRET_NOT_FOUND, E_SECRET_GONE, E_SECRET_DENIED, E_ACCESS_LOG */
  get(which: Which, options?: GetOptions): Promise<Read>;
  /**
   * A value for somebody who holds no key, once that is on record. Only what the rules say of their roles counts.
   * @throws as {@link Vault.get}; E_SECRET_DENIED also for what is not there, unless it would be allowed
   */
  lend(
    which: { readonly scope: string; readonly name: string },
    asker: Asker,
    options?: Pick<GetOptions, "version" | "label">,
  ): Promise<Read>;
  /** Names of a scope that somebody without a key may know of. */
  lendable(scope: string, asker: Asker): Promise<readonly string[]>;
  list(scope?: string): Promise<readonly SecretInfo[]>;
  versions(which: Which): Promise<{
    readonly scope: string;
    readonly name: string;
    readonly items: readonly VersionInfo[];
  }>;
  /** @param versions all that can be by default */
  change(op: "delete" | "undelete", which: Which, versions?: readonly number[]): Promise<Changed>;
  /** Removes ciphertext for good; the numbers stay taken. */
  destroy(which: Which, versions: readonly number[]): Promise<Changed>;
  /** Removes a secret with all its versions; its name is free again. */
  purge(which: Which): Promise<Changed>;
  /** Says something else of a secret. */
  describe(which: Which, said: Description): Promise<Changed>;
  /** Says what holds for all secrets of a scope. */
  describeScope(scope: string, said: ScopeDescription): Promise<ScopeLabel>;
  /** A new version with the value of an older one. */
  rollback(
    which: Which,
    version: number,
    options?: { readonly dryRun?: boolean },
  ): Promise<Changed>;
  /** Brings all secrets of a scope back to what they were. @param date ms since 1970 */
  restoreScope(
    scope: string,
    date: number,
    options: { readonly dryRun: boolean },
  ): Promise<readonly Restored[]>;
  /** A new value that is current at once. */
  rotate(which: Which, value: Uint8Array, said?: Description): Promise<Changed>;
  /** A new value that is `pending` until the last step. */
  beginRotation(which: Which, value: Uint8Array): Promise<Changed & Rotating>;
  rotating(which: Which): Promise<Rotation | undefined>;
  /** Says that a step of a rotation is done. @param grace ms that the version before stays readable @default for good */
  step(
    which: Which,
    rotation: string,
    step: "set" | "test" | "finish" | "cancel",
    grace?: number,
  ): Promise<Changed>;
  /** What has to be rotated, or ends, until a time (ms since 1970), the most urgent first. */
  due(until: number): Promise<readonly DueItem[]>;
  /** Destroys what expired longer than `grace` ms ago, and versions that are no longer kept. */
  clean(options: { readonly grace: number; readonly dryRun: boolean }): Promise<readonly Cleaned[]>;
  /** The current versions that can be opened here, for the machine's own index. */
  rows(): Promise<readonly SecretRow[]>;
  /** @throws E_INVALID_RULES, E_SECRET_DENIED */
  setPolicy(text: string): Promise<void>;
  getPolicy(): Promise<string | undefined>;
  /** What the rules in force say of a request. */
  explain(
    action: Action,
    about: { readonly scope: string; readonly name: string },
    more?: Partial<Request>,
  ): Promise<Decision>;
  /**
   * Takes secrets in, all or none.
   * @param items with the values of each, oldest first
   */
  take(
    items: readonly (Item & { readonly scope: string })[],
    options: { readonly dryRun: boolean },
  ): Promise<readonly Taken[]>;
  /** The private key of this identity, for files that were sealed for it. */
  ageIdentity(): Promise<string>;
  /** What recognises values, in any form, without handing any out. */
  traces(): Promise<Finder>;
  audit(options?: { readonly verify?: boolean }): Promise<Audit>;
}

export const timeOf = (item: AuditItem): number =>
  item.kind === "change" ? item.event.at : item.entry.at;
