import { createHash } from "node:crypto";
import { distOf, shortManifest, type JsonObject } from "@citadel/core/registry";
import { isShared, readAs } from "../context.ts";
import { notModified } from "../http/conditional.ts";
import { formOf } from "../http/negotiate.ts";
import { param, type Handler } from "./room.ts";

/** `GET /<name>/<version, tag or range>`: one manifest, in either form. */
export const getManifest: Handler = async (c) => {
  const { asked, shared, site } = c.env;
  let open = true;
  const found = await readAs(shared, asked, (caller) => {
    open = isShared(caller);
    return shared.citadel.registry.resolve(param(c, "name"), param(c, "spec"), caller);
  });
  const { name, version, record } = found;
  const short = formOf(asked.header("accept") ?? "") === "short";
  const base = new URL(site.base).host.replaceAll(/[^\w.-]/g, "-");
  const { deprecated, signature, attestations } = record;
  const said = createHash("sha256").update(JSON.stringify([deprecated, signature, attestations]));
  const mark = said.digest("base64url").slice(0, 16);
  const etag = [short ? "s" : "f", base, version, record.manifest, mark].join("-");
  const headers = {
    "cache-control": `${open ? "" : "private, "}max-age=0, must-revalidate`,
    etag: `"${etag}"`,
    vary: `accept, accept-encoding${open ? "" : ", authorization"}`,
  };
  if (notModified(asked, etag, [], Number.POSITIVE_INFINITY) !== undefined)
    return c.body(null, 304, headers);

  const manifest: JsonObject = short ? shortManifest(found.manifest) : { ...found.manifest };
  manifest["dist"] = {
    ...(manifest["dist"] as JsonObject),
    ...distOf(site.base, name, version, record),
  };
  if (record.deprecated !== undefined) manifest["deprecated"] = record.deprecated;
  return c.body(JSON.stringify(manifest), 200, {
    ...headers,
    "content-type": short ? "application/vnd.npm.install-v1+json" : "application/json",
  });
};
