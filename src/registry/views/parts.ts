import type { Form, JsonObject, PackageDocument, VersionRecord } from "../types.ts";
import { CitadelError } from "../../errors.ts";
import { shortManifest } from "../manifest.ts";
import { tarballFile } from "../names.ts";

/** Absolute URL of a version's tarball, with the scope unescaped as clients expect it. */
export function tarballUrl(base: string, name: string, version: string): string {
  return `${base}${name}/-/${tarballFile(name, version)}`;
}

/** What `dist` tells besides what the stored manifest says: the address, and what the registry and the publisher vouch for. */
export function distOf(
  base: string,
  name: string,
  version: string,
  { signature, attestations }: VersionRecord,
): JsonObject {
  const dist: JsonObject = { tarball: tarballUrl(base, name, version) };
  if (signature) dist["signatures"] = [{ keyid: signature.keyid, sig: signature.sig }];
  if (attestations) {
    const { provenance } = attestations;
    dist["attestations"] = {
      url: `${base}-/npm/v1/attestations/${name.replace("/", "%2f")}@${version}`,
      ...(provenance === undefined ? {} : { provenance: { predicateType: provenance } }),
    };
  }
  return dist;
}

/**
 * `"<version>":{…}` of one form. The full form is the stored bytes with the rest of `dist` and `deprecated` spliced in:
 * the stored manifest ends with its `dist`, so nothing is parsed.
 */
export function fragment(
  form: Form,
  name: string,
  base: string,
  version: string,
  record: VersionRecord,
  stored: Uint8Array,
): Uint8Array {
  const text = Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength);
  const key = `${JSON.stringify(version)}:`;
  const dist = distOf(base, name, version, record);
  const deprecated =
    record.deprecated === undefined ? "" : `,"deprecated":${JSON.stringify(record.deprecated)}`;
  if (form === "full") {
    if (text.subarray(-2).toString("latin1") !== "}}")
      throw new CitadelError("E_INTEGRITY", `the stored manifest of ${name}@${version} is not one`);
    return Buffer.concat([
      Buffer.from(key),
      text.subarray(0, -2),
      Buffer.from(`,${JSON.stringify(dist).slice(1)}${deprecated}}`),
    ]);
  }
  const short = shortManifest(JSON.parse(text.toString("utf8")) as JsonObject);
  short["dist"] = { ...(short["dist"] as JsonObject), ...dist };
  if (record.deprecated !== undefined) short["deprecated"] = record.deprecated;
  return Buffer.from(key + JSON.stringify(short));
}

/** Everything before the versions. */
export function head(form: Form, name: string): Uint8Array {
  const text = JSON.stringify(name);
  return Buffer.from(
    form === "full" ? `{"_id":${text},"name":${text},"versions":{` : `{"name":${text},"versions":{`,
  );
}

/** What the full form tells of the package besides its versions. */
export interface About {
  readonly revision: string;
  readonly maintainers: readonly { readonly name: string; readonly email: string }[];
  /** parsed manifest of the version that `latest` points to */
  readonly latest: JsonObject;
  readonly readme: string;
}

const copied = [
  "description",
  "author",
  "contributors",
  "license",
  "homepage",
  "repository",
  "bugs",
  "keywords",
];

/** Everything after the versions: what changes with almost every revision stands here, so that the rest can be kept. */
export function tail(form: Form, document: PackageDocument, about: About | undefined): Uint8Array {
  const { state, modified } = document;
  const rest: JsonObject = {};
  rest["dist-tags"] = Object.fromEntries(state.tags);
  if (form === "short") rest["modified"] = iso(modified);
  const time: [string, string][] = [
    ["created", iso(state.created)],
    ["modified", iso(modified)],
  ];
  for (const [version, record] of state.versions) time.push([version, iso(record.time)]);
  rest["time"] = Object.fromEntries(time);
  if (form === "full" && about) {
    rest["_rev"] = about.revision;
    rest["maintainers"] = about.maintainers.map(({ name, email }) => ({ name, email }));
    if (state.stars.length > 0)
      rest["users"] = Object.fromEntries(state.stars.map((user) => [user, true]));
    for (const key of copied) {
      const value = about.latest[key];
      if (value !== undefined) rest[key] = value;
    }
    rest["readme"] = about.readme;
    rest["readmeFilename"] = about.latest["readmeFilename"] ?? "";
    rest["_attachments"] = {};
  }
  return Buffer.from(`},${JSON.stringify(rest).slice(1)}`);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
