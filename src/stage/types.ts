import type { Caller, Principal, TrustedPublisher } from "../access/types.ts";
import type { Published, PublishInput } from "../registry/types.ts";

/** A version that waits for somebody's approval. */
export interface StagedItem {
  /** UUID; its first eight digits say in which document it stands, the others are random */
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly tags: readonly string[];
  /** ms since 1970 */
  readonly created: number;
  /** who staged it */
  readonly by: string;
  readonly kind: Principal["kind"];
  /** what let `by` in, when it was a trusted publisher */
  readonly trusted?: TrustedPublisher;
  /** `sha512-<base64>` of the tarball */
  readonly integrity: string;
  /** hex SHA-1 */
  readonly shasum: string;
  /** bytes of the tarball */
  readonly size: number;
  /** name of the stored rest of what was to be published: the {@link PublishInput} but for its tarball */
  readonly input: string;
  /** somebody is publishing it; until then (ms since 1970) nobody else touches it */
  readonly claim?: { readonly by: string; readonly until: number; readonly attempt: string };
}

/** State of `d/stage/<8 hex digits>`: what waits, of all packages whose names have this hash, oldest first. */
export interface StageState {
  readonly items: readonly StagedItem[];
}

export type StageEvent =
  | { readonly type: "stage"; readonly item: StagedItem }
  | {
      readonly type: "claim";
      readonly id: string;
      readonly until: number;
      /** tells two of the same moment apart */
      readonly attempt: string;
    }
  | { readonly type: "release"; readonly id: string }
  | {
      readonly type: "remove";
      readonly id: string;
      readonly outcome: "approved" | "rejected" | "expired";
      /** why it was rejected, where that was said */
      readonly reason?: string;
    };

export interface StageLimits {
  /** ms after which an item that nobody decided on is gone */
  readonly expiry: number;
  /** items of one package that may wait at a time */
  readonly perPackage: number;
}

/** A page of items. */
export interface StagedPage {
  readonly items: readonly StagedItem[];
  /** on all pages */
  readonly total: number;
}

/**
 * Versions that were proposed and are not published yet. Their content is kept like that of a published version; nobody but who
 * staged them, the owners of the package and administrators hears of them.
 */
export interface Stages {
  /**
   * Checks everything that a publish checks, but for the right `stage`, and keeps the version for approval.
   * @throws what {@link Registry.publish} throws, E_STAGE_FULL
   */
  add(input: PublishInput, caller: Caller): Promise<StagedItem>;
  /** What the caller may see, oldest first. @param page from 0 */
  list(
    caller: Caller,
    options?: { readonly name?: string; readonly page?: number; readonly perPage?: number },
  ): Promise<StagedPage>;
  /** @throws E_NOT_FOUND, also for what the caller may not see */
  get(id: string, caller: Caller): Promise<StagedItem>;
  /** The tarball. @throws E_NOT_FOUND */
  open(
    id: string,
    caller: Caller,
  ): Promise<{ readonly item: StagedItem; readonly stream: ReadableStream<Uint8Array> }>;
  /**
   * Publishes it by the rights of the caller, who must be a person. Of several who try, one succeeds. When the publish is refused the
   * item stays.
   * @throws E_NOT_FOUND, E_CONFLICT while somebody else is at it, what {@link Registry.publish} throws
   */
  approve(id: string, caller: Caller): Promise<Published>;
  /** Throws it away. @param reason stands in the history. @throws E_NOT_FOUND, E_FORBIDDEN, E_CONFLICT while it is being published */
  reject(id: string, caller: Caller, reason?: string): Promise<void>;
  /** Drops what is too old from the documents, so that the collector may take it. @returns how many */
  expire(): Promise<number>;
}
