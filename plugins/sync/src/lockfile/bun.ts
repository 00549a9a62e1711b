import { isObject, type JsonObject } from "@citadel/core/registry";
import { invalid, numberOf, type Gathered } from "./locked.ts";

/** `bun.lock`: `"path": ["name@1.0.0", "registry", { … }, "sha512-…"]`. */
export function readBun(
  { lockfileVersion, packages = {} }: JsonObject,
  gathered: Gathered,
): string {
  // prettier-ignore
  if (!isObject(packages)) throw invalid("packages of a bun.lock is an object");
  for (const [path, entry] of Object.entries(packages)) {
    const [what, , about, integrity] = Array.isArray(entry) ? entry : [];
    if (typeof what !== "string") throw invalid(`${path} of a bun.lock is no list`);
    const at = what.indexOf("@", 1);
    const [name, version] = [what.slice(0, at), what.slice(at + 1)];
    if (version.startsWith("workspace:") || isBundled(about)) continue;
    if (typeof integrity !== "string") gathered.skip(what, "not from a registry");
    else gathered.add(path, { name, version, integrity, optional: isForSome(about) });
  }
  return `bun ${numberOf(lockfileVersion)}`;
}

const isBundled = (about: unknown): boolean => isObject(about) && about["bundled"] === true;

/** Only some platforms need it. */
const isForSome = (about: unknown): boolean =>
  isObject(about) && (about["os"] !== undefined || about["cpu"] !== undefined);
