import type { CacheRow } from "../cache/types.ts";

/** A package as the catalog knows it: its newest state in one row. */
export interface PackageRow {
  readonly name: string;
  /** without `@`; absent for unscoped names */
  readonly scope?: string;
  /** version that `latest` points to */
  readonly version: string;
  readonly versions: number;
  readonly description: string;
  readonly keywords: readonly string[];
  readonly license?: string;
  readonly homepage?: string;
  readonly repository?: string;
  readonly bugs?: string;
  readonly author?: string;
  readonly publisher: string;
  readonly maintainers: readonly string[];
  /** bytes of all tarballs */
  readonly size: number;
  /** ms since 1970 */
  readonly created: number;
  readonly modified: number;
  readonly deprecated?: string;
}

export interface SearchQuery {
  /** words, with npm's qualifiers `keywords:a,b scope:s author:u maintainer:u is:deprecated not:deprecated boost-exact:false` */
  readonly text: string;
  /** @default 20, at most 250 */
  readonly size?: number;
  /** @default 0 */
  readonly from?: number;
}

export interface SearchHit {
  readonly package: PackageRow;
  /** 0 to 1 */
  readonly score: number;
}

/**
 * The SQLite projection of the documents: lists, counts, full-text search. Derived: deleting the file loses nothing.
 */
export interface Catalog {
  readonly path: string;
  /**
   * Brings the projection to the state of the store: compares etags and folds in what changed. Cheap when nothing did.
   * @returns how many documents were read
   */
  sync(options?: { readonly signal?: AbortSignal }): Promise<{ readonly changed: number }>;
  /** Folds in one package that this process just changed. Never throws: a failure is logged and healed by the next sync. */
  refresh(name: string): Promise<void>;
  list(options?: { readonly scope?: string; readonly after?: string; readonly limit?: number }): {
    readonly items: readonly PackageRow[];
    /** pass as `after` */
    readonly next?: string;
  };
  search(query: SearchQuery): { readonly total: number; readonly items: readonly SearchHit[] };
  stats(): {
    readonly packages: number;
    readonly versions: number;
    /** bytes of tarballs */
    readonly bytes: number;
    /** bytes that they take in the store, each version counted */
    readonly storedBytes: number;
    readonly scopes: readonly {
      /** empty for names without one */
      readonly scope: string;
      readonly packages: number;
      readonly bytes: number;
    }[];
  };
  /** Makes the table `cache` say what the caches on disk hold, see `Cache.rows()`. */
  noteCache(entries: readonly CacheRow[]): Promise<void>;
  /** The SQL of every table and index, read from the database. */
  schema(): readonly { readonly type: string; readonly name: string; readonly sql: string }[];
  close(): void;
}
