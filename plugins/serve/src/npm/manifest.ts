import { createHash } from "node:crypto";
import { distOf, type JsonObject, type Resolved } from "@citadel/core/registry";
import type { UpstreamManifest } from "@citadel/core/upstream";
import type { Context } from "hono";
import { isShared, readAs } from "../context.ts";
import { notModified } from "../http/conditional.ts";
import { orElsewhere } from "./elsewhere.ts";
import { param, type Env, type Handler } from "./room.ts";

/**
 * `GET /<name>/<version, tag or range>`: one manifest, whole whatever form is asked for, as the public registry does it: `pnpm bugs`
 * asks for the short one and reads what that lacks.
 */
export const getManifest: Handler = async (c) => {
  const { asked, shared, site } = c.env;
  const { registry, upstream } = shared.citadel;
  const [wanted, spec] = [param(c, "name"), param(c, "spec")];
  let open = true;
  const found = await readAs(shared, asked, (caller) => {
    open = isShared(caller);
    return orElsewhere<Resolved | UpstreamManifest>(
      registry.resolve(wanted, spec, caller),
      upstream && (() => upstream.manifest(wanted, spec, site.base, caller)),
    );
  });
  if ("bytes" in found) return sent(c, found.etag, open, () => found.bytes);

  const { name, version, record } = found;
  const base = new URL(site.base).host.replaceAll(/[^\w.-]/g, "-");
  const { deprecated, signature, attestations } = record;
  const said = createHash("sha256").update(JSON.stringify([deprecated, signature, attestations]));
  const mark = said.digest("base64url").slice(0, 16);
  const etag = ["f", base, version, record.manifest, mark].join("-");
  return sent(c, etag, open, () => {
    const manifest: JsonObject = { ...found.manifest };
    manifest["dist"] = {
      ...(manifest["dist"] as JsonObject),
      ...distOf(site.base, name, version, record),
    };
    if (record.deprecated !== undefined) manifest["deprecated"] = record.deprecated;
    return Buffer.from(JSON.stringify(manifest));
  });
};

function sent(c: Context<Env>, etag: string, open: boolean, body: () => Uint8Array): Response {
  const headers = {
    "cache-control": `${open ? "" : "private, "}max-age=0, must-revalidate`,
    etag: `"${etag}"`,
    ...(!open && { vary: "authorization" }),
  };
  if (notModified(c.env.asked, etag, [], Number.POSITIVE_INFINITY) !== undefined)
    return c.body(null, 304, headers);
  return c.body(new Uint8Array(body()), 200, {
    ...headers,
    "content-type": "application/json",
  });
}
