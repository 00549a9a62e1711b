import { CitadelError } from "@citadel/core";
import { revisionOf } from "@citadel/core/registry";
import { Hono } from "hono";
import { demandCodeFor } from "../auth/package-code.ts";
import { signedIn } from "../context.ts";
import { publishInput, uploadOptions } from "../npm/publish.ts";
import type { Env, Handler } from "../npm/room.ts";
import { getPath } from "../npm/routes.ts";
import { isObject, readUploads } from "../npm/upload.ts";

/** packages in a batch */
const most = 1000;
/** A batch may be as large as so many of the largest tarballs. */
const tarballs = 10;

/** `PUT /-/citadel/v1/batch`: documents as `npm publish` sends them, one a line; all are published, or none. */
const putBatch: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { citadel } = shared;
  const caller = await signedIn(shared, asked);
  const options = uploadOptions(shared);
  await using uploads = await readUploads(c.req.raw, {
    ...options,
    most,
    total: tarballs * options.limit,
  });
  const inputs = uploads.items.map((upload) => {
    const { document } = upload;
    const name = isObject(document) ? document["name"] : undefined;
    if (typeof name !== "string")
      throw new CitadelError("E_INVALID_DOCUMENT", "a document of the batch has no name");
    return publishInput(name, upload);
  });
  await demandCodeFor(
    c.env,
    inputs.map(({ name }) => name),
    caller,
  );
  const { id, items, repeated } = await shared.monitor.meter.publishing(
    () => citadel.registry.publishBatch(inputs, caller),
    inputs.length,
  );
  citadel.crash("answer");
  return c.json(
    {
      ok: true,
      ...(id === undefined ? {} : { id }),
      repeated,
      items: items.map(({ name, version, integrity, document }) => ({
        ...{ name, version, integrity },
        rev: revisionOf(document),
      })),
    },
    201,
  );
};

export function batchRoutes(): Hono<Env> {
  return new Hono<Env>({ getPath }).put("/-/citadel/v1/batch", putBatch);
}
