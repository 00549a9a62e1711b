import { join } from "node:path";
import { createTurns, withFolder, type Citadel, type Scratch } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import { CitadelError } from "@citadel/core/errors";
import {
  checkName,
  checkTag,
  checkVersion,
  importPackage,
  isObject,
  manifestOf,
  namedHashes,
  newest,
  personOf,
  type Arrival,
  type JsonObject,
  type PackageState,
  type VersionRecord,
} from "@citadel/core/registry";
import { problemOf } from "./problem.ts";
import type { Moved, Problem, Source, SourcePackage } from "./source.ts";
import { takeVersion } from "./version.ts";

/** versions that appear in one step; an interruption costs no more than these */
const together = 100;

export interface MoveOptions {
  /** checks and counts, writes nothing @default false */
  readonly dryRun?: boolean;
  /** owners of packages whose document names no user that is here @default the caller */
  readonly owners?: readonly string[];
  /** whether there is, or will be, a user of this name @default those who have an account */
  readonly isUser?: (name: string) => Promise<boolean>;
  /** tarballs at once @default 8 */
  readonly concurrency?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (at: {
    readonly phase: string;
    readonly done: number;
    readonly total: number;
  }) => void;
}

/**
 * Adds the packages of another registry. Each is checked as a publish is; what is wrong with one is reported and does not keep the
 * others. What is here never changes, except that a tag follows to a version that arrives. Stopped or killed, it goes on when run again.
 * @throws E_USER_NOT_FOUND for an owner; E_STORE_*, E_CANCELLED, E_REMOTE_UNAVAILABLE and the like: what would stop every package
 */
export async function moveIn(
  citadel: Citadel,
  caller: Caller,
  source: Source,
  options: MoveOptions = {},
  scratch: Scratch = new Set(),
): Promise<Moved> {
  const { dryRun = false, concurrency = 8, signal, onProgress } = options;
  const packages = { added: 0, changed: 0, unchanged: 0, cached: 0, failed: 0 };
  const versions = { added: 0, unchanged: 0, cached: 0, failed: 0 };
  const problems: Problem[] = [];
  let bytes = 0;
  let unowned = 0;
  let done = 0;
  const turn = createTurns(concurrency);
  const isUser =
    options.isUser ?? (async (user) => (await citadel.accounts.user(user)) !== undefined);
  for (const owner of options.owners ?? [])
    if (!(await isUser(owner)))
      throw new CitadelError("E_USER_NOT_FOUND", `there is no user ${owner} here`);

  const one = async (name: string, dir: string): Promise<void> => {
    const complain = (error: unknown, version?: string): void => {
      problems.push(problemOf(error, name, version));
    };
    try {
      const moving = { citadel, caller, turn, dir, complain, isUser, options };
      const { result, owned, ...counts } = await movePackage(moving, checkName(name), source);
      packages[result]++;
      if (result === "added" && !owned) unowned++;
      versions.added += counts.added;
      versions.unchanged += counts.unchanged;
      versions.cached += counts.cached;
      versions.failed += counts.failed;
      bytes += counts.bytes;
    } catch (error) {
      complain(error);
      packages.failed++;
    }
  };
  await withFolder(join(citadel.dirs.cache, "tmp"), scratch, async (dir) => {
    const names = source.names.values();
    const work = async (): Promise<void> => {
      for (const name of names) {
        signal?.throwIfAborted();
        await one(name, dir);
        onProgress?.({ phase: "importing packages", done: ++done, total: source.names.length });
      }
    };
    const ended = await Promise.allSettled(Array.from({ length: concurrency }, work));
    const failed = ended.find((worker) => worker.status === "rejected");
    if (failed) throw failed.reason;
  });
  problems.sort((a, b) => (a.subject < b.subject ? -1 : a.subject > b.subject ? 1 : 0));
  return { packages, versions, bytes, unowned, problems, dryRun };
}

interface Moving {
  readonly citadel: Citadel;
  readonly caller: Caller;
  readonly turn: ReturnType<typeof createTurns>;
  readonly dir: string;
  readonly complain: (error: unknown, version?: string) => void;
  readonly isUser: (name: string) => Promise<boolean>;
  readonly options: MoveOptions;
}

async function movePackage(moving: Moving, name: string, source: Source) {
  const { citadel, caller, turn, complain, options } = moving;
  const { dryRun = false, signal } = options;
  const from = await turn(() => source.read(name));
  const before = (await citadel.registry.packages.read(name))?.state;
  const count = { added: 0, unchanged: 0, cached: from.cached, failed: 0, bytes: 0 };
  const { owned, owners, arrival, timeOf, readmeFor } = await describe(moving, name, from);

  const missing: string[] = [];
  for (const version of from.versions)
    try {
      const here = await compare(citadel, before, manifestOf(from.document, version), version);
      if (here) count.unchanged++;
      else missing.push(version);
    } catch (error) {
      count.failed++;
      complain(error, version);
    }
  missing.sort((a, b) => timeOf(a) - timeOf(b));

  let live: ReadonlySet<string> = new Set(before?.versions.keys());
  for (let at = 0; at < missing.length; at += together) {
    const taken = missing.slice(at, at + together).map((version) =>
      turn(async (): Promise<[string, VersionRecord] | undefined> => {
        signal?.throwIfAborted();
        const readme = readmeFor(version);
        const job = {
          ...{ name, version, source: from, time: timeOf(version), owners },
          ...(readme !== undefined && { readme }),
          ...{ dir: moving.dir, dryRun },
        };
        if (dryRun && !source.near) return [checkVersion(version), planned(job.time)];
        try {
          return [checkVersion(version), await takeVersion(citadel, job)];
        } catch (error) {
          count.failed++;
          complain(error, version);
          return undefined;
        }
      }),
    );
    const records = await allOf(taken);
    if (records.length === 0) continue;
    live = new Set([...live, ...records.map(([version]) => version)]);
    const tags = tagsOf(from.document, live, before);
    if (!dryRun)
      await importPackage(citadel, { ...arrival, tags, versions: records }, caller, {
        moveTags: true,
      });
    count.added += records.length;
    count.bytes += records.reduce((sum, [, { size }]) => sum + size, 0);
  }
  return { ...count, owned, result: resultOf(before, count) };
}

