import type { Action, Caller, Visibility } from "../access/types.ts";
import type { Signature } from "../keys/keys.ts";
import type { Stages } from "../stage/types.ts";
import type { Document, Ledger } from "../store/types.ts";

/** A manifest or package.json as parsed JSON; nothing in it is trusted. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** One live version in the package document; about 200 bytes there. Immutable: a change makes a new record. */
export interface VersionRecord {
  /** name (base64url SHA-256) of the stored manifest, see `manifest.ts` */
  readonly manifest: string;
  /** `sha512-<base64>` of the tarball */
  readonly integrity: string;
  /** bytes of the tarball */
  readonly size: number;
  /** ms since 1970 */
  readonly time: number;
  /** who published */
  readonly by: string;
  /** name of the stored readme, absent when the package has none */
  readonly readme?: string;
  readonly deprecated?: string;
  /** by the registry, over name, version and integrity; absent for what was published before there was a key */
  readonly signature?: Signature;
  /** what the publisher proves of it, see `attestations.ts` */
  readonly attestations?: Attestations;
}

/** Sigstore bundles of a version, kept as they came. */
export interface Attestations {
  /** name of the stored object */
  readonly bundles: string;
  /** type of the statement on how it was built; absent when there is only a publish attestation */
  readonly provenance?: string;
}

/** A number that was unpublished and stays taken. */
export interface RemovedRecord {
  readonly manifest: string;
  readonly time: number;
  readonly removed: number;
}

/** State of `d/package/<name>`. Maps, so that `__proto__` is an ordinary key; in publish order. */
export interface PackageState {
  readonly name: string;
  /** ms since 1970 */
  readonly created: number;
  readonly tags: ReadonlyMap<string, string>;
  readonly owners: readonly string[];
  readonly versions: ReadonlyMap<string, VersionRecord>;
  readonly removed: ReadonlyMap<string, RemovedRecord>;
  /** who starred it */
  readonly stars: readonly string[];
  /** @default "public" */
  readonly visibility?: Visibility;
  /** `<org>:<team>` → what its members may. Absent: no teams */
  readonly teams?: ReadonlyMap<string, TeamRight>;
  /** what a publish needs besides the right. Absent: nothing */
  readonly tfa?: PublishTfa;
  /** by batch that has not ended: what is there once it is committed; absent when there is none */
  readonly pending?: ReadonlyMap<string, HeldBack>;
}
export type TeamRight = "read" | "write";
/** A one-time code: from everybody, or from everybody but tokens made for machines. */
export type PublishTfa = "publish" | "automation";
export type PackageDocument = Document<PackageState>;

export interface PublishEvent {
  readonly type: "publish";
  readonly version: string;
  readonly record: VersionRecord;
  readonly tags: readonly string[];
  /** where it waited for approval, and who had put it there */
  readonly staged?: { readonly id: string; readonly by: string };
}

export type PackageEvent =
  | PublishEvent
  | {
      readonly type: "tag";
      readonly tag: string;
      readonly version: string;
      /** `latest` was taken back, or the newest such step was undone */
      readonly rollback?: { readonly from: string; readonly reason?: string; readonly undo?: true };
    }
  | { readonly type: "untag"; readonly tag: string }
  /** an empty message takes the deprecation back */
  | { readonly type: "deprecate"; readonly versions: readonly string[]; readonly message: string }
  | { readonly type: "unpublish"; readonly versions: readonly string[] }
  | { readonly type: "owners"; readonly owners: readonly string[] }
  | { readonly type: "star"; readonly user: string; readonly on: boolean }
  | {
      readonly type: "sign";
      readonly signatures: readonly (readonly [version: string, Signature])[];
    }
  | { readonly type: "visibility"; readonly visibility: Visibility }
  | { readonly type: "team"; readonly team: string; readonly right: TeamRight | "none" }
  | { readonly type: "tfa"; readonly tfa: PublishTfa | "none" }
  /** taken in, but held back until its batch is committed */
  | { readonly type: "reserve"; readonly batch: string; readonly events: HeldBack }
  | { readonly type: "settle"; readonly batch: string; readonly commit: boolean }
  | PackageImport;

/** What a publish in a batch does: the version, and the terms of a new package. */
export type HeldBack = readonly [
  PublishEvent,
  ...Exclude<PackageEvent, { readonly type: "reserve" | "settle" }>[],
];

/** What came from elsewhere, as it was there. Only what is missing is added; the rest counts where the package is new. */
export interface PackageImport {
  readonly type: "import";
  readonly created: number;
  readonly owners: readonly string[];
  readonly stars: readonly string[];
  readonly tags: readonly (readonly [tag: string, version: string])[];
  readonly versions: readonly (readonly [version: string, VersionRecord])[];
  readonly removed: readonly (readonly [version: string, RemovedRecord])[];
  /** @default "public" */
  readonly visibility?: Visibility;
  readonly teams?: readonly (readonly [team: string, TeamRight])[];
  readonly tfa?: PublishTfa;
}

