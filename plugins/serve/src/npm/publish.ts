import { join } from "node:path";
import { CitadelError } from "@citadel/core";
import { baseName, revisionOf, type JsonObject, type PublishInput } from "@citadel/core/registry";
import { demandCodeFor } from "../auth/package-code.ts";
import { signedIn, type Shared } from "../context.ts";
import { parseJson } from "../http/body.ts";
import { putDocument } from "./document.ts";
import { check, publishSchema } from "./schemas.ts";
import { attachmentsOf, isObject, readUpload, type Upload, type UploadOptions } from "./upload.ts";
import { param, type Handler } from "./room.ts";

/** `PUT /<name>`: a publish when it carries a tarball, else a changed document. */
export const putPackage: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { citadel } = shared;
  const name = param(c, "name");
  const caller = await signedIn(shared, asked);
  await using upload = await readUpload(c.req.raw, uploadOptions(shared));
  const attachments = attachmentsOf(upload.document);
  if (!isObject(attachments) || Object.keys(attachments).length === 0)
    return c.json(await putDocument(c.env, name, upload.document, caller));
  const { document } = await shared.monitor.meter.publishing(async () => {
    await demandCodeFor(c.env, [name], caller);
    return citadel.registry.publish(publishInput(name, upload), caller);
  });
  citadel.crash("answer");
  return c.json({ ok: true, success: true, id: name, rev: revisionOf(document) }, 201);
};

export const uploadOptions = ({ citadel: { settings, dirs }, uploads }: Shared): UploadOptions => ({
  limit: settings.limits.tarball,
  dir: join(dirs.data, "tmp"),
  room: uploads,
});

/** What the body of a publish says, checked against the address. @throws E_INVALID_DOCUMENT */
export function publishInput(name: string, { document, tarball }: Upload): PublishInput {
  const body = check(publishSchema, document);
  if (!tarball) throw invalid("the publish carries no tarball");
  const [version = "", ...others] = Object.keys(body.versions);
  const manifest = body.versions[version] as JsonObject | undefined;
  if (!manifest || others.length > 0) throw invalid("a publish carries exactly one version");
  for (const [field, value] of [
    ["name", body.name],
    ["_id", body._id],
  ] as const)
    if (value !== undefined && value !== name)
      throw invalid(`${field} is ${JSON.stringify(value)}, but the address names ${name}`);

  const stems = [`${name}-${version}`, `${baseName(name)}-${version}`];
  if (!stems.some((stem) => tarball.file === `${stem}.tgz`))
    throw invalid(`the tarball is called ${JSON.stringify(tarball.file)}, not ${stems[0]}.tgz`);
  const { length } = body._attachments[tarball.file] ?? {};
  if (length !== undefined && length !== tarball.content.size)
    throw invalid(`the tarball has ${tarball.content.size} bytes, not ${length} as it says`);

  const tags = Object.entries(body["dist-tags"]).filter(([, target]) => target === version);
  if (tags.length < Object.keys(body["dist-tags"]).length)
    throw invalid(`a publish of ${version} may only move tags to it`);
  return {
    name,
    version,
    manifest,
    tarball: tarball.content,
    ...(tags.length > 0 ? { tags: tags.map(([tag]) => tag) } : {}),
    ...(body.readme ? { readme: body.readme } : {}),
    ...(body.access ? { access: body.access } : {}),
    ...attestationIn(body._attachments, stems),
  };
}

/** The sigstore bundle among the attachments: JSON as text. */
function attestationIn(
  attachments: Readonly<Record<string, { readonly data?: string | undefined }>>,
  stems: readonly string[],
): Pick<PublishInput, "attestation"> {
  const found = Object.entries(attachments).filter(([file]) => file.endsWith(".sigstore"));
  const [[file, { data = "" }] = ["", {}]] = found;
  if (found.length === 0) return {};
  if (found.length > 1) throw invalid("a publish carries one provenance");
  if (!stems.some((stem) => file === `${stem}.sigstore`))
    throw invalid(`the provenance is called ${JSON.stringify(file)}, not ${stems[0]}.sigstore`);
  return { attestation: parseJson(data) };
}

function invalid(message: string): CitadelError {
  return new CitadelError("E_INVALID_DOCUMENT", message);
}
