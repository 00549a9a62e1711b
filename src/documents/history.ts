import type { Caller } from "../access/types.ts";
import type { Citadel } from "../citadel.ts";
import { CitadelError, errorCode } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { isObject } from "../registry/manifest.ts";
import type { JsonObject, PackageState } from "../registry/types.ts";

/** One version of a package, as far as it matters to its history. */
export interface HistoryVersion {
  readonly version: string;
  /** ms since 1970; undefined where it is not known */
  readonly time?: number | undefined;
  readonly author?: string | undefined;
  readonly deprecated?: string | undefined;
  readonly integrity?: string | undefined;
  /** was unpublished; its number stays taken */
  readonly removed?: boolean;
}

/** All that was published under a name, wherever it came from. */
export interface PackageHistory {
  readonly name: string;
  /** "here", or the name of the upstream */
  readonly origin: string;
  readonly tags: ReadonlyMap<string, string>;
  readonly versions: readonly HistoryVersion[];
}

/**
 * The history of a package of this registry, or of one behind it.
 * @throws E_PACKAGE_NOT_FOUND with the names that are most alike, E_REMOTE_*
 */
export async function readHistory(
  citadel: Citadel,
  name: string,
  caller: Caller,
): Promise<PackageHistory> {
  try {
    return historyOfState((await citadel.registry.document(name, caller)).state);
  } catch (error) {
    if (errorCode(error) !== "E_PACKAGE_NOT_FOUND") throw error;
    const { registry, upstream } = citadel;
    if (!upstream || !(await registry.elsewhere(name, caller)))
      throw await proposing(citadel, name, error);
    const view = await upstream.view(name, "full", "http://localhost/", caller);
    const { bytes } = view.pick(["identity"]);
    return historyOfPackument(parsed(bytes, name), view.origin);
  }
}

/** The same; undefined for a package that is not there. @throws E_REMOTE_* */
export async function findHistory(
  citadel: Citadel,
  name: string,
  caller: Caller,
): Promise<PackageHistory | undefined> {
  try {
    return await readHistory(citadel, name, caller);
  } catch (error) {
    if (errorCode(error) === "E_PACKAGE_NOT_FOUND") return undefined;
    throw error;
  }
}

function parsed(bytes: Uint8Array, name: string): JsonObject {
  const document: unknown = JSON.parse(Buffer.from(bytes).toString());
  if (isObject(document)) return document;
  throw new CitadelError("E_REMOTE_ANSWER", `what upstream has of ${name} is no packument`);
}

/** The same error with the names that are most alike. */
async function proposing(
  { registry: { packages } }: Citadel,
  name: string,
  cause: unknown,
): Promise<Error> {
  const names: string[] = [];
  let after: string | undefined;
  do {
    const page = await packages.list(after === undefined ? {} : { after });
    for (const item of page.items) names.push(item.name);
    after = page.next;
  } while (after !== undefined);
  const bare = (text: string): string => text.replace(/^@[^/]*\//, "");
  const same = names.filter((one) => bare(one) === bare(name));
  const alike = [...new Set([...same, ...nearest(name, names)])].slice(0, 3);
  if (alike.length === 0) return cause as Error;
  return new CitadelError("E_PACKAGE_NOT_FOUND", (cause as Error).message, {
    hint: alike.map((one) => `did you mean ${one}?`),
  });
}

export function historyOfState(state: PackageState): PackageHistory {
  const { name, tags, versions, removed } = state;
  return {
    name,
    origin: "here",
    tags,
    versions: [
      ...Array.from(versions, ([version, { time, by, deprecated, integrity }]) => ({
        ...{ version, time, author: by, deprecated, integrity },
      })),
      ...Array.from(removed, ([version, { time }]) => ({ version, time, removed: true })),
    ],
  };
}

/** Of a document as registries send it; what is not as it should be is left out. */
export function historyOfPackument(document: JsonObject, origin = "here"): PackageHistory {
  const { name, versions, time, "dist-tags": tags } = document;
  const times = isObject(time) ? time : {};
  const all = Object.entries(isObject(versions) ? versions : {});
  return {
    name: typeof name === "string" ? name : "",
    origin,
    tags: new Map(
      Object.entries(isObject(tags) ? tags : {}).flatMap(([tag, to]) =>
        typeof to === "string" ? [[tag, to] as const] : [],
      ),
    ),
    versions: all.map(([version, manifest]) => {
      const { _npmUser: user, dist, deprecated } = isObject(manifest) ? manifest : {};
      const at = Date.parse(text(times[version]) ?? "");
      return {
        version,
        time: Number.isNaN(at) ? undefined : at,
        author: isObject(user) ? text(user["name"]) : undefined,
        deprecated: text(deprecated) || undefined,
        integrity: isObject(dist) ? text(dist["integrity"]) : undefined,
      };
    }),
  };
}

const text = (value: unknown): string | undefined =>
  typeof value === "string" ? value : undefined;