/** One file to publish: bytes in memory, or a spooled file that can be read again. */
export interface Tarball {
  readonly size: number;
  /** `sha512-<base64>` */
  readonly integrity: string;
  /** hex SHA-1 */
  readonly shasum: string;
  readonly content: Uint8Array | { readonly size: number; stream(): AsyncIterable<Uint8Array> };
}

export interface PublishInput {
  readonly name: string;
  readonly version: string;
  /** the manifest as the client sent it; name, version, dependencies, scripts and bin must agree with the tarball */
  readonly manifest: JsonObject;
  readonly tarball: Tarball;
  /** @default ["latest"] */
  readonly tags?: readonly string[];
  /** @default what the manifest or the tarball holds */
  readonly readme?: string;
  /** a sigstore bundle, as it came */
  readonly attestation?: Json;
  /** Counts for a package that is new. @default "public", or for a scoped one the setting `access.scoped` */
  readonly access?: Visibility;
  /** an administrator takes a name that an upstream has, and hides what is there */
  readonly claim?: boolean;
}

export interface Published {
  readonly name: string;
  readonly version: string;
  /** stable id of this version, derived from name, version and manifest */
  readonly uuid: string;
  readonly integrity: string;
  readonly shasum: string;
  /** bytes of the tarball */
  readonly size: number;
  readonly document: PackageDocument;
  /** true when the very same publish had been stored before (a repeated request whose answer got lost) */
  readonly repeated: boolean;
}

export interface PublishedBatch {
  /** name of the batch; absent for a repeat */
  readonly id?: string;
  readonly items: readonly Published[];
  readonly repeated: boolean;
}

/** A version as somebody asked for it. */
export interface Resolved {
  readonly name: string;
  readonly version: string;
  readonly record: VersionRecord;
  readonly uuid: string;
  /** tags that point to it */
  readonly tags: readonly string[];
  /** stored manifest, parsed: as published, with `_id`, `_npmUser`, `maintainers`, `dist` but without `dist.tarball` */
  readonly manifest: JsonObject;
}

export interface RollbackInput {
  /** the version that `latest` shall point to again */
  readonly to: string;
  /** what `latest` must point to still; E_CONFLICT otherwise */
  readonly expect?: string;
  /** kept in the history; one line */
  readonly reason?: string;
  /** message to deprecate the version with that `latest` leaves, unless it has one */
  readonly deprecate?: string;
  /** only says what would be */
  readonly dryRun?: boolean;
}

/** How `latest` was, or would be, moved. */
export interface Rollback {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly undo: boolean;
  /** false: it was there already */
  readonly changed: boolean;
  readonly reason?: string;
  /** the message that the version left behind gets */
  readonly deprecate?: string;
  /** undo took the message back */
  readonly undeprecated?: boolean;
  /** the version that `latest` goes to is deprecated itself */
  readonly deprecated?: string;
  /** versions between the two */
  readonly skipped: readonly string[];
}

export interface RegistryLimits {
  /** bytes of a tarball @default 100 MB */
  readonly tarball: number;
  /** bytes a tarball may unpack to */
  readonly unpacked: number;
  /** entries in a tarball */
  readonly files: number;
}

/**
 * What a registry does, whatever the door. Every function asks `may()` first, throws CitadelError, and is done or
 * not done: the document's put is the only commit point. Names are npm names (`@scope/name`), validated here.
 */
