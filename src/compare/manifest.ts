import subset from "semver/ranges/subset.js";
import validRange from "semver/ranges/valid.js";
import { entriesOf } from "../documents/entries.ts";
import type { Tree } from "../documents/tree.ts";
import { isObject } from "../registry/manifest.ts";
import { baseName } from "../registry/names.ts";
import type { Json, JsonObject } from "../registry/types.ts";
import { major, minor, patch, type ApiChange } from "./change.ts";

/** What changed in how a package is found, loaded and run: entry points, module format, commands, engines, peers, files. */
export function compareManifests(old: Tree, now: Tree): ApiChange[] {
  return [
    ...compareEntries(old, now),
    ...compareBins(old.manifest, now.manifest),
    ...compareEngines(old.manifest, now.manifest),
    ...comparePeers(old.manifest, now.manifest),
    ...compareFiles(old, now),
    ...compareDependencies(old.manifest, now.manifest),
  ];
}

function compareEntries(old: Tree, now: Tree): ApiChange[] {
  const [before, after] = [entriesOf(old), entriesOf(now)];
  const changes: ApiChange[] = [];
  for (const [subpath, entry] of before) {
    const next = after.get(subpath);
    const where = `package.json exports["${subpath}"]`;
    if (!next) {
      // patterns may still cover it
      const covered = [...after.keys()].some((key) => matches(key, subpath));
      if (!covered) changes.push(major(`${subpath} can no longer be imported`, where));
      continue;
    }
    if (entry.require && !next.require)
      changes.push(major(`${subpath} is no longer CommonJS for require()`, where));
    if (entry.import && !next.import)
      changes.push(major(`${subpath} can no longer be imported`, where));
    if (entry.types !== undefined && next.types === undefined)
      changes.push(major(`${subpath} has no types any more`, where));
    if (entry.types === undefined && next.types !== undefined)
      changes.push(minor(`${subpath} has types now`, next.types));
  }
  for (const subpath of after.keys())
    if (!before.has(subpath) && has(old, "exports"))
      changes.push(minor(`${subpath} can be imported now`, `package.json exports["${subpath}"]`));
  return changes;
}

const has = ({ manifest }: Tree, field: string): boolean =>
  manifest[field] !== undefined && manifest[field] !== null;

const matches = (pattern: string, subpath: string): boolean => {
  const [head = "", tail] = pattern.split("*");
  return tail !== undefined && subpath.startsWith(head) && subpath.endsWith(tail);
};

function compareBins(old: JsonObject, now: JsonObject): ApiChange[] {
  const names = ({ bin, name }: JsonObject): string[] =>
    typeof bin === "string"
      ? [baseName(typeof name === "string" ? name : "")]
      : isObject(bin)
        ? Object.keys(bin)
        : [];
  const [before, after] = [names(old), names(now)];
  return [
    ...before
      .filter((name) => !after.includes(name))
      .map((name) => major(`the command ${name} is gone`, "package.json bin")),
    ...after
      .filter((name) => !before.includes(name))
      .map((name) => minor(`the command ${name} is new`, "package.json bin")),
  ];
}

function compareEngines(old: JsonObject, now: JsonObject): ApiChange[] {
  const node = ({ engines }: JsonObject): string | undefined => range(engines, "node");
  const [before, after] = [node(old), node(now)];
  if (after === undefined || before === after || covers(after, before ?? "*")) return [];
  const where = "package.json engines.node";
  return before === undefined
    ? [minor(`asks for Node ${after} now, and said nothing before`, where, false)]
    : [major(`no longer runs on every Node of ${before}: ${after}`, where)];
}

function comparePeers(old: JsonObject, now: JsonObject): ApiChange[] {
  const changes: ApiChange[] = [];
  const [before, after] = [old["peerDependencies"], now["peerDependencies"]].map((peers) =>
    isObject(peers) ? peers : {},
  ) as [JsonObject, JsonObject];
  for (const name of Object.keys(after)) {
    const [was, is] = [range(before, name), range(after, name)];
    const where = `package.json peerDependencies["${name}"]`;
    if (was === is) continue;
    if (was === undefined)
      changes.push(
        optional(now, name)
          ? patch(`may use ${name}`, where)
          : major(`wants ${name} ${is} beside it`, where),
      );
    else if (is !== undefined && !covers(is, was))
      changes.push(major(`no longer takes every ${name} of ${was}: ${is}`, where));
    else changes.push(minor(`takes more of ${name}: ${is}`, where));
  }
  return changes;
}

const optional = ({ peerDependenciesMeta: meta }: JsonObject, name: string): boolean => {
  const one = isObject(meta) ? meta[name] : undefined;
  return isObject(one) && one["optional"] === true;
};

function range(all: Json | undefined, name: string): string | undefined {
  const value = isObject(all) ? all[name] : undefined;
  return typeof value === "string" ? value : undefined;
}

/** Whether one range admits all that the other does; what is no range (`workspace:^`) covers itself alone. */
const covers = (wide: string, narrow: string): boolean =>
  wide === narrow ||
  (validRange(wide) !== null && validRange(narrow) !== null && subset(narrow, wide));

/** Without `exports` every file can be imported: those at the top by name are meant to be. */
function compareFiles(old: Tree, now: Tree): ApiChange[] {
  if (has(old, "exports")) return [];
  const code = old.files.filter(
    (file) => /\.(?:[cm]?js|json|node)$/.test(file) && file !== "package.json",
  );
  if (has(now, "exports") && code.length > 1) {
    const open = entriesOf(now);
    if (![...open.keys()].some((key) => key.startsWith("./*")))
      return [
        major(
          '"exports" is new: other files can no longer be imported',
          "package.json exports",
          false,
        ),
      ];
    return [];
  }
  const gone = code.filter((file) => !now.files.includes(file));
  const main = entriesOf(old).get(".")?.code;
  const top = gone.filter((file) => !file.includes("/") && file !== main && !file.startsWith("."));
  return [
    ...top.map((file) => major(`${file} is gone, and could be imported`, file, false)),
    ...(gone.length > top.length
      ? [
          patch(
            `${gone.length - top.length} inner files are gone`,
            gone.find((one) => !top.includes(one)) ?? "",
            false,
          ),
        ]
      : []),
  ];
}

function compareDependencies(old: JsonObject, now: JsonObject): ApiChange[] {
  const text = ({ dependencies }: JsonObject): string => JSON.stringify(dependencies ?? {});
  return text(old) === text(now) ? [] : [patch("other dependencies", "package.json dependencies")];
}
