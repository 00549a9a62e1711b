import { readFile, realpath } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { join, relative } from "node:path";
import { withFolder, type Citadel, type Scratch } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import {
  readFolder,
  findHistory,
  unpackVersion,
  type PackageHistory,
  type Tree,
} from "@citadel/core/documents";
import { CitadelError, errorCode } from "@citadel/core/errors";
import {
  findWorkspace,
  publishable,
  readPackageJson,
  type Workspace,
  type WorkspacePackage,
} from "@citadel/core/pack";
import type { JsonObject } from "@citadel/core/registry";
import compare from "semver/functions/compare.js";
import inc from "semver/functions/inc.js";
import parse from "semver/functions/parse.js";

/**
 * - `new`: nothing of this name is published
 * - `published`: what is in the folder is what is published under this version
 * - `ahead`: a version that is not published, and large enough for what changed
 * - `needs bump`: the version is published with other content, or is too small for what changed
 * - `behind`: newer versions are published
 * - `private`: it is not to be published
 */
export type State = "new" | "published" | "ahead" | "needs bump" | "behind" | "private" | "invalid";

export interface LocalPackage {
  readonly name: string;
  /** relative to the root; `.` */
  readonly folder: string;
  readonly version: string | null;
  /** what `latest` points to */
  readonly published: string | null;
  readonly state: State;
  /** version to publish under; null where nothing is to be done, or nobody can say */
  readonly next: string | null;
  /** the largest of the changes that ask for another version */
  readonly because: string | null;
}

export interface LocalPackages {
  readonly root: string;
  readonly items: readonly LocalPackage[];
}

/**
 * The packages of a workspace, or the one package of a folder, beside what is published of them.
 * @throws E_USAGE when there is no package.json
 */
export async function localPackages(
  citadel: Citadel,
  caller: Caller,
  path: string,
  scratch: Scratch = new Set(),
): Promise<LocalPackages> {
  const root = await realpath(path).catch(() => {
    throw new CitadelError("E_USAGE", `${path} is not a folder`);
  });
  const workspace = await workspaceOf(root);
  const items: LocalPackage[] = [];
  for (const found of workspace.packages)
    items.push(await look(citadel, caller, { root, workspace, found, scratch }));
  return { root, items };
}

async function workspaceOf(root: string): Promise<Workspace> {
  const own = readPackageJson(root);
  try {
    return await findWorkspace(root);
  } catch (error) {
    if (errorCode(error) !== "E_USAGE" || own["workspaces"] !== undefined) throw error;
    return { packages: [{ folder: root, packageJson: own }], catalogs: new Map() };
  }
}

interface Looking {
  readonly root: string;
  readonly workspace: Workspace;
  readonly found: WorkspacePackage;
  readonly scratch: Scratch;
}

async function look(
  citadel: Citadel,
  caller: Caller,
  { root, workspace, found, scratch }: Looking,
): Promise<LocalPackage> {
  const { name, version, private: closed } = found.packageJson;
  const folder = relative(root, found.folder) || ".";
  const own = typeof version === "string" ? (parse(version)?.version ?? null) : null;
  const known = { name: typeof name === "string" ? name : folder, folder, version: own };
  const nothing = { ...known, published: null, next: null, because: null };
  if (closed === true) return { ...nothing, state: "private" };
  if (typeof name !== "string" || own === null) return { ...nothing, state: "invalid" };
  const history = await findHistory(citadel, name, caller);
  if (!history) return { ...nothing, state: "new", next: own };
  const live = history.versions.filter((one) => !one.removed).map((one) => one.version);
  const published = history.tags.get("latest") ?? live.toSorted(compare).at(-1) ?? null;
  const base = live.includes(own) ? own : (live.filter((one) => compare(one, own) < 0).toSorted(compare).at(-1) ?? null); // prettier-ignore
  if (base === null || (base !== own && published !== null && compare(own, published) < 0))
    return { ...known, published, state: "behind", next: null, because: null };
  const { bumpFor, compareTrees } = await import("@citadel/core/compare");
  const changed = await withFolder(`${citadel.dirs.cache}/tmp`, scratch, async (place) => {
    const whole = /./;
    const { origin } = history;
    const old = await unpackVersion(citadel, caller, { name, version: base, origin }, place, whole);
    const now = await readFolder(found.folder);
    if (await same(old, now, found.packageJson, workspace)) return undefined;
    return compareTrees(old, now);
  });
  const answer = { ...known, published };
  const newer = published !== null && compare(own, published) < 0;
  if (!changed)
    return { ...answer, state: newer ? "behind" : own === base ? "published" : "ahead", next: own === base ? null : own, because: null }; // prettier-ignore
  const bump = bumpFor(base, changed.level);
  const next = free(inc(base, bump), history);
  const because = changed.changes[0]?.what ?? null;
  if (own !== base && next !== null && compare(own, next) >= 0)
    return { ...answer, state: "ahead", next: own, because: null };
  return { ...answer, state: newer ? "behind" : "needs bump", next: newer ? null : next, because };
}

/** The first of the numbers from here on that nobody has taken. */
function free(version: string | null, { versions }: PackageHistory): string | null {
  const taken = new Set(versions.map((one) => one.version));
  let next = version;
  while (next !== null && taken.has(next))
    next = inc(next, next.includes("-") ? "prerelease" : "patch");
  return next;
}

/** Whether a publish would send what is published; package.json counts by what it says, apart from its version. */
async function same(
  old: Tree,
  now: Tree,
  packageJson: JsonObject,
  workspace: Workspace,
): Promise<boolean> {
  const others = (tree: Tree) => tree.files.filter((file) => file !== "package.json").toSorted();
  if (!isDeepStrictEqual(others(old), others(now))) return false;
  for (const file of others(now)) {
    const [a, b] = await Promise.all([old, now].map(({ root }) => readFile(join(root, file))));
    if (!a || !b || !a.equals(b)) return false;
  }
  const { version: _, ...sent } = publishable({ folder: now.root, packageJson }, workspace);
  const { version: __, ...written } = packageJson;
  const { version: ___, ...before } = old.manifest;
  return isDeepStrictEqual(before, sent) || isDeepStrictEqual(before, written);
}
