import type { JWK } from "jose";

/** What a record says about itself, in the clear: ids only, see `docs/secrets.md`. */
export interface RecordPlace {
  /** format */
  readonly f: 1;
  /** vault */
  readonly v: string;
  /** scope */
  readonly s: string;
  /** generation of the scope's key */
  readonly g: number;
  /** secret; the scope itself for the record of its name */
  readonly id: string;
  /** version */
  readonly n: number;
  readonly k: "value" | "meta";
  /** key id of the signer */
  readonly by: string;
  /** ms since 1970 */
  readonly at: number;
  /** version that the value was restored from */
  readonly rf?: number;
}

/** A sealed object that the signed history introduced: its SHA-256 (base64url), and what it has to say of itself. */
export interface RecordRef {
  readonly hash: string;
  readonly place: RecordPlace;
}

export type VersionState = "live" | "deleted" | "destroyed";

export interface SecretVersion {
  readonly record: RecordRef;
  readonly state: VersionState;
  /** ms since 1970 of the deletion or destruction */
  readonly since?: number;
}

/** A new value on its way: kept as `pending`, until what uses it has taken it. */
export interface Rotation {
  readonly id: string;
  /** version */
  readonly n: number;
  /** the last step that is done */
  readonly step: "create" | "set" | "test";
}

/** One secret as the history has it: numbers and times, neither name nor value. */
export interface SecretState {
  readonly id: string;
  readonly scope: string;
  /** name and what else is said of it; its version counts on its own */
  readonly meta: RecordRef;
  /** version n at n - 1 */
  readonly versions: readonly SecretVersion[];
  /** version that is handed out when none is named */
  readonly current: number;
  /** the one that was current before */
  readonly previous?: number;
  readonly rotation?: Rotation;
}

/** A compartment: the sealed key of its newest generation. */
export interface Compartment {
  readonly id: string;
  readonly generation: number;
  /** SHA-256 (base64url) of the age file */
  readonly slot: string;
  /** key ids of those who were ever given the key of this generation */
  readonly holders: readonly string[];
  /** records sealed under this generation so far */
  readonly seals: number;
}

export interface ScopeState extends Compartment {
  /** name and environment, sealed in the compartment `meta` */
  readonly record: RecordRef;
}

/** Who may sign and open: the public halves of an identity. */
export interface Member {
  /** RFC 7638 thumbprint of the signing key */
  readonly kid: string;
  /** Ed25519 */
  readonly sign: JWK;
  /** `age1…` */
  readonly age: string;
}

/** `recovery`: an identity that lies somewhere offline, for the day when all others are lost. */
export type MemberKind = "person" | "machine" | "recovery";

export interface MemberState extends Member {
  readonly kind: MemberKind;
  /** may sign everything, and holds the key of every scope */
  readonly administrator: boolean;
  /** ids of scopes whose keys it holds, administrator or not */
  readonly scopes: readonly string[];
  /** ms since 1970: nothing that it signs later counts */
  readonly until?: number;
  /** ms since 1970 */
  readonly since: number;
  /** ms since 1970 of its removal */
  readonly removed?: number;
  /** name and role, sealed in the compartment `meta`; the founder has none until it is given one */
  readonly record?: RecordRef;
}

/** What a verified history adds up to. Whoever changes its shape raises `form` in `checkpoint.ts`. */
export interface VaultState {
  /** SHA-256 (base64url) of the first event */
  readonly id: string;
  readonly seq: number;
  /** SHA-256 (base64url) of the newest event */
  readonly head: string;
  /** ms since 1970 of the newest event */
  readonly at: number;
  /** by key id, with those who were removed */
  readonly members: ReadonlyMap<string, MemberState>;
  readonly meta: Compartment;
  readonly scopes: ReadonlyMap<string, ScopeState>;
  readonly secrets: ReadonlyMap<string, SecretState>;
  /** ids that no secret may have again */
  readonly purged: ReadonlySet<string>;
  /** histories that an administrator gave up for this one: their newest event, and who signed that */
  readonly forks: ReadonlyMap<string, string>;
  /** the rules of who may do what, sealed in the compartment `meta` */
  readonly policy?: RecordRef;
}

/** The private halves. Only ever in the memory of one command, and in a sealed key file. */
export interface Identity {
  /** `AGE-SECRET-KEY-1…` */
  readonly age: string;
  /** Ed25519, with `d` */
  readonly sign: JWK;
  readonly member: Member;
}

/** Age files that take the place of others of the same generation: compartment, SHA-256 (base64url). */
export type Slots = readonly (readonly [string, string])[];

/** One change as it is signed; what is in it besides depends on `op`, see `ops/`. */
export type Operation =
  | {
      readonly op: "genesis";
      readonly sign: JWK;
      readonly age: string;
      readonly s: string;
      readonly slot: string;
    }
  | { readonly op: "scope"; readonly s: string; readonly slot: string; readonly rec: string }
  | {
      readonly op: "set";
      readonly s: string;
      readonly id: string;
      readonly n: number;
      readonly rec: string;
      /** always with version 1: the record of the name and what else is said of the secret */
      readonly meta?: string;
      readonly rf?: number;
      /** rotation that it begins: it is pending then, not current */
      readonly r?: string;
    }
  /** what is said of a secret, or of a scope, is sealed anew */
  | { readonly op: "meta"; readonly id: string; readonly rec: string }
  | { readonly op: "label"; readonly s: string; readonly rec: string }
  | {
      readonly op: "delete" | "undelete" | "destroy";
      readonly id: string;
      readonly ns: readonly number[];
    }
  /** frees the name; the id stays taken */
  | { readonly op: "purge"; readonly id: string }
  /** a step of a rotation is done */
  | {
      readonly op: "rotate";
      readonly id: string;
      readonly r: string;
      readonly step: "set" | "test" | "finish" | "cancel";
    }
  /** a version was read that nobody reads */
  | { readonly op: "alert"; readonly id: string; readonly n: number }
  | { readonly op: "policy"; readonly rec: string }
  | {
      readonly op: "member.add";
      readonly sign: JWK;
      readonly age: string;
      readonly kind: MemberKind;
      readonly admin: boolean;
      /** scopes whose keys it gets */
      readonly ss: readonly string[];
      readonly until?: number;
      /** record of name and role */
      readonly rec: string;
      readonly slots: Slots;
    }
  | {
      readonly op: "member.role";
      readonly kid: string;
      readonly admin: boolean;
      readonly ss: readonly string[];
      readonly until?: number;
      readonly rec: string;
      readonly slots: Slots;
    }
  | { readonly op: "member.remove"; readonly kid: string }
  /** histories that were seen, given up for this one: SHA-256 (base64url) of their newest events */
  | { readonly op: "fork"; readonly heads: readonly string[] }
  | {
      readonly op: "rekey";
      readonly s: string;
      /** the new generation */
      readonly g: number;
      readonly slot: string;
      /** every record of the compartment that is not destroyed: SHA-256 (base64url) before and after */
      readonly recs: readonly (readonly [string, string])[];
    };

export type OperationOf<O extends Operation["op"]> = Extract<Operation, { readonly op: O }>;

/** Several operations that come about together or not at all. */
export interface Batch {
  readonly op: "batch";
  readonly ops: readonly Operation[];
}

export type Event = (Operation | Batch) & Envelope;

/** What is signed with every operation. */
export interface Envelope {
  readonly seq: number;
  /** SHA-256 (base64url) of the event before; null for the first */
  readonly prev: string | null;
  /** ms since 1970, never less than before */
  readonly at: number;
  /** key id of the signer */
  readonly by: string;
}
