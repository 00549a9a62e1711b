import { statSync } from "node:fs";
import { resolve } from "node:path";
import { withFolder, type Citadel, type Scratch } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import {
  bumpFor,
  compareTrees,
  larger,
  largest,
  type ApiChange,
  type Level,
} from "@citadel/core/compare";
import {
  readFolder,
  findHistory,
  readHistory,
  unpackVersion,
  type PackageHistory,
} from "@citadel/core/documents";
import { CitadelError } from "@citadel/core/errors";
import { checkName } from "@citadel/core/registry";
import compare from "semver/functions/compare-loose.js";
import parse from "semver/functions/parse.js";
import { checkType, choices, nextVersion, type ReleaseType } from "./next.ts";
import { saidInChangesets, saidInCommits, type Said } from "./said.ts";

/** What to call the next version; `docs/versions.md` describes it. */
export interface Recommendation {
  readonly kind: "version" | "package" | "folder";
  /** name of the package; null for a bare version */
  readonly package: string | null;
  /** the version that it counts from; null when nothing was published */
  readonly base: string | null;
  /** null when the kind of change is not known: see `choices` */
  readonly type: ReleaseType | null;
  readonly next: string | null;
  /** by kind of change */
  readonly choices: Readonly<Record<string, string>>;
  /** what was found in a folder; null elsewhere, and where nothing was published to compare with */
  readonly found: Found | null;
}

export interface Found {
  /** the largest of what is below */
  readonly level: Level;
  /** false: somebody has to look at the changes that are not proven */
  readonly proven: boolean;
  readonly changes: readonly ApiChange[];
  readonly commits: Level | null;
  readonly changesets: Level | null;
  /** version in package.json */
  readonly version: string | null;
  /** the kind that was asked for is as large as what was found */
  readonly enough: boolean;
}

export interface Asked {
  readonly what: string;
  readonly type?: string | undefined;
  readonly preid?: string | undefined;
  /** version or tag to count from and compare with @default "latest" */
  readonly against?: string | undefined;
}

/** A path says so by how it begins: a bare word is a package. */
export const isFolder = (what: string): boolean => /^(?:\.|\/|~\/|[A-Za-z]:[\\/])/.test(what);

/**
 * @param open called only when a registry is needed
 * @throws E_USAGE, E_INVALID_VERSION, E_PACKAGE_NOT_FOUND, E_VERSION_NOT_FOUND, E_REMOTE_*
 */
export async function recommend(
  open: () => Promise<Citadel>,
  caller: Caller,
  asked: Asked,
  scratch: Scratch = new Set(),
): Promise<Recommendation> {
  const { what, preid } = asked;
  const type = asked.type === undefined ? undefined : checkType(asked.type);
  if (isFolder(what)) return ofFolder(await open(), caller, asked, type, scratch);
  const version = parse(what.trim(), { loose: true })?.version;
  if (version !== undefined)
    return answer({ kind: "version", package: null, base: version, type, preid });
  const history = await readHistory(await open(), nameOf(what), caller);
  const base = baseOf(history, asked.against);
  return answer({
    kind: "package",
    package: history.name,
    base,
    type,
    preid,
    taken: taken(history),
  });
}

/** @throws E_INVALID_NAME that also thinks of versions and folders */
function nameOf(what: string): string {
  try {
    return checkName(what);
  } catch (error) {
    throw new CitadelError("E_INVALID_NAME", (error as Error).message, {
      hint: ["give a version such as 1.2.3, a package such as @acme/ui, or a folder such as ./ui"],
    });
  }
}

interface Answer {
  readonly kind: Recommendation["kind"];
  readonly package: string | null;
  readonly base: string;
  readonly type: ReleaseType | undefined;
  readonly preid: string | undefined;
  readonly taken?: ReadonlySet<string>;
}

function answer({ kind, package: name, base, type, preid, taken: used }: Answer): Recommendation {
  const options = { preid, ...(used && { taken: used }) };
  return {
    kind,
    package: name,
    base,
    type: type ?? null,
    next: type === undefined ? null : nextVersion(base, type, options),
    choices: choices(base, options),
    found: null,
  };
}

const taken = ({ versions }: PackageHistory): Set<string> =>
  new Set(versions.map(({ version }) => version));

/** What `latest`, or another tag, points to; else the highest. @throws E_VERSION_NOT_FOUND */
function baseOf({ name, tags, versions }: PackageHistory, against?: string): string {
  const live = versions.filter(({ removed }) => !removed).map(({ version }) => version);
  const highest = live.toSorted(compare).at(-1) ?? "";
  const base =
    against === undefined ? (tags.get("latest") ?? highest) : (tags.get(against) ?? against);
  if (live.includes(base)) return base;
  throw new CitadelError(
    "E_VERSION_NOT_FOUND",
    `${name} has no version ${JSON.stringify(base.slice(0, 80))}`,
    {
      hint: [`there is ${live.toSorted(compare).slice(-5).toReversed().join(", ")}`],
    },
  );
}

async function ofFolder(
  citadel: Citadel,
  caller: Caller,
  { what, preid, against }: Asked,
  type: ReleaseType | undefined,
  scratch: Scratch,
): Promise<Recommendation> {
  const path = resolve(what);
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory())
    throw new CitadelError("E_USAGE", `${what} is not a folder`, {
      hint: ["give the folder of a package: one with a package.json"],
    });
  const now = await readFolder(path);
  const name = checkName(now.manifest["name"]);
  const own = now.manifest["version"];
  const version = typeof own === "string" ? (parse(own)?.version ?? null) : null;
  const history = await findHistory(citadel, name, caller);
  if (!history) {
    const next = version ?? "1.0.0";
    const kind = "folder" as const;
    return { kind, package: name, base: null, type: null, next, choices: {}, found: null };
  }
  const base = baseOf(history, against);
  const { origin } = history;
  const trees = await withFolder(`${citadel.dirs.cache}/tmp`, scratch, async (folder) =>
    compareTrees(
      await unpackVersion(citadel, caller, { name, version: base, origin }, folder),
      now,
    ),
  );
  const [commits, changesets] = await Promise.all([
    saidInCommits(now.root, name, base),
    saidInChangesets(now.root, name),
  ]);
  const level = largest([trees.level, ...[...commits, ...changesets].map((one) => one.level)]);
  const bump = bumpFor(base, level);
  const enough = type === undefined || larger(plainOf(type), bumpLevel(bump)) === plainOf(type);
  const used = taken(history);
  return {
    ...answer({
      kind: "folder",
      package: name,
      base,
      type: enough ? (type ?? bump) : bump,
      preid,
      taken: used,
    }),
    found: {
      level,
      proven: trees.proven || (level === "major" && trees.level !== "major"),
      changes: trees.changes,
      commits: said(commits),
      changesets: said(changesets),
      version,
      enough,
    },
  };
}

const said = (all: readonly Said[]): Level | null =>
  all.length === 0 ? null : largest(all.map((one) => one.level));

/** `premajor` makes room for what `major` does. */
const plainOf = (type: ReleaseType): Level =>
  type.endsWith("major") ? "major" : type.endsWith("minor") ? "minor" : "patch";
const bumpLevel = (bump: ReturnType<typeof bumpFor>): Level =>
  bump === "prerelease" ? "patch" : bump;
