import type { Caller } from "../access/types.ts";
import type { Candidate, Refusal } from "../policy/types.ts";
import type { Form, JsonObject, View } from "../registry/types.ts";
import type { KeptCounts } from "./kept.ts";
import type { Download } from "./recipients.ts";
import type { Quarantined } from "./quarantine.ts";
import type { RemoteStatus } from "./remote.ts";
import type { Tarball } from "./tarballs.ts";

/** One manifest of an upstream, ready to be sent. */
export interface UpstreamManifest {
  readonly version: string;
  /** without quotes */
  readonly etag: string;
  readonly bytes: Uint8Array;
}

/** The versions of a package of an upstream. */
export interface Releases {
  /** name of the upstream */
  readonly origin: string;
  readonly tags: ReadonlyMap<string, string>;
  readonly versions: ReadonlyMap<string, UpstreamRelease>;
  /** versions that the policy keeps back, and why */
  readonly refused: ReadonlyMap<string, Refusal>;
}
export interface UpstreamRelease {
  /** ms since 1970; undefined where upstream does not say */
  readonly published: number | undefined;
  /** absent: it is not; upstream's reason stands in the manifest */
  readonly deprecated?: string;
}

export interface TagList {
  /** without quotes */
  readonly etag: string;
  /** ms since 1970 */
  readonly modified: number;
  readonly tags: ReadonlyMap<string, string>;
}

export interface SearchQuery {
  readonly text: string;
  readonly size: number;
  readonly from: number;
}

/** What an upstream found, in npm's form, as far as it may be shown. */
export interface UpstreamHits {
  readonly objects: readonly JsonObject[];
  readonly total: number;
}

/**
 * Other registries behind this one. A name has one origin: what is or was here, and what is below a scope that is held here, is never
 * asked for outside; everything else belongs to the upstream whose pattern says most about it. Failures of an upstream are
 * E_REMOTE_* and never "not found".
 */
export interface Upstream {
  /** The packument. @throws E_PACKAGE_NOT_FOUND, E_POLICY when no version of it is left, E_AUTH_REQUIRED, E_REMOTE_* */
  view(
    name: string,
    form: Form,
    base: string,
    caller: Caller,
    options?: ViewOptions,
  ): Promise<View>;
  /** The whole manifest of a version, tag or range. @throws as `view`, E_VERSION_NOT_FOUND */
  manifest(name: string, spec: string, base: string, caller: Caller): Promise<UpstreamManifest>;
  /** What there is to choose from, without the bytes. @param form `full` knows dates @throws as `view` */
  releases(name: string, form: Form, base: string, caller: Caller): Promise<Releases>;
  /** @throws as `view` */
  tags(name: string, base: string, caller: Caller): Promise<TagList>;
  /** @throws as `view`, E_VERSION_NOT_FOUND */
  tarball(
    name: string,
    file: string,
    caller: Caller,
  ): Promise<Tarball & { readonly version: string }>;
  /** Hits of the first upstream, within a deadline; none when it fails. `local`: names that were found here */
  search(query: SearchQuery, caller: Caller, local: readonly string[]): Promise<UpstreamHits>;
  /** Advisories of the bulk form for the packages that upstreams have; names of ours do not leave. @throws E_REMOTE_* */
  advisories(
    wanted: ReadonlyMap<string, Iterable<string>>,
    caller: Caller,
  ): Promise<ReadonlyMap<string, unknown>>;
  /** The attestations of a version as upstream has them; undefined when there are none. @throws as `view` */
  attestations(name: string, version: string, caller: Caller): Promise<unknown>;
  /** Signing keys of upstreams that have some; none of one that does not answer. */
  keys(): Promise<readonly JsonObject[]>;
  /**
   * What the policy judges a version or tag by; undefined for a name that no upstream is asked for.
   * @throws E_PACKAGE_NOT_FOUND, E_VERSION_NOT_FOUND, E_REMOTE_*
   */
  candidate(name: string, version: string, caller: Caller): Promise<Candidate | undefined>;
  /** The upstream that has a package of this name, or packages of its scope. @throws E_REMOTE_* when that is not known */
  upstreamOf(name: string): Promise<string | undefined>;
  /** What upstream took back of a package. */
  quarantined(name: string): Promise<readonly Quarantined[]>;
  /** Who downloaded a version within the last 30 days. */
  downloads(name: string, version: string): Promise<readonly Download[]>;
  /** Upstreams as this process sees them. */
  status(): readonly RemoteStatus[];
  /** Asks each upstream whether it answers. */
  probe(): Promise<readonly Probe[]>;
  /** What lies here of upstreams. Looks at all of it. */
  kept(): Promise<KeptCounts>;
  /** Brings the cache within its budget now. */
  evict(): Promise<{ readonly bytes: number; readonly removed: number }>;
  close(): Promise<void>;
}

/** What an upstream said to a ping. */
export interface Probe {
  readonly name: string;
  readonly url: string;
  readonly ok: boolean;
  /** of one round trip; absent when there was none */
  readonly latencyMs?: number;
  readonly error?: string;
}

export interface ViewOptions {
  /** the client does not want an answer from a cache */
  readonly again?: boolean;
}
