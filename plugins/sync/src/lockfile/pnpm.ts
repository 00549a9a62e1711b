import { isObject, type JsonObject } from "@citadel/core/registry";
import { parseAllDocuments } from "yaml";
import { invalid, numberOf, type Gathered } from "./locked.ts";

/** `pnpm-lock.yaml`, versions 5, 6 and 9. */
export function readPnpm(text: string, gathered: Gathered): string {
  // newer ones put what pnpm itself needs into a document of its own
  const documents = parseAllDocuments(text);
  let version: string | undefined;
  for (const document of Array.isArray(documents) ? documents : []) {
    if (document.errors.length > 0)
      throw invalid(`it is no YAML: ${document.errors[0]?.message.split("\n")[0]}`);
    const content: unknown = document.toJS({ maxAliasCount: 100 });
    if (!isObject(content)) continue;
    version = numberOf(content["lockfileVersion"]);
    const [major = ""] = version.split(".");
    if (!["5", "6", "9"].includes(major))
      throw invalid(`pnpm-lock.yaml has version ${version.slice(0, 20)}; 5, 6 and 9 are known`);
    readPackages(content, major, gathered);
  }
  if (version === undefined) throw invalid("it holds nothing");
  return `pnpm ${version}`;
}

function readPackages(content: JsonObject, major: string, gathered: Gathered): void {
  const { packages = {}, snapshots = {} } = content;
  if (!isObject(packages)) throw invalid("packages of a pnpm-lock.yaml is an object");
  const needed = neededOf(snapshots);
  for (const [key, entry] of Object.entries(packages)) {
    if (!isObject(entry)) continue;
    const { resolution, optional } = entry;
    const { integrity, type } = isObject(resolution) ? resolution : {};
    const place = major === "5" ? placeOfPath(key) : placeOf(key);
    if (!place || typeof integrity !== "string") {
      gathered.skip(key, typeof type === "string" ? `from ${type}` : "not from a registry");
      continue;
    }
    const spare = major === "9" ? !needed.has(`${place.name}@${place.version}`) : optional;
    gathered.add(key, { ...place, integrity, optional: spare });
  }
}

/** `/@scope/name@1.0.0(peer@2.0.0)`, `name@1.0.0` */
function placeOf(key: string): { name: string; version: string } | undefined {
  const [plain = ""] = key.replace(/^\//, "").split("(");
  const at = plain.lastIndexOf("@");
  return at > 0 ? { name: plain.slice(0, at), version: plain.slice(at + 1) } : undefined;
}

/** `/@scope/name/1.0.0_peer@2.0.0`, and with the host of a registry before it */
function placeOfPath(key: string): { name: string; version: string } | undefined {
  const [, name, version] = /^[^/@]*\/((?:@[^/]+\/)?[^/]+)\/([^/_]+)(?:_.*)?$/.exec(key) ?? [];
  return name !== undefined && version !== undefined ? { name, version } : undefined;
}

/** Version 9 says in its snapshots what an install may do without. */
function neededOf(snapshots: unknown): ReadonlySet<string> {
  const needed = new Set<string>();
  for (const [key, entry] of Object.entries(isObject(snapshots) ? snapshots : {}))
    if (isObject(entry) && entry["optional"] !== true) needed.add(key.split("(")[0] ?? key);
  return needed;
}
