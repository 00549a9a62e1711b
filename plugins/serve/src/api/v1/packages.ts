import { CitadelError } from "@citadel/core";
import {
  baseName,
  inspect,
  tarballUrl,
  type JsonObject,
  type PackageState,
  type VersionRecord,
} from "@citadel/core/registry";
import { demandCodeFor } from "../../auth/package-code.ts";
import { callerOf, signedIn, type Shared } from "../../context.ts";
import { createResponder } from "../../http/exchange.ts";
import { param, type Handler } from "../../npm/room.ts";
import { check } from "../../npm/schemas.ts";
import { uploadOptions } from "../../npm/publish.ts";
import { createTarball } from "../../npm/tarball.ts";
import { readUpload } from "../../npm/upload.ts";
import { downloadsQuery, newPackage } from "./schemas.ts";

/** ms that are looked back at when it is not said */
const usual = 7 * 86_400_000;

/** The same publish as `npm publish`, with the fields of the body laid over the package.json in the tarball. */
export const postPackage: Handler = async (c) => {
  const { asked, shared, site } = c.env;
  const { citadel } = shared;
  const caller = { ...(await signedIn(shared, asked)), via: "api" as const };
  await using upload = await readUpload(c.req.raw, { ...uploadOptions(shared), field: "tarball" });
  const body = check(newPackage, upload.document);
  const { tarball } = upload;
  if (!tarball) throw new CitadelError("E_INVALID_DOCUMENT", "tarball: it carries none");
  const { name, version, tag, access, tarball: _, ...fields } = body;
  await demandCodeFor(c.env, [name], caller);
  const { packageJson } = await inspect(tarball.content.content, citadel.settings.limits);
  const manifest = { ...packageJson, ...fields, name, version } as JsonObject;
  const done = await shared.monitor.meter.publishing(() =>
    citadel.registry.publish(
      {
        ...{ name, version, manifest, tarball: tarball.content },
        ...(tag !== undefined && { tags: [tag] }),
        ...(access !== undefined && { access }),
      },
      caller,
    ),
  );
  const { integrity, shasum, size, uuid, repeated } = done;
  const url = tarballUrl(site.base, name, version);
  return c.json({ name, version, integrity, shasum, size, uuid, tarball: url, repeated }, 201);
};

export const getPackage: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { registry } = shared.citadel;
  const name = param(c, "name");
  const caller = await callerOf(shared, asked);
  const { state } = await registry.document(name, caller);
  const { manifest } = await registry.resolve(name, newestOf(state), caller);
  const { total, week, month } = await shared.totals.of(name);
  const { description, license, homepage, keywords } = manifest;
  return c.json({
    name,
    ...texts({ description, license, homepage }),
    keywords: Array.isArray(keywords) ? keywords.filter((each) => typeof each === "string") : [],
    owners: state.owners,
    visibility: state.visibility ?? "public",
    created: new Date(state.created).toISOString(),
    tags: Object.fromEntries(state.tags),
    versions: versionsOf(state),
    downloads: { total, week, month },
  });
};

export const getVersions: Handler = async (c) => {
  const { asked, shared } = c.env;
  const caller = await callerOf(shared, asked);
  const { state } = await shared.citadel.registry.document(param(c, "name"), caller);
  return c.json({ items: versionsOf(state) });
};

export const getVersion: Handler = async (c) => {
  const { asked, shared, site } = c.env;
  const name = param(c, "name");
  const caller = await callerOf(shared, asked);
  const found = await shared.citadel.registry.resolve(name, param(c, "version"), caller);
  const { versions } = await shared.totals.of(name);
  return c.json({
    name,
    ...itemOf(found.version, found.record, found.tags),
    tarball: tarballUrl(site.base, name, found.version),
    downloads: versions.get(found.version) ?? 0,
    manifest: found.manifest,
  });
};

/** The bytes, as npm gets them; counts as a download. */
export function tarballOf(shared: Shared): Handler {
  const answer = createTarball(shared);
  const toResponse = createResponder();
  return async (c) => {
    const { asked } = c.env;
    const name = param(c, "name");
    const caller = await callerOf(shared, asked);
    const { version } = await shared.citadel.registry.resolve(name, param(c, "version"), caller);
    return toResponse(await answer(asked, name, `${baseName(name)}-${version}.tgz`));
  };
}

/** Who fetched a package: for its owners and administrators. */
export const getDownloads: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { citadel } = shared;
  const name = param(c, "name");
  const { since, before, ...page } = check(downloadsQuery, c.req.query());
  await citadel.registry.permit(name, "admin", await signedIn(shared, asked));
  if (!citadel.settings.downloads.records)
    throw new CitadelError("E_NOT_FOUND", "single downloads are not recorded here", {
      hint: ["downloads.records is off"],
    });
  const records = await citadel.records();
  const from = since === undefined ? Date.now() - usual : Date.parse(since);
  const { items, dropped } = await records.read(name, {
    ...{ ...page, since: from },
    before: before === undefined ? undefined : Date.parse(before),
  });
  return c.json({
    items: items.map(({ at, ...rest }) => ({ at: new Date(at).toISOString(), ...rest })),
    dropped,
  });
};

/** Takes one version back; its number stays taken. Only for owners. */
export const deleteVersion: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { registry } = shared.citadel;
  const [name, version] = [param(c, "name"), param(c, "version")];
  const caller = { ...(await signedIn(shared, asked)), via: "api" as const };
  const { state } = await registry.permit(name, "admin", caller);
  if (!state.versions.has(version))
    throw new CitadelError("E_VERSION_NOT_FOUND", `${name} has no version ${version}`);
  await registry.unpublish(name, [version], caller);
  return c.body(null, 204);
};

const newestOf = (state: PackageState): string =>
  state.tags.get("latest") ?? [...state.versions.keys()].at(-1) ?? "latest";

function versionsOf({ versions, tags }: PackageState): object[] {
  const tagsOf = Map.groupBy(tags, ([, version]) => version);
  return [...versions].reverse().map(([version, record]) =>
    itemOf(
      version,
      record,
      (tagsOf.get(version) ?? []).map(([tag]) => tag),
    ),
  );
}

function itemOf(version: string, record: VersionRecord, tags: readonly string[]): object {
  const { time, by, integrity, size, deprecated } = record;
  const published = new Date(time).toISOString();
  return { version, published, by, integrity, size, ...texts({ deprecated }), tags };
}

/** Only what is text: manifests hold anything. */
const texts = (fields: Readonly<Record<string, unknown>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(fields).filter(
      (field): field is [string, string] => typeof field[1] === "string",
    ),
  );
