import { CitadelError } from "@citadel/core";
import { readAs } from "../context.ts";
import { param, type Handler } from "./room.ts";

/** `GET /-/npm/v1/attestations/<name>@<version>`: the bundles as they came with the publish. */
export const getAttestations: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { registry, store } = shared.citadel;
  const scope = c.req.param("scope");
  const spec = scope === undefined ? param(c, "spec") : `${scope}/${param(c, "spec")}`;
  const at = spec.lastIndexOf("@");
  if (at < 1) throw none(spec);
  const [name, version] = [spec.slice(0, at), spec.slice(at + 1)];
  const { state } = await readAs(shared, asked, (caller) => registry.document(name, caller));
  const { attestations } = state.versions.get(version) ?? {};
  if (!attestations) throw none(spec);
  const bytes = await store.manifests.get(attestations.bundles);
  if (!bytes)
    throw new CitadelError("E_INTEGRITY", `the attestations of ${spec} are missing in the store`);
  return c.body(Buffer.from(bytes), 200, { "content-type": "application/json" });
};

const none = (spec: string): CitadelError =>
  new CitadelError("E_NOT_FOUND", `there are no attestations of ${spec.slice(0, 300)}`);
