import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { outlineOf, type Outline, type Tree } from "@citadel/core/documents";
import { isObject, type Json, type JsonObject } from "@citadel/core/registry";

/** What a package says of itself in one version; `docs/documents.md` describes the fields. */
export interface PackageDocuments {
  readonly schema: 1;
  readonly name: string;
  readonly version: string;
  /** "here", the name of an upstream, or "folder" for what is only installed */
  readonly origin: string;
  /** null for a folder */
  readonly integrity: string | null;
  /** ISO 8601 */
  readonly fetchedAt: string;
  readonly description: string;
  readonly keywords: readonly string[];
  readonly license: { readonly id: string | null; readonly text: string | null };
  readonly links: Readonly<Record<string, string>>;
  /** Markdown as the author wrote it */
  readonly readme: Text | null;
  readonly changelog: Text | null;
  readonly examples: readonly Text[];
  /** fields of package.json that say how it is loaded and run */
  readonly entry: JsonObject;
  readonly outline: Outline;
}

export interface Text {
  readonly file: string;
  readonly text: string;
  /** there was more */
  readonly cut?: true;
}

/** Files that hold documents, code, declarations or JSON. */
export const wanted =
  /^(?:readme|changelog|changes|history|releases?|licen[cs]e|copying)(?:[.-][^/]*)?$|^(?:examples?|samples?)\/|\.(?:[cm]?[jt]s|json)$/i;

const entryFields = [
  ...["type", "main", "module", "types", "typings", "exports", "imports", "bin", "engines"],
  ...["os", "cpu", "peerDependencies", "dependencies", "sideEffects"],
];

/** Reads an unpacked package. */
export async function readDocuments(
  tree: Tree,
  from: Pick<PackageDocuments, "name" | "version" | "origin" | "integrity">,
): Promise<PackageDocuments> {
  const { manifest } = tree;
  const top = tree.files.filter((file) => !file.includes("/")).toSorted();
  const license = await first(tree, top, /^(?:licen[cs]e|copying)(?:[.-][^/]*)?$/i, 64);
  const examples = tree.files
    .filter((file) => /^(?:examples?|samples?)\/.*\.(?:[cm]?[jt]sx?|md|json|html)$/i.test(file))
    .toSorted()
    .slice(0, 20);
  const texts = await Promise.all(examples.map((file) => read(tree, file, 64)));
  return {
    schema: 1,
    ...from,
    fetchedAt: new Date().toISOString(),
    description: text(manifest["description"]) ?? "",
    keywords: list(manifest["keywords"]),
    license: { id: licenseOf(manifest["license"]), text: license?.text ?? null },
    links: linksOf(manifest),
    readme: await first(tree, top, /^readme(?:\.(?:md|markdown|mdown|txt))?$/i, 1024),
    changelog: await first(
      ...([tree, top, /^(?:changelog|changes|history|releases?)(?:\.(?:md|txt))?$/i, 256] as const),
    ),
    examples: texts.filter((one) => one !== null),
    entry: Object.fromEntries(
      entryFields.flatMap((field) => {
        const value = manifest[field];
        return value === undefined ? [] : [[field, value]];
      }),
    ),
    outline: await outlineOf(tree),
  };
}

async function first(
  tree: Tree,
  files: readonly string[],
  pattern: RegExp,
  most: number,
): Promise<Text | null> {
  const found = files.filter((file) => pattern.test(file));
  // Markdown before text
  const file = found.find((one) => /\.(?:md|markdown)$/i.test(one)) ?? found[0];
  return file === undefined ? null : read(tree, file, most);
}

/** @param most KiB */
async function read({ root }: Tree, file: string, most: number): Promise<Text | null> {
  const bytes = await readFile(join(root, file)).catch(() => undefined);
  if (!bytes || bytes.subarray(0, 4096).includes(0)) return null; // gone, or no text
  const whole = bytes.byteLength <= most * 1024;
  const content = bytes.subarray(0, most * 1024).toString("utf8");
  return { file, text: content, ...(!whole && { cut: true }) };
}

const text = (value: Json | undefined): string | undefined =>
  typeof value === "string" ? value.slice(0, 2000) : undefined;

const list = (value: Json | undefined): string[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === "string").slice(0, 100) : [];

const licenseOf = (value: Json | undefined): string | null =>
  text(value) ?? (isObject(value) ? text(value["type"]) : undefined) ?? null;

function linksOf({ homepage, repository, bugs }: JsonObject): Record<string, string> {
  const url = (value: Json | undefined): string | undefined =>
    text(value) ?? (isObject(value) ? text(value["url"]) : undefined);
  const found = Object.entries({
    homepage: url(homepage),
    repository: url(repository),
    bugs: url(bugs),
  });
  return Object.fromEntries(found.filter((one): one is [string, string] => one[1] !== undefined));
}
