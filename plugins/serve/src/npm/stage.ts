import { CitadelError } from "@citadel/core";
import { revisionOf } from "@citadel/core/registry";
import type { StagedItem } from "@citadel/core/stage";
import { wantsCode } from "../auth/package-code.ts";
import { signedIn } from "../context.ts";
import { contentHeaders } from "../http/headers.ts";
import { publishInput, uploadOptions } from "./publish.ts";
import { param, type Handler } from "./room.ts";
import { readUpload } from "./upload.ts";

const longestReason = 500;

/** `POST /-/stage/package/<name>`: a publish that waits for somebody's approval. */
export const postStaged: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { citadel } = shared;
  const caller = await signedIn(shared, asked);
  await using upload = await readUpload(c.req.raw, uploadOptions(shared));
  const input = publishInput(param(c, "name"), upload);
  const { id } = await citadel.registry.stages.add(input, caller);
  return c.json({ stageId: id }, 201);
};

/** `GET /-/stage?page=0&perPage=100[&package=<name>]` */
export const listStaged: Handler = async (c) => {
  const { asked, shared } = c.env;
  const caller = await signedIn(shared, asked);
  const name = c.req.query("package");
  const { items, total } = await shared.citadel.registry.stages.list(caller, {
    page: countOf(c.req.query("page"), 0),
    perPage: countOf(c.req.query("perPage"), 100),
    ...(name === undefined ? {} : { name }),
  });
  return c.json({ items: items.map(shown), total });
};

/** `GET /-/stage/<id>` */
export const getStaged: Handler = async (c) => {
  const { asked, shared } = c.env;
  const caller = await signedIn(shared, asked);
  return c.json(shown(await shared.citadel.registry.stages.get(idOf(param(c, "id")), caller)));
};

/** `GET /-/stage/<id>/tarball` */
export const getStagedTarball: Handler = async (c) => {
  const { asked, shared } = c.env;
  const caller = await signedIn(shared, asked);
  const { stages } = shared.citadel.registry;
  const { item, stream } = await stages.open(idOf(param(c, "id")), caller);
  return c.body(stream, 200, {
    ...contentFields,
    "content-type": "application/octet-stream",
    "content-length": String(item.size),
  });
};

/** `POST /-/stage/<id>/approve` */
export const approveStaged: Handler = async (c) => {
  const { asked, shared } = c.env;
  const caller = await signedIn(shared, asked);
  const { stages } = shared.citadel.registry;
  const item = await stages.get(idOf(param(c, "id")), caller);
  await wantsCode(c.env.shared.citadel, [item.name], caller);
  const { name, version, document } = await shared.monitor.meter.publishing(() =>
    stages.approve(idOf(param(c, "id")), caller),
  );
  return c.json({ ok: true, id: name, version, rev: revisionOf(document) }, 201);
};

/** `DELETE /-/stage/<id>[?reason=<why>]`: reject */
export const deleteStaged: Handler = async (c) => {
  const { asked, shared } = c.env;
  const reason = c.req.query("reason")?.trim() || undefined;
  if (reason !== undefined && reason.length > longestReason)
    throw new CitadelError("E_BAD_REQUEST", `a reason has at most ${longestReason} characters`);
  const caller = await signedIn(shared, asked);
  await shared.citadel.registry.stages.reject(idOf(param(c, "id")), caller, reason);
  return c.body(null, 204);
};

/** An item in npm's words. */
function shown({ id, name, version, tags, created, by, kind, shasum, claim }: StagedItem): object {
  return {
    id,
    packageName: name,
    version,
    tag: tags[0],
    createdAt: new Date(created).toISOString(),
    actor: by,
    actorType: kind === "job" ? "trusted publisher" : "user",
    shasum,
    status: claim && claim.until > Date.now() ? "publishing" : "pending",
  };
}

const contentFields = Object.fromEntries(
  Array.from({ length: contentHeaders.length / 2 }, (_, n) =>
    contentHeaders.slice(2 * n, 2 * n + 2),
  ),
) as Readonly<Record<string, string>>;

const idOf = (id: string): string => id.toLowerCase();

function countOf(text: string | undefined, usual: number): number {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : usual;
}
