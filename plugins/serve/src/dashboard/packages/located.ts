import { Readable } from "node:stream";
import { CitadelError } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import { tarballOf } from "@citadel/core/documents";
import { hashesOf, isObject, type JsonObject, type VersionRecord } from "@citadel/core/registry";
import type { StagedItem } from "@citadel/core/stage";
import type { Upstream } from "@citadel/core/upstream";
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
  /** the strongest hash of the tarball that there is, as SRI */
  readonly integrity: string | undefined;
  /** names the content of the tarball, for what is made of it; undefined where nothing does */
  readonly content: string | undefined;
  /** what the registry notes of it; absent for what is elsewhere */
  readonly record?: VersionRecord;
  /** it waits for approval under this id, and is no version yet */
  readonly staged?: StagedItem;
}

/** How a version that waits is asked for: `staged:<id>`. */
const waiting = /^staged:([\da-f-]{36})$/;

/**
 * The version that a number, tag or range means, for who asks, or one that waits for approval.
 * @throws E_NOT_FOUND, E_PACKAGE_NOT_FOUND, E_VERSION_NOT_FOUND, E_POLICY, E_REMOTE_*
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
    const { integrity } = record;
    return {
      ...{ name, version, origin: "here", manifest, integrity, content: integrity },
      record,
    };
  };
  const there = async (other: Upstream): Promise<Located> => {
    const { version, bytes } = await other.manifest(name, spec, site.base, caller);
    const manifest = JSON.parse(new TextDecoder().decode(bytes)) as JsonObject;
    const origin = (await other.upstreamOf(name)) ?? "upstream";
    return { name, version, origin, manifest, ...hashes(manifest, `${origin} ${name}@${version}`) };
  };
  const id = waiting.exec(spec)?.[1];
  if (id !== undefined) return stagedOf(shared.citadel, name, id, caller);
  return orElsewhere(here(), upstream && (() => there(upstream)));
}

async function stagedOf(
  { registry, store }: Shared["citadel"],
  name: string,
  id: string,
  caller: Caller,
): Promise<Located> {
  const staged = await registry.stages.get(id, caller);
  const bytes = staged.name === name ? await store.manifests.get(staged.input) : undefined;
  if (!bytes) throw new CitadelError("E_NOT_FOUND", `there is no such staged version of ${name}`);
  const { manifest } = JSON.parse(new TextDecoder().decode(bytes)) as { manifest: JsonObject };
  const { version, integrity } = staged;
  return { name, version, origin: "here", manifest, integrity, content: integrity, staged };
}

/** SHA-1 names nothing by itself any more: two tarballs may have the same. */
function hashes(manifest: JsonObject, about: string): Pick<Located, "integrity" | "content"> {
  const { sha512, sha1 } = hashesOf(manifest["dist"]);
  if (sha512[0] !== undefined) return { integrity: sha512[0], content: sha512[0] };
  if (sha1 === undefined) return { integrity: undefined, content: undefined };
  const integrity = `sha1-${Buffer.from(sha1, "hex").toString("base64")}`;
  return { integrity, content: `${integrity} ${encodeURIComponent(about)}` };
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
  const caller = await callerOf(shared, asked);
  if (!located.staged) return tarballOf(shared.citadel, caller, located);
  const { stream } = await shared.citadel.registry.stages.open(located.staged.id, caller);
  return Readable.fromWeb(stream as Parameters<typeof Readable.fromWeb>[0]);
}

/** What is known of the tarball besides: sizes, signatures, attestations. */
export const distOf = ({ manifest }: Located): JsonObject =>
  isObject(manifest["dist"]) ? manifest["dist"] : {};
