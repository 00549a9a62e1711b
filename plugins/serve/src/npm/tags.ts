import { revisionOf } from "@citadel/core/registry";
import type { TagList } from "@citadel/core/upstream";
import { isShared, readAs, signedIn } from "../context.ts";
import { readJson } from "../http/body.ts";
import { notModified } from "../http/conditional.ts";
import { orElsewhere } from "./elsewhere.ts";
import { param, type Handler } from "./room.ts";
import { check, versionSchema } from "./schemas.ts";

/** `GET /-/package/<name>/dist-tags` */
export const getTags: Handler = async (c) => {
  const { asked, shared, site } = c.env;
  const { registry, upstream } = shared.citadel;
  const name = param(c, "name");
  let open = true;
  const found = await readAs(shared, asked, (caller) => {
    open = isShared(caller);
    return orElsewhere<TagList>(
      registry.document(name, caller).then((document) => ({
        etag: revisionOf(document),
        modified: document.modified,
        tags: document.state.tags,
      })),
      upstream && (() => upstream.tags(name, site.base, caller)),
    );
  });
  const headers = {
    "cache-control": `${open ? "" : "private, "}max-age=0, must-revalidate`,
    etag: `"${found.etag}"`,
    ...(open ? {} : { vary: "authorization" }),
  };
  if (notModified(asked, found.etag, [], found.modified) !== undefined)
    return c.body(null, 304, headers);
  return c.json(Object.fromEntries(found.tags), 200, headers);
};

/** `PUT` and `POST /-/package/<name>/dist-tags/<tag>`, the version as a JSON string */
export const putTag: Handler = async (c) => {
  const { asked, shared } = c.env;
  const caller = await signedIn(shared, asked);
  const version = check(versionSchema, await readJson(c.req.raw, 4096));
  await shared.citadel.registry.tag(param(c, "name"), param(c, "tag"), version, caller);
  return c.json({ ok: true }, 201);
};

/** `DELETE /-/package/<name>/dist-tags/<tag>` */
export const deleteTag: Handler = async (c) => {
  const { asked, shared } = c.env;
  const caller = await signedIn(shared, asked);
  await shared.citadel.registry.untag(param(c, "name"), param(c, "tag"), caller);
  return c.json({ ok: true });
};
