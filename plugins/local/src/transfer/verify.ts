import { createHash } from "node:crypto";
import type { Citadel } from "@citadel/core";
import { errorCode, CitadelError } from "@citadel/core/errors";
import {
  agree,
  checkManifest,
  checkName,
  checkTag,
  checkVersion,
  inspect,
  storeManifest,
  type Arrival,
  type Json,
  type JsonObject,
  type ManifestInput,
  type RemovedRecord,
  type VersionRecord,
} from "@citadel/core/registry";
import { sriOf, type SealedSecrets } from "@citadel/core/transfer";
import { hashOf, headSchema, packageSchema, type ImportedPackage } from "./format.ts";
import { invalid, type Part } from "./part.ts";

/** A version whose content was checked, but not yet what its package says of it. */
interface Checked {
  readonly name: string;
  readonly version: string;
  readonly integrity: string;
  readonly size: number;
  /** as in a {@link VersionRecord} */
  readonly manifest: string;
  readonly readme?: string;
}

/**
 * The packages of an export, each checked as a publish is and against its hashes: tarball, manifest, readme and what they say
 * of each other. The caller may rely on a package only when the last one has come, since the export may end badly.
 * @param stored is told what a package refers to, in the order of the export
 * @throws E_INTEGRITY, E_INVALID_*, E_MANIFEST_MISMATCH, E_TOO_LARGE
 */
export async function* verified(
  { settings: { limits } }: Citadel,
  parts: AsyncIterable<Part>,
  stored: (name: string) => void,
): AsyncGenerator<Arrival, Head, void> {
  const names = new Set<string>();
  let found: Checked[] = [];
  for await (const part of parts) {
    if (part.kind === "format") checkFormat(part.version);
    else if (part.kind === "version") {
      await using _ = part.tarball;
      found.push(await inside(part.where, () => checkContent(part, limits)));
    } else if (part.kind === "package") {
      const { document, where } = part;
      const versions = found;
      const checked = await inside(where, async () => checkPackage(parse(document), versions));
      if (names.has(checked.name)) throw invalid(`${where}: ${checked.name} is there twice`);
      names.add(checked.name);
      for (const name of referencesOf(found, checked)) stored(name);
      yield checked;
      found = [];
    } else {
      if (found.length > 0) throw invalid("there are versions without a package");
      return checkHead(part.head);
    }
  }
  throw invalid("it is cut off");
}

/** What is known at the end of an export. */
export interface Head {
  readonly exportedAt: string;
  readonly secrets?: SealedSecrets;
}

/** The hashes of what a package is made of. */
function* referencesOf(found: readonly Checked[], { removed }: Arrival): Generator<string> {
  for (const { integrity, manifest, readme } of found) {
    yield integrity;
    yield manifest;
    if (readme !== undefined) yield readme;
  }
  for (const [, { manifest }] of removed) yield manifest;
}

/** Tells where it was when something is wrong. */
async function inside<T>(where: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    const { message, hint } = error as CitadelError;
    throw new CitadelError(code, `${where}: ${message}`, {
      hint: code === "E_TOO_LARGE" ? hint : invalid("").hint,
      cause: error,
    });
  }
}

function checkFormat(version: unknown): void {
  if (version === headSchema.shape.version.value) return;
  throw new CitadelError(
    "E_INVALID_DOCUMENT",
    `the export has the format version ${JSON.stringify(version)}; this citadel reads version 1`,
    { hint: ["import it with the version of citadel that has written it"] },
  );
}

function checkHead(head: unknown): Head {
  checkFormat((head as { version?: unknown } | null)?.version);
  const { success, data, error } = headSchema.safeParse(head);
  if (!success) throw invalid(`its head is wrong: ${issue(error)}`);
  const [secrets] = data.secrets;
  return { exportedAt: data.exportedAt, ...(secrets && { secrets }) };
}

function parse(document: unknown): ImportedPackage {
  const { success, data, error } = packageSchema.safeParse(document);
  if (!success) throw invalid(issue(error));
  return data;
}

const issue = ({
  issues: [first],
}: {
  issues: readonly { path: PropertyKey[]; message: string }[];
}) => `${first?.path.map(String).join(".")}: ${first?.message}`;

