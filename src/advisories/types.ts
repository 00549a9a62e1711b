import type { Caller } from "../access/types.ts";

/** In npm's words, from the least to the worst. */
export const severities = ["info", "low", "moderate", "high", "critical"] as const;
export type Severity = (typeof severities)[number];

/** What is known against one package: an OSV record says so for each package that it is about. */
export interface Advisory {
  /** id of the OSV record: `GHSA-…`, `MAL-…` */
  readonly osv: string;
  /** the same number for record and package on every server; clients keep notes under it */
  readonly id: number;
  readonly name: string;
  readonly title: string;
  readonly url: string;
  readonly severity: Severity;
  /** semver ranges; prereleases count as the versions they are */
  readonly vulnerable: string;
  readonly patched: string;
  readonly cwe: readonly string[];
  readonly cves: readonly string[];
  readonly cvss: { readonly score: number; readonly vectorString: string | null };
  /** ISO 8601 */
  readonly published: string | null;
  readonly modified: string;
}

/** An advisory, and which of the versions that were asked about it is about. */
export interface Match {
  readonly advisory: Advisory;
  readonly versions: readonly string[];
}

/** A record as it came: JSON text, and where it came from. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

/** What an import has done, or would do. Counts are records. */
export interface ImportReport {
  readonly read: number;
  readonly added: number;
  readonly updated: number;
  readonly unchanged: number;
  /** withdrawn, or gone because the import replaces everything */
  readonly removed: number;
  /** of other ecosystems, or older than what is here */
  readonly skipped: number;
  /** the first of those that are no OSV records */
  readonly invalid: readonly { readonly path: string; readonly reason: string }[];
  readonly invalidCount: number;
  readonly dryRun: boolean;
  /** advisories, one for each record and package, that there are now */
  readonly total: number;
}

export interface AdvisorySummary {
  /** advisories, one for each record and package */
  readonly total: number;
  readonly packages: number;
  /** ms since 1970; undefined: never */
  readonly changed: number | undefined;
}

/** Known vulnerabilities and malware, brought in as OSV files; nothing is ever asked outside. */
export interface Advisories {
  /** The advisories that speak against any of the versions, by package. One look at the store, and what is not in memory. */
  find(
    packages: Iterable<readonly [name: string, versions: Iterable<string>]>,
  ): Promise<ReadonlyMap<string, readonly Match[]>>;
  summary(): Promise<AdvisorySummary>;
  /** In order of package names and ids. */
  list(options?: {
    /** only of this package */
    readonly name?: string;
    /** `<package>/<id>` of the last one of the page before */
    readonly after?: string;
    readonly limit?: number;
  }): Promise<{ readonly items: readonly Advisory[]; readonly next?: string }>;
  /**
   * Adds and renews what is newer, takes away what was withdrawn, all in one step.
   * @param options `replace`: takes away all else too
   * @throws E_FORBIDDEN for all but administrators
   */
  import(
    caller: Caller,
    sources: AsyncIterable<Source>,
    options?: { readonly replace?: boolean; readonly dryRun?: boolean },
  ): Promise<ImportReport>;
  /**
   * Takes records away, or all; ids that are not there are no error but not counted.
   * @returns number of advisories that went
   * @throws E_FORBIDDEN for all but administrators
   */
  remove(
    caller: Caller,
    ids: readonly string[] | "all",
    options?: { readonly dryRun?: boolean },
  ): Promise<number>;
}
