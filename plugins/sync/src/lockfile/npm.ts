import { isObject, type JsonObject } from "@citadel/core/registry";
import { invalid, numberOf, type Gathered } from "./locked.ts";

/** `package-lock.json` and `npm-shrinkwrap.json`, versions 1 to 3. */
export function readNpm(document: JsonObject, gathered: Gathered): string {
  const { lockfileVersion, packages, dependencies } = document;
  if (isObject(packages)) readPackages(packages, gathered);
  else if (isObject(dependencies)) readTree(dependencies, gathered);
  else if (packages !== undefined || dependencies !== undefined)
    throw invalid("packages and dependencies of a package-lock.json are objects");
  return `npm ${numberOf(lockfileVersion ?? 1)}`;
}

/** Versions 2 and 3: by path. */
function readPackages(packages: JsonObject, gathered: Gathered): void {
  for (const [path, entry] of Object.entries(packages)) {
    const at = path.lastIndexOf("node_modules/");
    // the project, its workspaces, links to them, and what comes inside of another tarball
    if (at < 0 || !isObject(entry) || entry["link"] === true || entry["inBundle"] === true)
      continue;
    const { name, version, integrity, resolved, optional, devOptional } = entry;
    const real = typeof name === "string" ? name : path.slice(at + "node_modules/".length);
    if (typeof version !== "string") gathered.skip(path, "without a version");
    else
      gathered.add(path, {
        ...{ name: real, version, integrity, resolved },
        optional: optional === true || devOptional === true,
      });
  }
}

/** Version 1: a tree, as deep as somebody likes. */
function readTree(root: JsonObject, gathered: Gathered): void {
  for (const level = [root]; level.length > 0;)
    for (const [key, entry] of Object.entries(level.pop() as JsonObject)) {
      if (!isObject(entry)) continue;
      const { version, integrity, resolved, optional, dependencies } = entry;
      if (isObject(dependencies)) level.push(dependencies);
      if (entry["bundled"] === true || typeof version !== "string") continue;
      const [, name = key, number = version] = /^npm:(.+)@([^@]+)$/.exec(version) ?? [];
      // addresses stand in the place of the version
      gathered.add(key, { name, version: number, integrity, resolved, optional });
    }
}
