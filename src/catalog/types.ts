import type { AccessPolicy, Principal } from "../access/types.ts";
import type { CacheRow } from "../cache/types.ts";
import type { NeedKind } from "./summary.ts";
import type { SecretRow, SecretStats } from "./secret-rows.ts";

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

/** A package that depends on another one. */
export interface Dependent {
  readonly name: string;
  readonly version: string;
  readonly kind: NeedKind;
  readonly range: string;
}

/** Who looks, and by which rules. */
export interface Viewer {
  readonly principal: Principal;
  readonly policy: AccessPolicy;
}

/** By what somebody may have to do with packages. */
export interface Holding {
  readonly owner?: string;
  readonly scopes?: readonly string[];
  /** keys of teams */
  readonly teams?: readonly string[];
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
  /** @param options.viewer leaves out what they may not read; absent: nothing is left out, here as below */
  list(options?: {
    readonly scope?: string;
    readonly after?: string;
    readonly limit?: number;
    readonly viewer?: Viewer;
  }): {
    readonly items: readonly PackageRow[];
    /** pass as `after` */
    readonly next?: string;
  };
  /** The etags of all packages with a live version, by name: what has changed for those who keep something of them. */
  etags(): ReadonlyMap<string, string>;
  /** Of these names, those that there are. */
  rows(names: readonly string[]): readonly PackageRow[];
  search(
    query: SearchQuery,
    viewer?: Viewer,
  ): { readonly total: number; readonly items: readonly SearchHit[] };
  /** Packages that somebody owns, that lie in a scope, or that were granted to a team, by name, and what that lets them do. */
  held(by: Holding, viewer?: Viewer): ReadonlyMap<string, "read" | "write">;
  /** What somebody may mean who says this name: packages that have a program of it, and packages with a name much like it. */
  alike(
    name: string,
    viewer?: Viewer,
  ): { readonly programs: readonly string[]; readonly names: readonly string[] };
  /** Packages whose newest version depends on this one, by name. @param options.limit @default 100 */
  dependents(
    name: string,
    options?: { readonly limit?: number; readonly viewer?: Viewer },
  ): { readonly total: number; readonly items: readonly Dependent[] };
  /** Names of what a user starred. */
  starred(user: string, viewer?: Viewer): readonly string[];
  stats(): {
    readonly packages: number;
    readonly versions: number;
    /** bytes of tarballs */
    readonly bytes: number;
    /** bytes that they take in the store, each version counted */
    readonly storedBytes: number;
    /** those of tarballs that lie with the documents, of `storedBytes` */
    readonly smallBytes: number;
    readonly scopes: readonly {
      /** empty for names without one */
      readonly scope: string;
      readonly packages: number;
      readonly bytes: number;
    }[];
  };
  /** Makes the table `cache` say what the caches on disk hold, see `Cache.rows()`. */
  noteCache(entries: readonly CacheRow[]): Promise<void>;
  /** Makes the table `secrets` say what the vault holds, as far as this machine can open it. */
  noteSecrets(rows: readonly SecretRow[]): Promise<void>;
  /** @param now ms since 1970 */
  secretStats(now: number): SecretStats;
  /** The SQL of every table and index, read from the database. */
  schema(): readonly { readonly type: string; readonly name: string; readonly sql: string }[];
  close(): void;
}