/** What a publish checks, and that the manifest is what it would store. */
async function checkContent(
  { manifest: given, readme, tarball }: Part & { kind: "version" },
  limits: Citadel["settings"]["limits"],
): Promise<Checked> {
  const manifest = checkManifest(given);
  const name = checkName(manifest["name"]);
  const version = checkVersion(manifest["version"]);
  if (readme !== undefined && typeof readme !== "string") throw invalid("readme must be text");
  const { integrity, size } = tarball;
  const { dist } = manifest as { dist?: { integrity?: unknown } };
  demandSame(`the tarball of ${name}@${version}`, integrity, String(dist?.integrity));
  const inspected = await inspect(tarball.content, limits);
  await agree(inspected, manifest);
  const { _npmUser: publisher, maintainers } = manifest;
  if (!isPerson(publisher) || !Array.isArray(maintainers) || !maintainers.every(isPerson))
    throw invalid(`the manifest of ${name}@${version} does not say who published it`);
  // clients read it as it is stored, byte by byte
  const wanted = { publisher, maintainers, manifest, name, version, tarball, inspected };
  const bytes = bytesOf(manifest);
  if (Buffer.compare(storeManifest(wanted), bytes) !== 0)
    throw new CitadelError(
      "E_MANIFEST_MISMATCH",
      `the manifest of ${name}@${version} is not the one of its tarball`,
    );
  return {
    name,
    version,
    integrity,
    size,
    manifest: nameOf(bytes),
    ...(readme !== undefined && { readme: nameOf(Buffer.from(readme)) }),
  };
}

/** A stored manifest is JSON without blanks, keys in their order. */
export const bytesOf = (manifest: JsonObject): Buffer => Buffer.from(JSON.stringify(manifest));

/** What the store will call it. */
const nameOf = (bytes: Uint8Array): string =>
  createHash("sha256").update(bytes).digest("base64url");

type Person = ManifestInput["publisher"];

function isPerson(value: unknown): value is Json & Person {
  const { name, email } = (value ?? {}) as { name?: unknown; email?: unknown };
  return typeof name === "string" && typeof email === "string";
}

function checkPackage(document: ImportedPackage, found: readonly Checked[]): Arrival {
  const { name, created, owners, stars, tags, scopeOwner, scopeOrg } = document;
  const { visibility, teams, tfa } = document;
  checkName(name);
  const contents = new Map(found.map((one) => [one.version, one]));
  if (found.length !== document.versions.length || contents.size !== found.length)
    throw invalid(
      `${name} lists ${document.versions.length} versions, ${contents.size} came with content`,
    );
  const versions = document.versions.map((one) => checkVersionOf(name, one, contents));
  const removed = document.removed.map((one) => checkRemoval(name, one));
  if (new Set([...versions, ...removed].map(([id]) => id)).size < versions.length + removed.length)
    throw invalid(`a version of ${name} is there twice`);
  for (const [tag, version] of Object.entries(tags)) {
    checkTag(tag);
    if (!contents.has(version)) throw invalid(`the tag ${tag} of ${name} points to no version`);
  }
  if (versions.length > 0 && tags["latest"] === undefined) throw invalid(`${name} has no latest`);
  return {
    type: "import",
    name,
    ...(scopeOwner !== undefined && { scopeOwner }),
    ...(scopeOrg && { scopeOrg }),
    ...(visibility && { visibility }),
    ...(teams && { teams: Object.entries(teams) }),
    ...(tfa && { tfa }),
    created,
    owners,
    stars,
    tags: Object.entries(tags),
    versions,
    removed,
  };
}

function checkVersionOf(
  name: string,
  { version, ...said }: ImportedPackage["versions"][number],
  contents: ReadonlyMap<string, Checked>,
): [string, VersionRecord] {
  const what = `${name}@${version}`;
  const is = contents.get(version);
  if (!is || is.name !== name) throw invalid(`${what} has no content, or that of another package`);
  const { manifest, readme, integrity, size } = is;
  demandSame(`the tarball of ${what}`, integrity, said.integrity);
  demandSame(`the size of ${what}`, size, said.size);
  demandSame(`the manifest of ${what}`, sriOf(manifest), said.manifestIntegrity);
  demandSame(`the readme of ${what}`, readme && sriOf(readme), said.readmeIntegrity);
  const { time, by, deprecated } = said;
  return [
    version,
    {
      manifest,
      integrity,
      size,
      time,
      by,
      ...(readme !== undefined && { readme }),
      ...(deprecated !== undefined && { deprecated }),
    },
  ];
}

function checkRemoval(
  name: string,
  { version, time, removed, manifestIntegrity, manifest }: ImportedPackage["removed"][number],
): [string, RemovedRecord] {
  const what = `${name}@${version}`;
  checkManifest(manifest);
  if (manifest["name"] !== name || checkVersion(manifest["version"]) !== version)
    throw invalid(`the manifest of ${what} is that of another version`);
  demandSame(`the manifest of ${what}`, sriOf(nameOf(bytesOf(manifest))), manifestIntegrity);
  return [version, { manifest: hashOf(manifestIntegrity), time, removed }];
}

function demandSame<T extends string | number>(
  what: string,
  is: T | undefined,
  said: T | undefined,
): void {
  if (is === said) return;
  throw new CitadelError(
    "E_INTEGRITY",
    `${what} is not what was exported: it has ${is ?? "none"}, not ${said ?? "none"}`,
  );
}
