import compare from "semver/functions/compare-loose.js";
import diff from "semver/functions/diff.js";
import parse from "semver/functions/parse.js";
import type { HistoryVersion, PackageHistory } from "@citadel/core/documents";

/**
 * - `current`: what `latest` points to
 * - `rollback`: an older release that ranges like `^current` admit, not deprecated; where there is none, the newest older release
 * - `ahead`: higher than `latest`
 * - `archived`: other older versions, and deprecated ones
 * - `removed`: unpublished; the number stays taken
 */
export type VersionStatus = "current" | "rollback" | "ahead" | "archived" | "removed";

export interface VersionNode {
  /** the version; unique */
  readonly id: string;
  readonly status: VersionStatus;
  readonly tags: readonly string[];
  /** ISO 8601 UTC; null where it is not known */
  readonly date: string | null;
  readonly author: string | null;
  /** message; null: not deprecated */
  readonly deprecated: string | null;
  readonly integrity: string | null;
  /** of the last 30 days, where they were counted; null elsewhere */
  readonly downloads: number | null;
  /** advisories that speak against it */
  readonly advisories: readonly string[];
  /** branch: `4.x`, below 1.0 `0.3.x` */
  readonly line: string;
}

/** From an older version to the next one; ids of nodes, as d3-force takes them. */
export interface VersionLink {
  readonly source: string;
  readonly target: string;
  readonly type: "major" | "minor" | "patch" | "prerelease";
  /** branch of the newer one */
  readonly line: string;
}

/** `docs/versions.md` describes it. */
export interface VersionGraph {
  readonly schema: 1;
  readonly generatedAt: string;
  readonly package: string;
  readonly origin: string;
  /** versions that there are */
  readonly total: number;
  /** versions that are not in the graph */
  readonly omitted: number;
  /** from the lowest to the highest */
  readonly nodes: readonly VersionNode[];
  readonly links: readonly VersionLink[];
}

export interface GraphOptions {
  /** newest versions to show, besides those with a tag; all when `Infinity` @default 30 */
  readonly limit?: number;
  readonly downloads?: ReadonlyMap<string, number> | undefined;
  /** ids by version */
  readonly advisories?: ReadonlyMap<string, readonly string[]>;
  /** ms since 1970 @default now */
  readonly now?: number;
}

/** The newest versions and all that have a tag, joined to a tree by the order of semver. */
export function buildVersionGraph(
  history: PackageHistory,
  { limit = 30, downloads, advisories = new Map(), now = Date.now() }: GraphOptions = {},
): VersionGraph {
  // copies of early packages have numbers that only a lenient reader takes
  const all = history.versions
    .filter(({ version }) => parse(version, { loose: true }))
    .toSorted((a, b) => compare(a.version, b.version) || (a.version < b.version ? -1 : 1));
  const tagged = new Set(history.tags.values());
  const newest = new Set(limit === Infinity ? all : newestOf(all, limit));
  const shown = all.filter((one) => newest.has(one) || tagged.has(one.version));
  const statusOf = statuses(all, history.tags.get("latest"));
  const nodes = shown.map((one): VersionNode => ({
    id: one.version,
    status: statusOf(one),
    tags: [...history.tags].filter(([, to]) => to === one.version).map(([tag]) => tag),
    date: one.time === undefined ? null : new Date(one.time).toISOString(),
    author: one.author ?? null,
    deprecated: one.deprecated ?? null,
    integrity: one.integrity ?? null,
    downloads: downloads ? (downloads.get(one.version) ?? 0) : null,
    advisories: advisories.get(one.version) ?? [],
    line: lineOf(one.version),
  }));
  return {
    schema: 1,
    generatedAt: new Date(now).toISOString(),
    package: history.name,
    origin: history.origin,
    total: all.length,
    omitted: all.length - nodes.length,
    nodes,
    links: linksOf(shown),
  };
}

/** Those published last; where dates are missing, the highest. */
const newestOf = (all: readonly HistoryVersion[], limit: number): readonly HistoryVersion[] =>
  all
    .map((one, rank) => ({ one, rank }))
    .toSorted((a, b) => (b.one.time ?? 0) - (a.one.time ?? 0) || b.rank - a.rank)
    .slice(0, limit)
    .map(({ one }) => one);

const semver = (version: string) => parse(version, { loose: true });

/** The branch that a version belongs to, as a caret sees it. */
export function lineOf(version: string): string {
  const { major = 0, minor = 0 } = semver(version) ?? {};
  return major > 0 ? `${major}.x` : `0.${minor}.x`;
}

const isRelease = (version: string): boolean => semver(version)?.prerelease.length === 0;

function statuses(
  all: readonly HistoryVersion[],
  latest: string | undefined,
): (one: HistoryVersion) => VersionStatus {
  const older = all.filter(
    ({ version, deprecated, removed }) =>
      latest !== undefined &&
      compare(version, latest) < 0 &&
      isRelease(version) &&
      deprecated === undefined &&
      !removed,
  );
  const near = older.filter(({ version }) => lineOf(version) === lineOf(latest ?? ""));
  const ready = new Set(near.length > 0 ? near : older.slice(-1));
  return (one) => {
    if (one.removed) return "removed";
    if (one.version === latest) return "current";
    if (ready.has(one)) return "rollback";
    return latest === undefined || compare(one.version, latest) > 0 ? "ahead" : "archived";
  };
}

/** Each version hangs on the one before it in its branch, the first of a branch on the highest below it that was there already. */
function linksOf(shown: readonly HistoryVersion[]): VersionLink[] {
  const last = new Map<string, HistoryVersion>();
  const links: VersionLink[] = [];
  for (const [i, one] of shown.entries()) {
    const line = lineOf(one.version);
    const below = shown.slice(0, i);
    const time = one.time ?? Infinity;
    const before =
      last.get(line) ?? below.findLast((other) => (other.time ?? 0) <= time) ?? below.at(-1);
    last.set(line, one);
    if (before)
      links.push({
        source: before.version,
        target: one.version,
        type: kindOf(before.version, one.version),
        line,
      });
  }
  return links;
}

function kindOf(from: string, to: string): VersionLink["type"] {
  const [a, b] = [semver(from), semver(to)];
  if (!a || !b || b.prerelease.length > 0) return "prerelease";
  const found = diff(a, b);
  return found === "major" || found === "minor" || found === "patch" ? found : "patch";
}
