import { isObject, type Json } from "@citadel/core/registry";

/** Where a build says that it came from. Nobody here has checked that. */
export interface Built {
  readonly repository: string | null;
  readonly workflow: string | null;
  readonly ref: string | null;
  readonly commit: string | null;
}

/** What the statement in a sigstore bundle says, by SLSA 1; null where it says nothing of the kind. */
export function builtFrom(bundles: Uint8Array): Built | null {
  const { attestations } = objectOf(parsed(new TextDecoder().decode(bundles)));
  for (const one of Array.isArray(attestations) ? attestations : []) {
    const { payload } = objectOf(objectOf(objectOf(one)["bundle"])["dsseEnvelope"]);
    if (typeof payload !== "string") continue;
    const { predicate } = objectOf(parsed(Buffer.from(payload, "base64").toString()));
    const definition = objectOf(objectOf(predicate)["buildDefinition"]);
    const workflow = objectOf(objectOf(definition["externalParameters"])["workflow"]);
    const sources = definition["resolvedDependencies"];
    const source = objectOf(Array.isArray(sources) ? sources[0] : undefined);
    const built = {
      repository: link(workflow["repository"]),
      workflow: text(workflow["path"]),
      ref: text(workflow["ref"]),
      commit: text(objectOf(source["digest"])["gitCommit"]),
    };
    if (Object.values(built).some((value) => value !== null)) return built;
  }
  return null;
}

function parsed(json: string): Json | undefined {
  try {
    return JSON.parse(json) as Json;
  } catch {
    return undefined;
  }
}

const objectOf = (value: Json | undefined): Record<string, Json | undefined> =>
  isObject(value) ? value : {};
const text = (value: Json | undefined): string | null =>
  typeof value === "string" ? value.slice(0, 500).toWellFormed() : null;
const link = (value: Json | undefined): string | null => {
  const url = text(value);
  return url !== null && /^https?:$/.test(URL.parse(url)?.protocol ?? "") ? url : null;
};
