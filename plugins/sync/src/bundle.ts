import { createHash } from "node:crypto";
import { join } from "node:path";
import { createTurns, withFolder, type Citadel, type Scratch } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import { CitadelError, errorCode } from "@citadel/core/errors";
import {
  checkTag,
  isObject,
  manifestOf,
  naturalise,
  newest,
  spool,
  type JsonObject,
} from "@citadel/core/registry";
import {
  outgoing,
  sriOf,
  writeExport,
  type Exported,
  type ExportedVersion,
  type Outgoing,
  type OutgoingVersion,
} from "@citadel/core/transfer";
import { anywhere, tarballOf, type Failure, type Fetched } from "./fetch.ts";
import { checkOf } from "./lockfile/integrity.ts";

/** tarballs looked into at once */
const AT_ONCE = 4;

export interface BundleOptions {
  /** format of the lockfile, for people */
  readonly lockfile: string;
  readonly signal?: AbortSignal;
  readonly phase?: (label: string, total: number) => void;
  readonly at?: (done: number) => void;
}

/** The file, or what keeps it from being written. */
export type Bundled =
  | { readonly exported: Exported }
  | { readonly exported?: never; readonly failed: readonly Failure[] };

/** A version from another registry, checked, without its tarball. */
interface Ready {
  readonly from: Fetched;
  readonly version: ExportedVersion;
  readonly manifest: string;
  readonly readme: string | undefined;
}

/**
 * Writes what was fetched as an export that `local:import` adds to a registry without any other behind it: of each package the versions
 * that were fetched, each checked as a publish is. Nothing is written when one of them cannot be published.
 */
export async function writeBundle(
  citadel: Citadel,
  caller: Caller,
  path: string,
  fetched: readonly Fetched[],
  { lockfile, signal, phase = () => {}, at = () => {} }: BundleOptions,
  scratch: Scratch = new Set(),
): Promise<Bundled> {
  const { ready, failed } = await withFolder(join(citadel.dirs.cache, "tmp"), scratch, (dir) => {
    phase("checking", fetched.length);
    return prepare(citadel, caller, fetched, { dir, at, ...(signal && { signal }) });
  });
  if (failed.length > 0) return { failed };
  const names = [...new Set(fetched.map(({ locked }) => locked.name))];
  phase("writing", names.length);
  async function* packages(): AsyncGenerator<Outgoing, void, void> {
    for (const name of names) {
      const wanted = fetched.filter(({ locked }) => locked.name === name);
      yield wanted[0]?.own
        ? ownPackage(citadel, name, wanted)
        : foreignPackage(citadel, caller, name, wanted.map((one) => ready.get(one) as Ready)); // prettier-ignore
    }
  }
  const options = { config: { lockfile }, seen: at, ...(signal && { signal }) };
  return { exported: await writeExport(path, packages(), options, scratch) };
}

async function prepare(
  citadel: Citadel,
  caller: Caller,
  fetched: readonly Fetched[],
  { dir, at, signal }: { dir: string; at: (done: number) => void; signal?: AbortSignal },
) {
  const turn = createTurns(AT_ONCE);
  const packuments = new Map<string, Promise<JsonObject>>();
  const ready = new Map<Fetched, Ready>();
  const failed: Failure[] = [];
  let count = 0;
  const one = async (from: Fetched): Promise<void> => {
    signal?.throwIfAborted();
    const { name, version } = from.locked;
    try {
      if (!from.own) {
        const known = packuments.get(name) ?? packumentOf(citadel, caller, name);
        packuments.set(name, known);
        ready.set(from, await readyOf(citadel, caller, from, await known, dir));
      }
    } catch (error) {
      const code = errorCode(error);
      if (code === undefined || /^E_(?:STORE_|CANCELLED)/.test(code)) throw error;
      failed.push({ name, version, code, message: (error as Error).message });
    }
    at(++count);
  };
  const ended = await Promise.allSettled(fetched.map((from) => turn(() => one(from))));
  for (const each of ended) if (each.status === "rejected") throw each.reason;
  return { ready, failed };
}

async function packumentOf(
  { upstream }: Citadel,
  caller: Caller,
  name: string,
): Promise<JsonObject> {
  // prettier-ignore
  const view = await upstream?.view(name, "full", anywhere, caller);
  const document: unknown = view && JSON.parse(Buffer.from(view.pick(["identity"]).bytes).toString()); // prettier-ignore
  if (isObject(document)) return document;
  throw new CitadelError("E_REMOTE_ANSWER", `what upstream has of ${name} is no packument`);
}

