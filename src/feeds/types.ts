export type FeedFormat = "atom" | "rss" | "json";

/** Which releases a feed is about. All of what is given counts. */
export interface FeedFilter {
  /** without `@` */
  readonly scope?: string;
  readonly package?: string;
  /** dist-tag that a version was published under, or that was taken back to it */
  readonly tag?: string;
  /** @default both */
  readonly prereleases?: "only" | "none";
}

export type ReleaseKind = "publish" | "deprecate" | "undeprecate" | "unpublish" | "rollback";

/** One thing that became of one version. */
export interface Release {
  readonly kind: ReleaseKind;
  readonly name: string;
  readonly version: string;
  /** revision of the package's document */
  readonly rev: number;
  /** ms since 1970 */
  readonly time: number;
  readonly by: string;
  /** tags that the version was published under; the tag that was taken back */
  readonly tags: readonly string[];
  /** of a deprecation; why a tag was taken back */
  readonly message?: string;
  /** the version that `latest` left */
  readonly from?: string;
  /** from the manifest, of a publish */
  readonly description?: string;
}

/** A feed as it is sent. */
export interface FeedDocument {
  readonly text: string;
  readonly contentType: string;
  /** strong, without quotes */
  readonly etag: string;
  /** ms since 1970 of the newest entry; 0 when there is none */
  readonly modified: number;
}

/** What a feed is made of. */
export interface FeedContent {
  readonly title: string;
  /** stable whatever the address of the registry */
  readonly id: string;
  /** the feed's own address, and that of the registry, with a slash */
  readonly self: string;
  readonly home: string;
  /** newest first */
  readonly entries: readonly FeedEntry[];
}

export interface FeedEntry {
  readonly id: string;
  readonly title: string;
  readonly link: string;
  readonly time: number;
  readonly html: string;
  readonly by: string;
  /** for programs: what happened, and to what */
  readonly event: string;
  readonly package?: string;
  readonly version?: string;
  readonly tags: readonly string[];
}
