import pickManifest from "npm-pick-manifest";
import { CitadelError, errorCode, errorObject } from "@citadel/core";
import { isObject, type JsonObject } from "@citadel/core/registry";
import satisfies from "semver/functions/satisfies.js";
import rcompare from "semver/functions/rcompare.js";
import type { Answer, RunCache } from "./cache.ts";
import type { RegistryClient } from "./registry.ts";
import type { Spec } from "./spec.ts";

/** ms that an answer is believed while the registry can be asked */
const fresh = 600_000;

/** What would run. */
export interface Resolution {
  readonly name: string;
  readonly version: string;
  /** of the tarball */
  readonly integrity: string;
  /** the registry behind ours that has it; undefined: published here */
  readonly upstream: string | undefined;
  /** who said so; `cache`: the registry could not be asked, or was not to be */
  readonly from: "registry" | "memory" | "cache";
  /** what its publisher says who wants nobody to use it; known when the registry was asked */
  readonly deprecated?: string;
  /** the version that the same words meant the last time, where that was another */
  readonly before?: string;
  /** why the registry could not be asked */
  readonly because?: CitadelError;
}

export interface ResolveOptions {
  readonly cache: RunCache;
  /** what stands for the registry in what is remembered */
  readonly place: string;
  readonly client: () => Promise<RegistryClient>;
  readonly offline: boolean;
}

type RegistrySpec = Spec & { readonly name: string };

/**
 * The version that a name and range mean: asked for at most every 10 minutes, `latest` by that word always, and without a registry
 * what was said or run last.
 * @throws E_PACKAGE_NOT_FOUND, E_VERSION_NOT_FOUND, E_POLICY, E_NOT_CACHED, E_REMOTE_*
 */
export async function resolve(spec: RegistrySpec, options: ResolveOptions): Promise<Resolution> {
  const { cache, place, client, offline } = options;
  const { name, wanted } = spec;
  const key = JSON.stringify([place, name, wanted === "" ? "latest" : wanted]);
  const known = await cache.answer(key);
  if (offline) return fromCache(spec, known, cache);
  if (known && wanted !== "latest" && Math.abs(Date.now() - known.at) < fresh)
    return { name, ...known, upstream: known.upstream, from: "memory" };
  try {
    const asked = await ask(spec, await client());
    const { version, integrity, upstream } = asked;
    await cache.remember(key, { version, integrity, upstream, at: Date.now() });
    const before = known && known.version !== version ? { before: known.version } : {};
    return { name, ...asked, from: "registry", ...before };
  } catch (error) {
    const { exit } = errorObject(error);
    if (errorCode(error) === undefined || exit !== unreachable) throw error;
    try {
      return { ...(await fromCache(spec, known, cache)), because: error as CitadelError };
    } catch {
      throw error;
    }
  }
}

/** exit code of what cannot be reached */
const unreachable = 7;

async function ask(
  { name, wanted }: RegistrySpec,
  client: RegistryClient,
): Promise<Pick<Resolution, "version" | "integrity" | "upstream" | "deprecated">> {
  const { document, upstream } = await client.packument(name).catch(async (error: unknown) => {
    throw await proposing(error, name, client);
  });
  let picked: JsonObject;
  try {
    picked = pickManifest(document, wanted);
  } catch (error) {
    const refusal = await client.refusal(name, wanted === "" ? "latest" : wanted);
    throw refusal?.code === "E_POLICY"
      ? allowedInstead(refusal, document)
      : notThere(error, name, wanted);
  }
  const { version, dist, deprecated } = picked;
  const integrity = isObject(dist) ? hashOf(dist) : undefined;
  if (typeof version !== "string" || integrity === undefined)
    throw new CitadelError("E_REMOTE_ANSWER", `there is no hash for what ${name} has`);
  return {
    ...{ version, integrity, upstream },
    ...(typeof deprecated === "string" && deprecated !== "" && { deprecated }),
  };
}

/** The hash of a tarball; old packages have the short one alone. */
function hashOf({ integrity, shasum }: JsonObject): string | undefined {
  if (typeof integrity === "string") return integrity;
  if (typeof shasum !== "string" || !/^[0-9a-f]{40}$/.test(shasum)) return undefined;
  return `sha1-${Buffer.from(shasum, "hex").toString("base64")}`;
}

/** The same error with what may be meant by a name that nobody has. */
async function proposing(error: unknown, name: string, client: RegistryClient): Promise<unknown> {
  if (errorCode(error) !== "E_PACKAGE_NOT_FOUND") return error;
  const { programs, alike } = await client.about(name);
  if (programs.length + alike.length === 0) return error;
  return new CitadelError("E_PACKAGE_NOT_FOUND", (error as Error).message, {
    hint: [
      ...alike.map((one) => `did you mean ${one}?`),
      ...programs.map((one) => `a program of ${one}: citadel bunx:run --bin ${name} ${one}`),
    ],
  });
}

/** The refusal with the newest version that is served. */
function allowedInstead(refusal: CitadelError, { versions }: JsonObject): CitadelError {
  const [newest] = newestFirst(Object.keys(isObject(versions) ? versions : {}));
  const instead = newest === undefined ? [] : [`the newest version that is served: ${newest}`];
  return new CitadelError("E_POLICY", refusal.message, { hint: [...instead, ...refusal.hint] });
}

const newestFirst = (versions: readonly string[]): string[] =>
  versions.toSorted((a, b) => rcompare(a, b, true));

function notThere(cause: unknown, name: string, wanted: string): CitadelError {
  const { versions } = cause as { versions?: unknown };
  const all = newestFirst(Array.isArray(versions) ? versions.map(String) : []);
  return new CitadelError(
    "E_VERSION_NOT_FOUND",
    `${name} has no version ${JSON.stringify(wanted.slice(0, 80))}`,
    { cause, hint: all.length > 0 ? [`there is ${all.slice(0, 5).join(", ")}`] : [] },
  );
}

/** What the same words meant last, else the highest version that is here and fits. */
async function fromCache(
  { name, wanted }: RegistrySpec,
  known: Answer | undefined,
  cache: RunCache,
): Promise<Resolution> {
  const entries = (await cache.list()).filter((entry) => entry.name === name);
  const last = entries.find(
    ({ version, integrity }) => version === known?.version && integrity === known.integrity,
  );
  const any = wanted === "" || wanted === "latest";
  const fitting = entries
    .filter(({ version }) => any || satisfies(version, wanted, { loose: true }))
    .toSorted((a, b) => rcompare(a.version, b.version, true));
  const found = last ?? fitting[0];
  if (!found)
    throw new CitadelError(
      "E_NOT_CACHED",
      `no version of ${name}${wanted === "" ? "" : ` that ${JSON.stringify(wanted.slice(0, 80))} means`} was run here before`,
    );
  const { version, integrity, upstream } = found;
  return { name, version, integrity, upstream, from: "cache" };
}
