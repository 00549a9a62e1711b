import type { Match } from "@citadel/core/advisories";
import { signatureProblem } from "@citadel/core/keys";
import { isObject, type Json, type JsonObject } from "@citadel/core/registry";
import { callerOf } from "../../context.ts";
import { param, type Handler, type Visit } from "../../npm/room.ts";
import { builtFrom } from "./provenance.ts";
import { distOf, locate, type Located } from "./located.ts";

/** characters of a text, and entries of a list, that are passed on of what somebody published */
const longest = 2000;
const most = 200;
/** scripts that run when a package is installed */
const installing = ["preinstall", "install", "postinstall"];

/** `GET /_dashboard/api/packages/<name>/at/<spec>`: what there is to know of one version. */
export const getVersion: Handler = async (c) => {
  const located = await locate(c.env, param(c, "name"), param(c, "spec"));
  return c.json(await detailsOf(c.env, located));
};

async function detailsOf(visit: Visit, located: Located) {
  const [trust, policy, against] = await Promise.all([
    trustOf(visit, located),
    policyOf(visit, located),
    againstOf(visit, located),
  ]);
  return { ...aboutOf(located), facts: factsOf(located), trust, policy, ...against };
}

/** What the pages are told of a version. */
export type VersionDetails = Awaited<ReturnType<typeof detailsOf>>;

function aboutOf(located: Located) {
  const { name, version, origin, manifest, record } = located;
  const { deprecated } = record ?? manifest;
  return {
    name,
    version,
    origin,
    time: record ? new Date(record.time).toISOString() : null,
    by: record?.by ?? text(field(manifest["_npmUser"], "name")),
    deprecated: text(deprecated) || null,
    description: text(manifest["description"]) ?? "",
    keywords: texts(manifest["keywords"]),
    license: text(manifest["license"]) ?? text(field(manifest["license"], "type")),
    author: text(field(manifest["author"], "name")) ?? text(manifest["author"]),
    maintainers: list(manifest["maintainers"]).flatMap((one) => text(field(one, "name")) ?? []),
    homepage: address(manifest["homepage"]),
    repository: address(field(manifest["repository"], "url") ?? manifest["repository"]),
    bugs: address(field(manifest["bugs"], "url") ?? manifest["bugs"]),
  };
}

function factsOf(located: Located) {
  const { manifest, record, staged } = located;
  const dist = distOf(located);
  const scripts = isObject(manifest["scripts"]) ? manifest["scripts"] : {};
  const ran = installing.flatMap((name) => {
    const command = text(scripts[name]);
    return command === null ? [] : [{ name, command }];
  });
  if (manifest["gypfile"] === true && ran.length === 0)
    ran.push({ name: "install", command: "node-gyp rebuild" });
  const { bin } = manifest;
  return {
    format: formatOf(manifest),
    types: hasTypes(manifest),
    engines: pairs(manifest["engines"]),
    os: texts(manifest["os"]),
    cpu: texts(manifest["cpu"]),
    bin: isObject(bin)
      ? Object.keys(bin).slice(0, most)
      : typeof bin === "string"
        ? [bareName(located)]
        : [],
    installScripts: ran,
    /** bytes; null where the publisher did not say */
    size: (record ?? staged)?.size ?? null,
    unpackedSize: count(dist["unpackedSize"]),
    files: count(dist["fileCount"]),
  };
}

const bareName = ({ name }: Located): string => name.slice(name.indexOf("/") + 1);

/** How a package is loaded, by what its package.json says. */
function formatOf(manifest: JsonObject): "module" | "commonjs" | "both" {
  const conditions = conditionsOf(manifest["exports"]);
  const main = text(manifest["main"]) ?? "";
  if (manifest["type"] === "module")
    return conditions.has("require") || main.endsWith(".cjs") ? "both" : "module";
  const onlyModule = main.endsWith(".mjs") && !conditions.has("require");
  if (onlyModule) return "module";
  return conditions.has("import") || text(manifest["module"]) !== null ? "both" : "commonjs";
}

const hasTypes = (manifest: JsonObject): boolean =>
  text(manifest["types"]) !== null ||
  text(manifest["typings"]) !== null ||
  conditionsOf(manifest["exports"]).has("types") ||
  text(manifest["name"])?.startsWith("@types/") === true;

