import { CitadelError } from "@citadel/core";
import type { Caller } from "@citadel/core/access";
import {
  revisionOf,
  versionOf,
  type PackageDocument,
  type PackageState,
  type VersionRecord,
} from "@citadel/core/registry";
import { demandCode } from "../auth/second-factor.ts";
import { signedIn } from "../context.ts";
import { bodyOf, parseJson, type Json } from "../http/body.ts";
import { check, documentSchema, type PutDocument } from "./schemas.ts";
import { param, type Handler, type Visit } from "./room.ts";

/** Bytes of a document that comes back: one with thousands of versions. */
const largest = 32 * 2 ** 20;

/** `PUT /<name>` without a tarball: deprecate, undeprecate, star, unstar. Nothing else in the document counts. */
export async function putDocument(
  visit: Visit,
  name: string,
  body: Json,
  caller: Caller,
): Promise<object> {
  const { shared } = visit;
  const { registry } = shared.citadel;
  const wanted = documentOf(name, body);
  const document = await registry.document(name, caller);
  const messages = deprecations(document.state, wanted);
  if (messages.size > 0) {
    await demandCode(visit, "write");
    return changed(await registry.deprecate(name, messages, caller));
  }
  const star = starOf(document.state, wanted, caller);
  if (star !== undefined) return changed(await registry.star(name, star, caller));
  return changed(document);
}

/**
 * `PUT /<name>/-rev/<rev>`: owners, unpublished versions or a star; the differences to what is there decide.
 * Versions can only go, never come or change.
 */
export const putRevision: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { registry } = shared.citadel;
  const name = param(c, "name");
  const rev = param(c, "rev");
  const caller = await signedIn(shared, asked);
  const wanted = documentOf(name, await readDocument(c.req.raw));
  const document = await registry.document(name, caller);
  // yarn 1 read the short form, which has no revision, and would replace all owners by one
  if (rev !== revisionOf(document)) throw stale(name);

  if (wanted.versions) {
    const gone = removed(document.state, wanted.versions);
    if (gone.length > 0)
      return c.json(changed(await registry.unpublish(name, gone, caller, { rev })));
  }
  const owners = wanted.maintainers?.map((owner) =>
    typeof owner === "string" ? owner : owner.name,
  );
  if (owners && !(wanted.versions && sameNames(owners, document.state.owners)))
    return c.json(changed(await registry.setOwners(name, owners, caller, { rev })));
  const star = starOf(document.state, wanted, caller);
  if (star !== undefined) return c.json(changed(await registry.star(name, star, caller)));
  return c.json(changed(document));
};

/** `DELETE /<name>/-rev/<rev>`: the whole package. */
export const deletePackage: Handler = async (c) => {
  const { asked, shared } = c.env;
  const caller = await signedIn(shared, asked);
  const options = { rev: param(c, "rev") };
  await shared.citadel.registry.unpublish(param(c, "name"), "all", caller, options);
  return c.json({ ok: true });
};

/** `DELETE /<name>/-/<file>/-rev/<rev>`: what clients send after the PUT that took the version out. The bytes go by themselves. */
export const deleteTarball: Handler = async (c) => {
  const { asked, shared } = c.env;
  const name = param(c, "name");
  const caller = await signedIn(shared, asked);
  const { state } = await shared.citadel.registry.document(name, caller);
  const version = versionOf(name, param(c, "file"));
  if (version !== undefined && state.versions.has(version))
    throw new CitadelError("E_CONFLICT", `${name}@${version} is still in the document`, {
      hint: [`take it out first: npm unpublish ${name}@${version}`],
    });
  if (version === undefined || !state.removed.has(version))
    throw new CitadelError("E_VERSION_NOT_FOUND", `${name} has no such file`);
  return c.json({ ok: true });
};

/** @throws E_INVALID_DOCUMENT */
function documentOf(name: string, body: Json): PutDocument {
  const wanted = check(documentSchema, body);
  for (const field of ["_id", "name"] as const)
    if (wanted[field] !== undefined && wanted[field] !== name)
      throw new CitadelError(
        "E_INVALID_DOCUMENT",
        `${field} is ${JSON.stringify(wanted[field].slice(0, 300))}, but the address names ${name}`,
      );
  return wanted;
}

async function readDocument(request: Request): Promise<Json> {
  const parts: Uint8Array[] = [];
  for await (const chunk of bodyOf(request, largest)) parts.push(chunk);
  return parseJson(Buffer.concat(parts).toString("utf8"));
}

/** Messages that differ from what is there; a version that says nothing stays as it is. */
function deprecations({ versions }: PackageState, wanted: PutDocument): Map<string, string> {
  const messages = new Map<string, string>();
  for (const [version, { deprecated }] of Object.entries(wanted.versions ?? {})) {
    const record = versions.get(version);
    if (!record || deprecated === undefined || deprecated === null) continue;
    if (deprecated === true)
      throw new CitadelError("E_INVALID_DOCUMENT", `versions.${version}.deprecated must be a text`);
    const message = deprecated === false ? "" : deprecated;
    if (message !== (record.deprecated ?? "")) messages.set(version, message);
  }
  return messages;
}

/** Whether the caller's own entry in `users` comes or goes; undefined when it stays. Nobody stars for others. */
function starOf({ stars }: PackageState, { users }: PutDocument, { principal }: Caller) {
  if (!users) return undefined;
  const on = Object.hasOwn(users, principal.name) && users[principal.name] !== false;
  return on === stars.includes(principal.name) ? undefined : on;
}

/** @throws E_INVALID_DOCUMENT when a version was added or has other content than before */
function removed(
  { name, versions }: PackageState,
  wanted: NonNullable<PutDocument["versions"]>,
): string[] {
  for (const [version, { dist }] of Object.entries(wanted)) {
    const record: VersionRecord | undefined = versions.get(version);
    if (!record || (dist?.integrity !== undefined && dist.integrity !== record.integrity))
      throw new CitadelError(
        "E_INVALID_DOCUMENT",
        `${name}@${version} cannot be added or changed this way`,
        {
          hint: ["publish it under a new number: npm publish"],
        },
      );
  }
  return [...versions.keys()].filter((version) => !Object.hasOwn(wanted, version));
}

function sameNames(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name) => other.includes(name));
}

function changed(document: PackageDocument): object {
  return { ok: true, success: true, id: document.name, rev: revisionOf(document) };
}

function stale(name: string): CitadelError {
  return new CitadelError(
    "E_CONFLICT",
    `${name} was changed in the meantime, or its revision was not given`,
    {
      hint: ["read it again and repeat the change; owners by yarn 1: use npm owner"],
    },
  );
}
