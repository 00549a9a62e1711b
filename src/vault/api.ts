import type { AccessEntry, Use } from "./access-log.ts";
import type { Env } from "./names.ts";
import type { Envelope, Operation, VersionState } from "./types.ts";

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
  /** newest version, which has the label `current` */
  readonly version: number;
  readonly state: VersionState;
  /** ms since 1970 */
  readonly created: number;
  readonly changed: number;
}

export interface VersionInfo {
  readonly version: number;
  readonly state: SecretInfo["state"];
  readonly labels: readonly ("current" | "previous")[];
  /** ms since 1970 */
  readonly at: number;
  /** key id */
  readonly by: string;
  /** version that its value was restored from */
  readonly from?: number;
  /** when it was deleted or destroyed, ms since 1970 */
  readonly since?: number;
}

export interface Changed {
  readonly scope: string;
  readonly name: string;
  readonly version: number;
  /** false when there was nothing to do */
  readonly changed: boolean;
}

export type Label = "current" | "previous";

export interface SetOptions {
  /** version that has to be the newest; 0: there is none, not even a deleted one */
  readonly cas?: number;
  /** a new version even when the value is the same */
  readonly force?: boolean;
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

/** The secrets of a store, for the identity of this machine. */
export interface Vault {
  /** Makes the vault, and an identity where this machine has none. @throws E_VAULT_EXISTS */
  init(): Promise<{
    readonly vault: string;
    readonly member: string;
    readonly keyFile: string;
    readonly made: boolean;
  }>;
  /** @throws E_CONFLICT with the numbers, E_TOO_LARGE, E_INVALID_SECRET */
  set(which: Which, value: Uint8Array, options?: SetOptions): Promise<Changed>;
  /** The value, once its access is on record. @throws E_SECRET_NOT_FOUND, E_SECRET_GONE, E_ACCESS_LOG */
  get(
    which: Which,
    what?: {
      readonly version?: number;
      readonly label?: Label;
      /** as it is on record @default "get" */
      readonly use?: Use;
    },
  ): Promise<{
    readonly scope: string;
    readonly name: string;
    readonly version: number;
    readonly value: Buffer;
  }>;
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
  /** A new version with the value of an older one. */
  rollback(
    which: Which,
    version: number,
    options?: { readonly dryRun?: boolean },
  ): Promise<Changed>;
  audit(options?: { readonly verify?: boolean }): Promise<Audit>;
}

export const timeOf = (item: AuditItem): number =>
  item.kind === "change" ? item.event.at : item.entry.at;
