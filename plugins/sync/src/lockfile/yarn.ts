import { isObject } from "@citadel/core/registry";
import { parseSyml } from "@yarnpkg/parsers";
import { ofSha1 } from "./integrity.ts";
import { invalid, numberOf, type Gathered } from "./locked.ts";

/** `yarn.lock`, of yarn 1 and of berry. */
export function readYarn(text: string, gathered: Gathered): string {
  let content: unknown;
  try {
    content = parseSyml(text);
  } catch (error) {
    throw invalid(`it is no yarn.lock: ${String((error as Error).message).split("\n")[0]}`, error);
  }
  if (!isObject(content)) throw invalid("it is no yarn.lock");
  const { __metadata: metadata, ...entries } = content;
  for (const [key, entry] of Object.entries(entries)) {
    if (!isObject(entry)) continue;
    if (isObject(metadata)) addBerry(key, entry, gathered);
    else addClassic(key, entry, gathered);
  }
  return isObject(metadata) ? `yarn berry ${numberOf(metadata["version"])}` : "yarn 1";
}

type Entry = Readonly<Record<string, unknown>>;

/** `name@^1.0.0, name@~1.2.0`, or with an alias `other@npm:name@^1.0.0` */
function addClassic(
  key: string,
  { version, resolved, integrity }: Entry,
  gathered: Gathered,
): void {
  // prettier-ignore
  const [first = ""] = key.split(/,\s*/);
  const [called, range] = halves(first);
  const name = range.startsWith("npm:") && range.includes("@", 5) ? halves(range.slice(4))[0] : called; // prettier-ignore
  if (typeof version !== "string" || typeof resolved !== "string")
    return gathered.skip(first, "not from a registry");
  const [address = "", sha1] = resolved.split("#");
  const hash = integrity ?? (sha1 && /^[0-9a-f]{40}$/.test(sha1) ? ofSha1(sha1) : undefined);
  gathered.add(key, { name, version, integrity: hash, resolved: address });
}

/** `resolution: name@npm:1.0.0`; its checksum is that of yarn's own archive, not of the tarball. */
function addBerry(key: string, { resolution, conditions }: Entry, gathered: Gathered): void {
  if (typeof resolution !== "string") return gathered.skip(key, "without a resolution");
  const [name, reference] = halves(resolution);
  // what a patch is made of stands there by itself, too
  if (/^(?:workspace|patch):/.test(reference)) return;
  const [, version] = /^npm:([^:]+)(?:::.*)?$/.exec(reference) ?? [];
  if (version === undefined) return gathered.skip(resolution, "not from a registry");
  gathered.add(key, { name, version, optional: conditions !== undefined });
}

/** Before and after the `@` that is not that of a scope. */
function halves(text: string): readonly [string, string] {
  const at = text.indexOf("@", 1);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