/** All keys of `exports`, as deep as anybody nests them. */
function conditionsOf(exports: Json | undefined, depth = 0): Set<string> {
  const found = new Set<string>();
  if (!isObject(exports) || depth > 8) return found;
  for (const [key, value] of Object.entries(exports).slice(0, most)) {
    found.add(key);
    for (const below of conditionsOf(value, depth + 1)) found.add(below);
  }
  return found;
}

/** Who vouches for it: the registry by its signature, the publisher by an attestation. */
async function trustOf({ shared }: Visit, located: Located) {
  const { name, version, record, integrity = null } = located;
  const { keys, store } = shared.citadel;
  const dist = distOf(located);
  if (!record) {
    const attested = field(dist["attestations"], "provenance");
    return {
      integrity,
      signature: list(dist["signatures"]).length > 0 ? "upstream" : "none",
      problem: null,
      provenance: text(field(attested, "predicateType")),
      built: null,
    };
  }
  const { signature, attestations } = record;
  const problem = signature
    ? signatureProblem(await keys.list("registry"), signature, { ...record, name, version })
    : undefined;
  const bundles = attestations && (await store.manifests.get(attestations.bundles));
  return {
    integrity,
    signature: signature ? (problem === undefined ? "good" : "bad") : "none",
    problem: problem ?? null,
    provenance: attestations?.provenance ?? null,
    built: bundles ? builtFrom(bundles) : null,
  };
}

/** What the supply-chain policy says of a version of another registry; what is published here it lets through. */
async function policyOf({ shared, asked }: Visit, { name, version, origin }: Located) {
  const { policies, upstream } = shared.citadel;
  const policy = await (await policies()).current();
  if (origin === "here" || !upstream || !policy.active) return { state: "none", reason: null };
  const caller = await callerOf(shared, asked);
  const candidate = await upstream.candidate(name, version, caller);
  if (!candidate) return { state: "none", reason: null };
  const verdict = policy.judge(candidate, Date.now());
  if (!verdict.allowed) return { state: "refused", reason: verdict.reason };
  if (verdict.would) return { state: "would-refuse", reason: verdict.would.reason };
  return { state: "allowed", reason: null };
}

async function againstOf({ shared }: Visit, { name, version }: Located) {
  const all = await shared.citadel.advisories();
  const [found, { changed }] = await Promise.all([all.find([[name, [version]]]), all.summary()]);
  return {
    advisories: (found.get(name) ?? []).map(advisoryItem),
    /** when advisories were brought in last; null: there are none to look into */
    advised: changed === undefined ? null : new Date(changed).toISOString(),
  };
}

export type AdvisoryItem = ReturnType<typeof advisoryItem>;
export const advisoryItem = ({ advisory }: Match) => {
  const { osv, title, url, severity, vulnerable, patched } = advisory;
  return { id: osv, title, url: address(url), severity, vulnerable, patched };
};

const field = (value: Json | undefined, key: string): Json | undefined =>
  isObject(value) ? value[key] : undefined;
const text = (value: Json | undefined): string | null =>
  typeof value === "string" ? value.slice(0, longest).toWellFormed() : null;
const list = (value: Json | undefined): Json[] =>
  Array.isArray(value) ? value.slice(0, most) : [];
const texts = (value: Json | undefined): string[] => list(value).flatMap((one) => text(one) ?? []);
const count = (value: Json | undefined): number | null =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
const pairs = (value: Json | undefined): Record<string, string> =>
  Object.fromEntries(
    Object.entries(isObject(value) ? value : {})
      .slice(0, most)
      .flatMap(([key, one]) => (text(one) === null ? [] : [[key, text(one) ?? ""]])),
  );

/** An address that a page may link to, from the forms that npm writes; null for every other. */
function address(value: Json | undefined): string | null {
  const url = text(value)
    ?.replace(/^git\+/, "")
    .replace(/^(?:git|ssh):\/\/(?:git@)?/, "https://")
    .replace(/^github:/, "https://github.com/")
    .replace(/\.git$/, "");
  return url !== undefined && /^https?:$/.test(URL.parse(url)?.protocol ?? "") ? url : null;
}
