import { readFileSync } from "node:fs";
import { dirname, join } from "node:path/posix";
import { exports as resolveExports } from "resolve.exports";
import { parseObject } from "../pack/folder.ts";
import { isObject } from "../registry/manifest.ts";
import type { Json, JsonObject } from "../registry/types.ts";
import type { Tree } from "./tree.ts";

/** What can be imported of a package. */
export interface Entry {
  /** `.`, `./sub`; a pattern stays one */
  readonly subpath: string;
  /** file of its types in the tree; undefined: it has none */
  readonly types: string | undefined;
  /** file of code in the tree */
  readonly code: string | undefined;
  readonly require: boolean;
  readonly import: boolean;
}

/** The entry points by subpath. */
export function entriesOf(tree: Tree): Map<string, Entry> {
  const { exports } = tree.manifest;
  const subpaths = exports === undefined || exports === null ? ["."] : subpathsOf(exports);
  return new Map(subpaths.map((subpath) => [subpath, entryOf(tree, subpath)]));
}

function subpathsOf(exports: Json): string[] {
  if (!isObject(exports) || !Object.keys(exports).some((key) => key.startsWith("."))) return ["."];
  return Object.keys(exports).filter((key) => exports[key] !== null && key !== "./package.json");
}

function entryOf(tree: Tree, subpath: string): Entry {
  const { manifest } = tree;
  if (manifest["exports"] === undefined || manifest["exports"] === null) return mainOf(tree);
  const at = (conditions: string[]): string | undefined => resolved(manifest, subpath, conditions);
  const code = at(["node", "import", "default"]) ?? at(["node", "require", "default"]);
  const declared = at(["types", "node", "import", "default"]) ?? at(["types", "node", "require"]);
  return {
    subpath,
    code,
    types:
      typesOf(tree, declared) ??
      typesOf(tree, code) ??
      (subpath === "." ? fieldTypes(tree) : undefined),
    import: at(["node", "import", "default"]) !== undefined,
    require: isCommon(tree, at(["node", "require", "default"])),
  };
}

function mainOf(tree: Tree): Entry {
  const { manifest, files } = tree;
  const main = typeof manifest["main"] === "string" ? plain(manifest["main"]) : "index.js";
  const code = [main, `${main}.js`, `${main.replace(/\/$/, "")}/index.js`].find((file) =>
    files.includes(file),
  );
  const types = fieldTypes(tree) ?? typesOf(tree, code);
  return {
    subpath: ".",
    code,
    types,
    import: code !== undefined,
    require: isCommon(tree, code),
  };
}

/** `types` or `typings` at the top of package.json. */
function fieldTypes(tree: Tree): string | undefined {
  const { types, typings } = tree.manifest;
  const field = types ?? typings;
  if (typeof field !== "string") return typesOf(tree, "index.js");
  const path = plain(field);
  return [path, `${path}.d.ts`, `${path}/index.d.ts`].find((file) => tree.files.includes(file));
}

const plain = (path: string): string => path.replace(/^(\.\/)+/, "");

function typesOf({ files }: Tree, code: string | undefined): string | undefined {
  if (code === undefined) return undefined;
  const file = plain(code);
  if (/\.d\.[mc]?ts$/.test(file)) return files.includes(file) ? file : undefined;
  const beside = file.replace(/\.([mc]?)js$/, ".d.$1ts");
  return beside !== file && files.includes(beside) ? beside : undefined;
}

function resolved(manifest: JsonObject, subpath: string, conditions: string[]): string | undefined {
  try {
    const found = resolveExports(manifest, subpath, { unsafe: true, conditions });
    return found?.[0] === undefined ? undefined : plain(found[0]);
  } catch {
    return undefined; // not exported under these conditions
  }
}

/** Whether `require` gets CommonJS: by the ending, else by the package.json that is nearest. */
function isCommon(tree: Tree, file: string | undefined): boolean {
  if (file === undefined || file.endsWith(".mjs")) return false;
  return !file.endsWith(".js") || typeAt(tree, dirname(file)) !== "module";
}

function typeAt(tree: Tree, folder: string): unknown {
  const file = `${folder}/package.json`;
  if (folder === "." || folder === "/") return tree.manifest["type"];
  if (!tree.files.includes(file)) return typeAt(tree, dirname(folder));
  try {
    return parseObject(readFileSync(join(tree.root, file), "utf8"), file)["type"];
  } catch {
    return undefined; // as Node reads what is no package.json
  }
}
