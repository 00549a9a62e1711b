import type { IdentitySource } from "./api.ts";
import type { Keep } from "./identity/make.ts";
import type { MemberKind } from "./types.ts";

export interface MemberInfo {
  /** key id */
  readonly id: string;
  readonly name: string;
  /** `administrator`, or a role that the policy knows */
  readonly role: string;
  readonly kind: MemberKind;
  readonly state: "member" | "expired" | "removed";
  /** names of the scopes whose keys it is given */
  readonly scopes: readonly string[];
  /** ms since 1970 */
  readonly since: number;
  /** ms since 1970 of its expiry */
  readonly until?: number;
  /** whether it is the identity of this machine */
  readonly me: boolean;
}

/** What a member may do, and until when. */
export interface MemberChange {
  readonly name?: string | undefined;
  readonly role?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
  /** ms since 1970 */
  readonly until?: number | undefined;
}

/** A compartment that got a new key. */
export interface Rekeyed {
  /** undefined: the key of the vault itself, under which names lie */
  readonly scope?: string;
  readonly generation: number;
  /** records that were sealed anew */
  readonly records: number;
  /** what of the generation before the store did not delete: whoever keeps it and had its key can open it */
  readonly left: readonly string[];
}

/** A value that a member could read. */
export interface Exposed {
  readonly scope: string;
  readonly name: string;
  readonly version: number;
  /** handed out today when no version is named: to be changed */
  readonly current: boolean;
  /** how often it was handed out to the member on this machine */
  readonly opened: number;
}

export interface PublicIdentity extends IdentitySource {
  /** `age1….<Ed25519>`, for an administrator */
  readonly publicId: string;
  /** key id */
  readonly id: string;
  /** words that both sides compare */
  readonly fingerprint: string;
  /** whether it is new */
  readonly made: boolean;
}

export interface VaultStatus {
  readonly vault: string;
  /** words for the vault's id, to compare with an administrator's */
  readonly fingerprint: string;
  readonly identity: IdentitySource & {
    readonly id: string;
    readonly name: string;
    readonly role: string;
  };
  /** what this machine has seen: number and SHA-256 of the newest event */
  readonly pin: { readonly seq: number; readonly head: string };
  readonly members: number;
  readonly administrators: number;
  /** whether an identity lies offline for the day on which all others are lost */
  readonly recovery: boolean;
  readonly scopes: readonly {
    readonly name: string;
    readonly generation: number;
    /** records sealed under that key */
    readonly seals: number;
    /** why it should get a new key */
    readonly rekey?:
      | "somebody who was removed or has expired had the key"
      | "it has sealed too much";
  }[];
}

/** Who shares a vault. */
export interface MemberVerbs {
  /** The identity of this machine, made where there is none. */
  identity(options?: { readonly keep?: Keep }): Promise<PublicIdentity>;
  members(): Promise<readonly MemberInfo[]>;
  /** @param publicId of the other machine @throws E_USAGE, E_CONFLICT for a member or a name that there is, E_SECRET_DENIED */
  addMember(
    publicId: string,
    what: MemberChange & { readonly name: string; readonly kind: MemberKind },
  ): Promise<MemberInfo & { readonly fingerprint: string }>;
  /** Scopes that it loses get new keys. @param which name or the beginning of a key id */
  changeMember(
    which: string,
    what: MemberChange,
  ): Promise<{ readonly member: MemberInfo; readonly rekeyed: readonly Rekeyed[] }>;
  /** Removes it, and gives everything that it had the key of a new one. A repeat goes on where a crash was. */
  removeMember(which: string): Promise<{
    readonly member: MemberInfo;
    readonly rekeyed: readonly Rekeyed[];
    readonly exposed: readonly Exposed[];
  }>;
  /** New keys, and everything sealed anew. @param scope all by default */
  rekey(scope?: string): Promise<readonly Rekeyed[]>;
  /** What a member could read, and still can be read by others. */
  exposure(which: string): Promise<readonly Exposed[]>;
  status(): Promise<VaultStatus>;
  /**
   * Adds the identity of this machine, made where there is none, as an administrator, in the name of a recovery kit.
   * @param passphrase of the kit @throws E_VAULT_LOCKED when it opens nothing here
   */
  recover(
    kit: string,
    passphrase: () => Promise<string>,
    what: { readonly name: string; readonly keep?: Keep },
  ): Promise<MemberInfo>;
}
