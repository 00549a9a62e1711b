import type { Caller } from "@citadel/core/access";
import { tarballOf } from "@citadel/core/documents";
import { hashesOf, isObject, type JsonObject, type VersionRecord } from "@citadel/core/registry";
import { callerOf, type Shared } from "../../context.ts";
import { orElsewhere } from "../../npm/elsewhere.ts";
import type { Visit } from "../../npm/room.ts";

/** A version that somebody may read, wherever it is. */
export interface Located {
  readonly name: string;
  readonly version: string;
  /** `here`, or the name of the upstream */
  readonly origin: string;
  readonly manifest: JsonObject;
  /** the strongest hash of the tarball that there is: names its content */
  readonly integrity: string | undefined;
  /** what the registry notes of it; absent for what is elsewhere */
  readonly record?: VersionRecord;
}

/**
 * The version that a number, tag or range means, for who asks.
 * @throws E_PACKAGE_NOT_FOUND, E_VERSION_NOT_FOUND, E_POLICY, E_REMOTE_*
 */
export async function locate(
  { shared, asked, site }: Visit,
  name: string,
  spec: string,
): Promise<Located> {
  const { registry, upstream } = shared.citadel;
  const caller = await callerOf(shared, asked);
  const here = async (): Promise<Located> => {
    const { version, record, manifest } = await registry.resolve(name, spec, caller);
    return { name, version, origin: "here", manifest, integrity: record.integrity, record };
  };
  const there = async (): Promise<Located> => {
    const { version, bytes } = await upstream!.manifest(name, spec, site.base, caller);
    const manifest = JSON.parse(new TextDecoder().decode(bytes)) as JsonObject;
    const { sha512, sha1 } = hashesOf(manifest["dist"]);
    const integrity = sha512[0] ?? (sha1 === undefined ? undefined : `sha1-${sha1}`);
    const origin = (await upstream!.upstreamOf(name)) ?? "upstream";
    return { name, version, origin, manifest, integrity };
  };
  return orElsewhere(here(), upstream && there);
}

/** Whether there is such a package, for who asks. @throws E_PACKAGE_NOT_FOUND and what `locate` throws */
export async function demandReadable({ citadel }: Shared, name: string, caller: Caller) {
  const { registry, upstream } = citadel;
  const here = registry.document(name, caller).then(() => undefined);
  await orElsewhere(here, upstream && (() => demandElsewhere(citadel, name, caller)));
}

async function demandElsewhere(
  { registry, upstream }: Shared["citadel"],
  name: string,
  caller: Caller,
) {
  await registry.elsewhere(name, caller);
  await upstream?.releases(name, "short", "http://localhost/", caller);
}

/** The tarball of a version that was found for somebody. */
export async function openTarball({ shared, asked }: Visit, located: Located) {
  return tarballOf(shared.citadel, await callerOf(shared, asked), located);
}

/** What is known of the tarball besides: sizes, signatures, attestations. */
export const distOf = ({ manifest }: Located): JsonObject =>
  isObject(manifest["dist"]) ? manifest["dist"] : {};