function resultOf(
  before: PackageState | undefined,
  { added, unchanged, cached, failed }: Readonly<Record<string, number>>,
): keyof Moved["packages"] {
  if (added) return before ? "changed" : "added";
  if (unchanged) return "unchanged";
  return failed ? "failed" : cached ? "cached" : "unchanged";
}

/** All results, also when one fails: nothing may go on in the background. */
async function allOf<T>(tasks: readonly Promise<T | undefined>[]): Promise<T[]> {
  const ended = await Promise.allSettled(tasks);
  const failed = ended.find((one) => one.status === "rejected");
  if (failed) throw failed.reason;
  return ended.flatMap((one) =>
    one.status === "fulfilled" && one.value !== undefined ? [one.value] : [],
  );
}

const planned = (time: number): VersionRecord => ({
  ...{ manifest: "", integrity: "", size: 0, time, by: "" },
});

/** Is the version here with this content? @throws E_VERSION_EXISTS when it is here with another, or was unpublished here */
async function compare(
  { store }: Citadel,
  state: PackageState | undefined,
  manifest: JsonObject,
  id: string,
): Promise<boolean> {
  const version = checkVersion(id);
  const { sha512, sha1 } = namedHashes(manifest);
  if (state?.removed.has(version))
    throw new CitadelError("E_VERSION_EXISTS", "the number was unpublished here and stays taken");
  const here = state?.versions.get(version);
  if (!here) return false;
  if (sha512.length > 0) {
    if (sha512.includes(here.integrity)) return true;
  } else {
    const bytes = await store.manifests.get(here.manifest);
    const { dist } = JSON.parse(Buffer.from(bytes ?? "{}").toString()) as JsonObject;
    if (isObject(dist) && dist["shasum"] === sha1) return true;
  }
  throw new CitadelError("E_VERSION_EXISTS", "the version is here with other content");
}

/** What of a package does not depend on single versions. */
async function describe({ caller, isUser, options }: Moving, name: string, from: SourcePackage) {
  const { document, versions } = from;
  const { time, maintainers, users, readme } = document;
  const now = Date.now();
  const at = (key: string): number | undefined => {
    const text = isObject(time) && Object.hasOwn(time, key) ? time[key] : undefined;
    const ms = typeof text === "string" ? Date.parse(text) : NaN;
    return ms > 0 && ms <= now ? ms : undefined;
  };
  const created = at("created") ?? Math.min(now, ...versions.map((one) => at(one) ?? now));
  const latest = isObject(document["dist-tags"]) ? document["dist-tags"]["latest"] : undefined;
  const people = peopleOf(maintainers, document, latest);
  // a name that nobody has here could be taken by whoever signs up first, and the package with it
  const known: string[] = [];
  for (const person of people) if (await isUser(person)) known.push(person);
  const fallback = options.owners ?? [caller.principal.name];
  const owners = known.length > 0 ? known : fallback;
  const arrival: Arrival = {
    ...{ type: "import", name, created, owners, tags: [], versions: [], removed: [] },
    stars: isObject(users) ? Object.keys(users).filter((user) => personOf(user)) : [],
  };
  return {
    owned: known.length > 0 || options.owners !== undefined,
    owners,
    arrival,
    timeOf: (version: string) => at(version) ?? at("modified") ?? created,
    readmeFor: (version: string) =>
      version === latest && typeof readme === "string" ? readme : undefined,
  };
}

function peopleOf(maintainers: unknown, { versions }: JsonObject, latest: unknown): string[] {
  const last = isObject(versions) && typeof latest === "string" ? versions[latest] : undefined;
  const { maintainers: ofLast, _npmUser } = isObject(last) ? last : {};
  for (const list of [maintainers, ofLast, [_npmUser]]) {
    const names = (Array.isArray(list) ? list : []).flatMap((one) => personOf(one)?.name ?? []);
    if (names.length > 0) return [...new Set(names)];
  }
  return [];
}

/** Tags that point to a version that is here or arrives; there is always a `latest`. */
function tagsOf(
  document: JsonObject,
  live: ReadonlySet<string>,
  before: PackageState | undefined,
): [string, string][] {
  const tags = new Map<string, string>();
  const given = document["dist-tags"];
  for (const [tag, version] of isObject(given) ? Object.entries(given) : [])
    if (typeof version === "string" && live.has(version) && isTag(tag)) tags.set(tag, version);
  const last = newest([...live]);
  if (!tags.has("latest") && !before?.tags.has("latest") && last !== undefined)
    tags.set("latest", last);
  return [...tags];
}

function isTag(tag: string): boolean {
  try {
    return checkTag(tag) === tag;
  } catch {
    return false;
  }
}
