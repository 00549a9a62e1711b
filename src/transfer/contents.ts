import type { Citadel } from "../citadel.ts";
import { mask, secretName } from "../config/mask.ts";
import { CitadelError } from "../errors.ts";
import { scopeKind, type ScopeState } from "../registry/kind.ts";
import { scopeOf } from "../registry/names.ts";
import type { Json, PackageState, VersionRecord } from "../registry/types.ts";
import { namesOf } from "../store/walk.ts";
import { sriOf, type ExportedPackage, type ExportedVersion } from "./format.ts";

/** A version on its way out. */
export interface OutgoingVersion {
  readonly version: ExportedVersion;
  /** JSON, as stored */
  readonly manifest: string;
  readonly readme?: string;
  /** fails at its end when a byte is wrong */
  readonly tarball: AsyncIterable<Uint8Array>;
}

/** A package on its way out. */
export interface Outgoing {
  readonly document: ExportedPackage;
  versions(): AsyncIterable<OutgoingVersion>;
}

/**
 * Every package by name, each as it is when its turn comes. One at a time, and of that one version at a time, is in memory.
 * @throws E_INTEGRITY that names what is damaged or missing
 */
export async function* contents(citadel: Citadel): AsyncGenerator<Outgoing, void, void> {
  for await (const name of namesOf(citadel.registry.packages)) {
    const state = (await citadel.registry.packages.read(name))?.state;
    if (state) yield outgoing(citadel, state);
  }
}

/** One package, or as much of it as `state` has. */
export async function outgoing(citadel: Citadel, state: PackageState): Promise<Outgoing> {
  const scope = scopeOf(state.name);
  const scopes = citadel.store.ledger(scopeKind());
  const holder = scope === undefined ? undefined : (await scopes.read(scope))?.state;
  return {
    document: await documentOf(citadel, state, holder),
    versions: () => versionsOf(citadel, state),
  };
}

async function documentOf(
  citadel: Citadel,
  state: PackageState,
  holder: ScopeState | undefined,
): Promise<ExportedPackage> {
  const { name, created, owners, stars, tags, versions, removed, visibility, teams, tfa } = state;
  const gone = Array.from(removed, async ([version, { manifest, time, removed: at }]) => ({
    version,
    time: isoOf(time),
    removed: isoOf(at),
    manifestIntegrity: sriOf(manifest),
    manifest: JSON.parse(await textOf(citadel, manifest, `${name}@${version}`)),
  }));
  return {
    name,
    created: isoOf(created),
    owners: [...owners],
    stars: [...stars],
    ...(holder && { scopeOwner: holder.owner }),
    ...(holder?.founder !== undefined && { scopeOrg: true }),
    ...(visibility && { visibility }),
    ...(teams && { teams: Object.fromEntries(teams) }),
    ...(tfa && { tfa }),
    tags: Object.fromEntries(tags),
    removed: await Promise.all(gone),
    versions: Array.from(versions, describe),
  };
}

const describe = ([version, record]: [string, VersionRecord]): ExportedVersion => ({
  version,
  time: isoOf(record.time),
  by: record.by,
  integrity: record.integrity,
  size: record.size,
  manifestIntegrity: sriOf(record.manifest),
  ...(record.readme !== undefined && { readmeIntegrity: sriOf(record.readme) }),
  ...(record.deprecated !== undefined && { deprecated: record.deprecated }),
});

async function* versionsOf(
  citadel: Citadel,
  { name, versions }: PackageState,
): AsyncGenerator<OutgoingVersion, void, void> {
  for (const [version, record] of versions) {
    const what = `${name}@${version}`;
    const tarball = await citadel.store.blobs.open(record);
    if (!tarball) throw missing(`the tarball of ${what} (${record.integrity})`);
    yield {
      version: describe([version, record]),
      manifest: await textOf(citadel, record.manifest, what),
      ...(record.readme !== undefined && { readme: await textOf(citadel, record.readme, what) }),
      tarball,
    };
  }
}

/** A stored manifest or readme. */
async function textOf({ store }: Citadel, hash: string, what: string): Promise<string> {
  const bytes = await store.manifests.get(hash);
  if (!bytes) throw missing(`the manifest or readme ${hash} of ${what}`);
  return Buffer.from(bytes).toString();
}

const missing = (what: string): CitadelError =>
  new CitadelError("E_INTEGRITY", `${what} is missing from the store`);

const isoOf = (ms: number): string => new Date(ms).toISOString();

/** Settings as they may be shown to anybody. @param redact takes out of a text what else may not be seen */
export function snapshot(value: unknown, redact = (text: string): string => text): Json {
  if (typeof value === "string") return redact(mask(value));
  if (typeof value === "number" || typeof value === "boolean") return value;
  if (Array.isArray(value)) return value.map((one) => snapshot(one, redact));
  if (typeof value !== "object" || value === null) return null;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [
      key,
      secretName(key) ? "***" : snapshot(one, redact),
    ]),
  );
}
