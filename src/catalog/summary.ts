import type { Json, JsonObject, PackageDocument } from "../registry/types.ts";
import type { PackageRow } from "./types.ts";

/** The version that stands for a package: `latest`, else the newest published; undefined when none is live. */
export function latestOf({ state }: PackageDocument): string | undefined {
  const tagged = state.tags.get("latest");
  return tagged !== undefined && state.versions.has(tagged)
    ? tagged
    : [...state.versions.keys()].at(-1);
}

/** A package in one row. `manifest` is that of `version`, as somebody published it: every field may be of any type. */
export function summarize(
  { state, modified }: PackageDocument,
  version: string,
  manifest: JsonObject,
): PackageRow {
  const record = state.versions.get(version);
  let size = 0;
  for (const each of state.versions.values()) size += each.size;
  const optional = {
    scope: /^@([^/]+)\//.exec(state.name)?.[1],
    license: text(manifest["license"]) ?? text(field(manifest["license"], "type")),
    homepage: link(manifest["homepage"]),
    repository: link(field(manifest["repository"], "url") ?? manifest["repository"]),
    bugs: link(field(manifest["bugs"], "url") ?? manifest["bugs"]),
    author: person(manifest["author"]),
    deprecated: record?.deprecated,
  };
  return {
    name: state.name,
    version,
    versions: state.versions.size,
    description: text(manifest["description"]) ?? "",
    keywords: keywords(manifest["keywords"]),
    publisher: record?.by ?? "",
    maintainers: state.owners,
    size,
    created: state.created,
    modified,
    ...present(optional),
  };
}

/** Names under which the programs of a package are run. */
export function programsOf(name: string, { bin }: JsonObject): string[] {
  if (typeof bin === "string") return [name.slice(name.indexOf("/") + 1)];
  if (bin === null || typeof bin !== "object" || Array.isArray(bin)) return [];
  return Object.keys(bin)
    .slice(0, 1000)
    .map((program) => program.slice(0, 214).toWellFormed());
}

/** The fields of a package.json that name other packages. */
export const needKinds = [
  "dependencies",
  "peerDependencies",
  "optionalDependencies",
  "devDependencies",
] as const;
export type NeedKind = (typeof needKinds)[number];

/** A package that another one depends on. */
export interface Need {
  readonly name: string;
  readonly kind: NeedKind;
  /** as it is written: a range, a tag, or an address */
  readonly range: string;
}

/** What a version depends on, by kind. Nothing in it is trusted. */
export function needsOf(manifest: JsonObject): Need[] {
  const optional = manifest["optionalDependencies"];
  return needKinds.flatMap((kind) => {
    const all = manifest[kind];
    if (all === null || typeof all !== "object" || Array.isArray(all)) return [];
    return Object.entries(all)
      .slice(0, 2000)
      .flatMap(([name, range]) =>
        // npm writes what is optional into both
        typeof range !== "string" || (kind === "dependencies" && field(optional, name) === range)
          ? []
          : [{ name: name.slice(0, 214).toWellFormed(), kind, range: text(range) ?? "" }],
      );
  });
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function present<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Present<T>;
}

const field = (value: Json | undefined, key: string): Json | undefined =>
  value !== null && typeof value === "object" && !Array.isArray(value) ? value[key] : undefined;

const text = (value: Json | undefined, longest = 1000): string | undefined =>
  typeof value === "string" ? value.slice(0, longest).toWellFormed() : undefined;

/** A web address, from the forms that npm writes (`git+https://…/x.git`); undefined for everything a browser should not open. */
function link(value: Json | undefined): string | undefined {
  const url = text(value)
    ?.replace(/^git\+/, "")
    .replace(/^(?:git|ssh):\/\/(?:git@)?/, "https://")
    .replace(/\.git$/, "");
  return url !== undefined && /^https?:$/.test(URL.parse(url)?.protocol ?? "") ? url : undefined;
}

/** The name out of `{ name }` or `Name <mail> (address)`. */
const person = (value: Json | undefined): string | undefined =>
  (text(field(value, "name")) ?? text(value))?.split(/[<(]/, 1)[0]?.trim() || undefined;

/** npm takes an array, or one text with commas. */
function keywords(value: Json | undefined): string[] {
  const list = typeof value === "string" ? value.split(",") : Array.isArray(value) ? value : [];
  const words = list.slice(0, 100).map((word) => text(word, 100)?.trim());
  return [...new Set(words.filter((word): word is string => !!word))];
}