async function readyOf(
  citadel: Citadel,
  caller: Caller,
  from: Fetched,
  packument: JsonObject,
  dir: string,
): Promise<Ready> {
  const { locked, own } = from;
  const { name, version } = locked;
  const { limits } = citadel.settings;
  const source = await tarballOf(citadel, caller, locked, own);
  await using tarball = await spool(source, { limit: limits.tarball, dir });
  const manifest = manifestOf(packument, version);
  const owners = [caller.principal.name];
  const checked = await naturalise({ name, version, manifest, tarball, owners, limits });
  const { readme, by, deprecated } = checked;
  const { integrity, size } = tarball;
  return {
    from,
    version: {
      ...{ version, time: timeOf(packument, version), by, integrity, size },
      manifestIntegrity: integrityOf(checked.manifest),
      ...(readme !== undefined && { readmeIntegrity: integrityOf(Buffer.from(readme)) }),
      ...(deprecated !== undefined && { deprecated }),
    },
    manifest: Buffer.from(checked.manifest).toString(),
    readme,
  };
}

const integrityOf = (bytes: Uint8Array): string =>
  sriOf(createHash("sha256").update(bytes).digest("base64url"));

/** When it was published, as far as upstream says. */
function timeOf({ time }: JsonObject, key: string): string {
  const text = isObject(time) && Object.hasOwn(time, key) ? time[key] : undefined;
  const ms = typeof text === "string" ? Date.parse(text) : NaN;
  return new Date(ms > 0 && ms <= Date.now() ? ms : 0).toISOString();
}

async function foreignPackage(
  citadel: Citadel,
  caller: Caller,
  name: string,
  ready: readonly Ready[],
): Promise<Outgoing> {
  const packument = await packumentOf(citadel, caller, name);
  return {
    document: {
      name,
      created: timeOf(packument, "created"),
      owners: [caller.principal.name],
      stars: [],
      tags: tagsOf(packument["dist-tags"], ready.map(({ version }) => version.version)), // prettier-ignore
      removed: [],
      versions: ready.map(({ version }) => version),
    },
    async *versions(): AsyncGenerator<OutgoingVersion, void, void> {
      for (const { from, version, manifest, readme } of ready)
        yield {
          ...{ version, manifest },
          ...(readme !== undefined && { readme }),
          tarball: same(await tarballOf(citadel, caller, from.locked, from.own), version.integrity),
        };
    },
  };
}

/** A package of this registry with the versions that are wanted, and no more. */
async function ownPackage(
  citadel: Citadel,
  name: string,
  wanted: readonly Fetched[],
): Promise<Outgoing> {
  // prettier-ignore
  const state = (await citadel.registry.packages.read(name))?.state;
  if (!state) throw new CitadelError("E_PACKAGE_NOT_FOUND", `${name} is not here any more`);
  const numbers = new Set(wanted.map(({ locked }) => locked.version));
  const tags = tagsOf(Object.fromEntries(state.tags), [...numbers]);
  return outgoing(citadel, {
    ...state,
    tags: new Map(Object.entries(tags)),
    versions: new Map([...state.versions].filter(([version]) => numbers.has(version))),
    removed: new Map(),
    stars: [],
  });
}

/** Tags that point to one of the versions; there is always a `latest`. */
function tagsOf(given: unknown, versions: readonly string[]): Record<string, string> {
  const tags = new Map<string, string>();
  for (const [tag, version] of isObject(given) ? Object.entries(given) : [])
    if (typeof version === "string" && versions.includes(version) && isTag(tag)) tags.set(tag, version); // prettier-ignore
  const last = newest([...versions]);
  if (!tags.has("latest") && last !== undefined) tags.set("latest", last);
  return Object.fromEntries(tags);
}

function isTag(tag: string): boolean {
  try {
    return checkTag(tag) === tag;
  } catch {
    return false;
  }
}

/** The same bytes; fails at the end when they are not those that were checked. */
async function* same(
  source: AsyncIterable<Uint8Array>,
  integrity: string,
): AsyncGenerator<Uint8Array, void, void> {
  const check = checkOf(integrity);
  for await (const chunk of source) {
    check.update(chunk);
    yield chunk;
  }
  if (!check.fits())
    throw new CitadelError("E_CONFLICT", "a tarball has changed while the bundle was written");
}