export interface Registry {
  readonly packages: Ledger<PackageState, PackageEvent>;
  /**
   * Verifies name, version, manifest against tarball (H7), stores blob, manifest and entry, then moves the document.
   * An identical repeat (same bytes, same principal, within 10 minutes) resolves with `repeated: true`.
   * @throws E_VERSION_EXISTS (also for a number once unpublished), E_FORBIDDEN, E_INVALID_*, E_MANIFEST_MISMATCH, E_TOO_LARGE
   */
  publish(input: PublishInput, caller: Caller): Promise<Published>;
  /**
   * Publishes all or none: readers see every version of the batch or not one, whatever fails and whenever the process dies.
   * A package may be in it once. An identical repeat resolves with `repeated: true`.
   * @throws E_VERSION_EXISTS, E_CONFLICT when somebody else published one of the versions meanwhile, and what `publish` throws
   */
  publishBatch(inputs: readonly PublishInput[], caller: Caller): Promise<PublishedBatch>;
  /** Ends what crashed batches left behind longer than `age` ms ago. @returns how many there were */
  tidyBatches(age: number): Promise<number>;
  /** Everything that `publish` checks before it writes, and throws the same; nothing is written. */
  checkPublish(input: PublishInput, caller: Caller): Promise<void>;
  readonly stages: Stages;
  /** @throws E_PACKAGE_NOT_FOUND, E_VERSION_NOT_FOUND, E_INVALID_TAG, E_FORBIDDEN */
  tag(name: string, tag: string, version: string, caller: Caller): Promise<PackageDocument>;
  /** `latest` is refused. @throws E_TAG_NOT_FOUND */
  untag(name: string, tag: string, caller: Caller): Promise<PackageDocument>;
  /**
   * Takes `latest` back to an older version, in one move of the document; nothing is removed.
   * @throws E_USAGE for a newer version, E_VERSION_NOT_FOUND, E_CONFLICT, E_FORBIDDEN
   */
  rollback(name: string, input: RollbackInput, caller: Caller): Promise<Rollback>;
  /** Undoes the newest rollback, the deprecation that came with it included. @throws E_NOT_FOUND when `latest` was moved otherwise since */
  undoRollback(
    name: string,
    caller: Caller,
    options?: { readonly dryRun?: boolean },
  ): Promise<Rollback>;
  /** version → message; an empty message takes it back; versions left out stay as they are. */
  deprecate(
    name: string,
    messages: ReadonlyMap<string, string>,
    caller: Caller,
  ): Promise<PackageDocument>;
  /** Removes versions, re-points tags (`latest` to the newest release left), keeps the numbers taken. `rev` stale: E_CONFLICT. */
  unpublish(
    name: string,
    versions: readonly string[] | "all",
    caller: Caller,
    options?: { readonly rev?: string },
  ): Promise<PackageDocument>;
  /** Replaces the owners; unknown users E_USER_NOT_FOUND, an empty list E_INVALID_DOCUMENT, a stale `rev` E_CONFLICT. */
  setOwners(
    name: string,
    owners: readonly string[],
    caller: Caller,
    options?: { readonly rev?: string },
  ): Promise<PackageDocument>;
  /** Signs the versions that have no signature yet. @returns how many were signed @throws E_SERVER_KEY */
  sign(name: string, caller: Caller): Promise<number>;
  /** Who may read it besides those with a right to it; a name without a scope stays public: E_INVALID_DOCUMENT. */
  setVisibility(name: string, visibility: Visibility, caller: Caller): Promise<PackageDocument>;
  /** Whether a publish needs a one-time code. */
  setTfa(name: string, tfa: PublishTfa | "none", caller: Caller): Promise<PackageDocument>;
  /** What the members of a team may. @param team its key, see {@link TeamState} */
  setTeam(
    name: string,
    team: string,
    right: TeamRight | "none",
    caller: Caller,
  ): Promise<PackageDocument>;
  /** Any reader may star. */
  star(name: string, on: boolean, caller: Caller): Promise<PackageDocument>;
  /** The newest document. @throws E_PACKAGE_NOT_FOUND, also when every version was unpublished */
  document(
    name: string,
    caller: Caller,
    /** `hot`: from where a request comes in, see {@link Ledger.glance} */
    options?: { readonly hot?: boolean },
  ): Promise<PackageDocument>;
  /** The same, and the caller may do `action` to it. @throws E_AUTH_REQUIRED, E_FORBIDDEN */
  permit(name: string, action: Action, caller: Caller): Promise<PackageDocument>;
  /** The newest document, also of a package whose versions were all unpublished; undefined when the caller may not know of it. */
  known(name: string, caller: Caller): Promise<PackageDocument | undefined>;
  /**
   * Whether a name is not, and never was, a package here; for somebody who may read here.
   * @throws E_INVALID_NAME, E_AUTH_REQUIRED, E_PACKAGE_NOT_FOUND
   */
  elsewhere(name: string, caller: Caller): Promise<boolean>;
  /** version, range or tag. @throws E_PACKAGE_NOT_FOUND, E_VERSION_NOT_FOUND with the nearest versions as hint */
  resolve(name: string, spec: string, caller: Caller): Promise<Resolved>;
}

/** Revision as clients see it (`_rev`): `<rev>-<first 16 characters of the tip>`. */
export type RevisionOf = (document: PackageDocument) => string;

export type Form = "full" | "short";
export type Encoding = "identity" | "gzip" | "br" | "zstd";

/** The finished answer to `GET /<name>` in one form. */
export interface View {
  /** strong, without quotes; `encoded()` bytes other than identity append `-<encoding>` to it */
  readonly etag: string;
  /** ms since 1970 */
  readonly modified: number;
  readonly contentType: string;
  /** name of the upstream that it came from; absent for what was published here */
  readonly origin?: string;
  /**
   * The best ready encoding among those the client accepts; identity is always ready. Never compresses: what is missing
   * is made in the background and is there for a later request.
   */
  pick(accepted: readonly Encoding[]): { readonly encoding: Encoding; readonly bytes: Uint8Array };
}

export interface Views {
  /** The view when it is in memory and of this very document; never waits. */
  peek(document: PackageDocument, form: Form, base: string): View | undefined;
  /**
   * Made from stored manifests, or from the view before plus what changed. `base` is the public URL with a trailing slash.
   * One build per document and form at a time.
   */
  get(document: PackageDocument, form: Form, base: string): Promise<View>;
  /** The same, to be kept elsewhere: gzip at its best, equal bytes for an equal state. Nothing of it stays here. */
  gzip(document: PackageDocument, form: Form, base: string): Promise<Uint8Array>;
  /** bytes held */
  readonly size: number;
  /** Resolves when what is being kept for other processes is written. */
  close(): Promise<void>;
}
