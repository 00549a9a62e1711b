import { CitadelError } from "@citadel/core";
import { readAs } from "../context.ts";
import { orElsewhere } from "./elsewhere.ts";
import { param, type Handler } from "./room.ts";

/** `GET /-/npm/v1/attestations/<name>@<version>`: the bundles as they came with the publish, or as an upstream has them. */
export const getAttestations: Handler = async (c) => {
  const { asked, shared } = c.env;
  const { registry, store, upstream } = shared.citadel;
  const scope = c.req.param("scope");
  const spec = scope === undefined ? param(c, "spec") : `${scope}/${param(c, "spec")}`;
  const at = spec.lastIndexOf("@");
  if (at < 1) throw none(spec);
  const [name, version] = [spec.slice(0, at), spec.slice(at + 1)];
  const bytes = await readAs(shared, asked, (caller) =>
    orElsewhere(
      registry.document(name, caller).then(async ({ state }) => {
        const { attestations } = state.versions.get(version) ?? {};
        if (!attestations) throw none(spec);
        const found = await store.manifests.get(attestations.bundles);
        if (found) return found;
        throw new CitadelError(
          "E_INTEGRITY",
          `the attestations of ${spec} are missing in the store`,
        );
      }),
      upstream &&
        (async () => {
          const found = await upstream.attestations(name, version, caller);
          if (found === undefined) throw none(spec);
          return Buffer.from(JSON.stringify(found));
        }),
    ),
  );
  return c.body(Buffer.from(bytes), 200, { "content-type": "application/json" });
};

const none = (spec: string): CitadelError =>
  new CitadelError("E_NOT_FOUND", `there are no attestations of ${spec.slice(0, 300)}`);
