import { openDriver, type Driver } from "@citadel/core/driver";
import type { TierStats } from "@citadel/core/cache";
import type { SecretStats } from "@citadel/core/catalog";
import { errorObject } from "@citadel/core/errors";
import {
  holdsReference,
  mask,
  type Backend,
  type Citadel,
  type Dirs,
  type Settings,
} from "@citadel/core";

export interface BackendStatus {
  /** `upstream`: another registry that is asked for what is not here */
  readonly role: Backend["role"] | "upstream";
  /** without credentials */
  readonly url: string;
  readonly ok: boolean;
  /** of one cheap round trip; absent when there was none */
  readonly latencyMs?: number;
  readonly error?: string;
}

export interface RegistryStats {
  readonly packages: {
    readonly total: number;
    readonly versions: number;
    /** bytes of all tarballs */
    readonly bytes: number;
    /** bytes that they take in the store */
    readonly storedBytes: number;
    /** `bytes / storedBytes`, 1 for an empty registry */
    readonly compressionRatio: number;
    /** false when the store could not be asked: then these are the numbers of the last time */
    readonly current: boolean;
    /** by scope without `@`; an empty scope holds the names without one */
    readonly scopes: readonly { scope: string; packages: number; bytes: number }[];
  } | null;
  /** as this machine knew them last; null where it could not be asked */
  readonly secrets: SecretStats | null;
  readonly backends: readonly BackendStatus[];
  /** nearest first */
  readonly cache: readonly TierStats[];
  readonly compression: { readonly enabled: boolean; readonly algorithm: string };
  readonly encryption: { readonly enabled: boolean };
  /** of the store's calls by this process; `averageMs` is null before the first */
  readonly responses: { readonly calls: number; readonly averageMs: number | null };
}

/**
 * What is in the registry and how its stores are. A store that is down becomes a row that says so.
 * @param opening the open registry; when it could not be opened, each store is asked on its own
 */
export async function gatherStats(
  opening: Promise<Citadel>,
  settings: Settings,
  schemes: ReadonlyMap<string, string>,
  dirs: Dirs,
): Promise<RegistryStats> {
  const { documents, blobs, compression } = settings.store;
  const common = {
    compression: { enabled: compression !== "none", algorithm: compression },
    encryption: { enabled: settings.encryption.packages },
  };
  let citadel: Citadel;
  try {
    citadel = await opening;
  } catch (cause) {
    const roles = [["documents", documents] as const, ["blobs", blobs] as const];
    const configured = documents === blobs ? roles.slice(0, 1) : roles;
    const { message } = errorObject(cause);
    const asked = configured.map(async ([role, url]) =>
      holdsReference(url)
        ? { role, url: mask(url), ok: false, error: message }
        : probe(role, url, schemes),
    );
    const [backends, cache] = await Promise.all([
      Promise.all(asked),
      cacheAlone(settings, schemes, dirs),
    ]);
    const responses = { calls: 0, averageMs: null };
    return { packages: null, secrets: null, backends, cache, ...common, responses };
  }
  const packages = await packageStats(citadel);
  const backends: BackendStatus[] = await Promise.all(
    citadel.backends.map(async ({ role, url, driver }) => ({
      role,
      url,
      ...(await health(driver)),
    })),
  );
  const cache = await cacheStats(citadel);
  for (const { name: _, ...probe } of (await citadel.upstream?.probe()) ?? [])
    backends.push({ role: "upstream", ...probe });
  const secrets = (await citadel.catalog()).secretStats(Date.now());
  return { packages, secrets, backends, cache, ...common, responses: responses(citadel.backends) };
}

async function packageStats(citadel: Citadel): Promise<RegistryStats["packages"]> {
  const catalog = await citadel.catalog();
  const current = await catalog.sync().then(
    () => true,
    () => false,
  );
  const { packages, versions, bytes, storedBytes, scopes } = catalog.stats();
  const compressionRatio = storedBytes === 0 ? 1 : Number((bytes / storedBytes).toFixed(3));
  return { total: packages, versions, bytes, storedBytes, compressionRatio, current, scopes };
}

/** The account of what is cached goes into the catalog as well, where SQL can ask for it. */
async function cacheStats(citadel: Citadel): Promise<readonly TierStats[]> {
  const cache = await citadel.cache();
  const [catalog, rows] = await Promise.all([citadel.catalog(), cache.rows()]);
  await catalog.noteCache(rows).catch(() => {}); // only numbers: another process is writing, or it is full
  return cache.stats();
}

async function cacheAlone(
  settings: Settings,
  schemes: ReadonlyMap<string, string>,
  dirs: Dirs,
): Promise<readonly TierStats[]> {
  const { openCache } = await import("@citadel/core/cache");
  const tiers = settings.cache.tiers.filter((tier) => !holdsReference(tier));
  const cache = openCache({ tiers, dirs, schemes, memoryBytes: 1 });
  try {
    return await cache.stats();
  } finally {
    await cache.close();
  }
}

async function health(driver: Driver): Promise<Pick<BackendStatus, "ok" | "latencyMs" | "error">> {
  const { ok, latencyMs, detail } = await driver.health();
  const error = detail["error"];
  return { ok, latencyMs, ...(!ok && { error: mask(String(error ?? "it does not answer")) }) };
}

async function probe(
  role: Backend["role"],
  url: string,
  schemes: ReadonlyMap<string, string>,
): Promise<BackendStatus> {
  const shown = mask(url);
  try {
    const driver = await openDriver(url, schemes);
    try {
      return { role, url: shown, ...(await health(driver)) };
    } finally {
      await driver.close();
    }
  } catch (error) {
    return { role, url: shown, ok: false, error: errorObject(error).message };
  }
}

function responses(backends: readonly Backend[]): RegistryStats["responses"] {
  const tallies = backends.flatMap(({ observed }) => Object.values(observed));
  const calls = tallies.reduce((sum, tally) => sum + tally.calls, 0);
  const ms = tallies.reduce((sum, tally) => sum + tally.ms, 0);
  return { calls, averageMs: calls === 0 ? null : Number((ms / calls).toFixed(3)) };
}
