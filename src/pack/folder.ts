import { lstatSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { CitadelError } from "../errors.ts";
import { baseName } from "../registry/names.ts";
import type { JsonObject } from "../registry/types.ts";
import type { PackTree } from "npm-packlist";

/**
 * The package.json of a folder.
 * @throws E_USAGE when there is none, E_INVALID_DOCUMENT when it is no JSON object
 */
export function readPackageJson(folder: string): JsonObject {
  let text: string;
  try {
    text = readFileSync(join(folder, "package.json"), "utf8").replace(/^\uFEFF/, "");
  } catch (error) {
    throw new CitadelError("E_USAGE", `${folder} has no package.json that can be read`, {
      hint: ["publish a single file: -f <file>", "make one: npm init"],
      cause: error,
    });
  }
  return parseObject(text, join(folder, "package.json"));
}

/** @throws E_INVALID_DOCUMENT */
export function parseObject(text: string, what: string): JsonObject {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new CitadelError("E_INVALID_DOCUMENT", `${what} is not JSON`, {
      hint: [`correct it: ${(error as Error).message}`],
      cause: error,
    });
  }
  if (parsed === null || typeof parsed !== "object" || Array.isArray(parsed))
    throw new CitadelError("E_INVALID_DOCUMENT", `${what} is not a JSON object`, {
      hint: ["it begins with { and ends with }"],
    });
  return parsed as JsonObject;
}

/** What npm would pack of a folder: `files`, `.npmignore`, `.gitignore` and bundled dependencies respected. */
export async function listFiles(
  folder: string,
  packageJson: JsonObject,
): Promise<{ readonly files: string[]; readonly executable: ReadonlySet<string> }> {
  const { default: packlist } = await import("npm-packlist");
  const bin = binOf(packageJson);
  const { bundleDependencies, bundledDependencies, files: listed, ...rest } = packageJson;
  const bundle = bundleDependencies ?? bundledDependencies;
  const dependencies = Object.keys((rest["dependencies"] ?? {}) as object);
  const files = await packlist(
    tree(folder, folder, true, {
      ...rest,
      bin,
      ...(Array.isArray(listed) && { files: listed.filter((file) => typeof file === "string") }),
      bundleDependencies: bundle === true ? dependencies : Array.isArray(bundle) ? bundle : [],
    }),
  );
  return { files, executable: new Set(Object.values(bin)) };
}

/** `bin` as an object of plain relative paths. */
function binOf({ bin, name }: JsonObject): Record<string, string> {
  const entries =
    typeof bin === "string"
      ? [[baseName(typeof name === "string" ? name : ""), bin]]
      : Object.entries(bin ?? {});
  return Object.fromEntries(
    entries
      .filter((entry): entry is [string, string] => typeof entry[1] === "string")
      .map(([command, path]) => [command, path.replace(/^\.?\/+/, "")]),
  );
}

/** A node of npm-packlist's tree. Dependencies are looked up as Node does, no further up than `root`. */
function tree(
  path: string,
  root: string,
  isProjectRoot: boolean,
  manifest: Readonly<Record<string, unknown>>,
  seen = new Map<string, PackTree>(),
): PackTree {
  const known = seen.get(path);
  if (known) return known;
  const edgesOut = new Map<string, { to: PackTree | undefined }>();
  const node: PackTree = {
    path,
    package: manifest,
    isProjectRoot,
    isLink: !isProjectRoot && lstatSync(path).isSymbolicLink(),
    get target() {
      return this;
    },
    edgesOut,
  };
  seen.set(path, node);
  const bundled = isProjectRoot ? (manifest["bundleDependencies"] as string[]) : [];
  const wanted = ["dependencies", "optionalDependencies"].flatMap((field) =>
    Object.keys((manifest[field] ?? {}) as object),
  );
  for (const name of new Set(isProjectRoot ? bundled : wanted)) {
    const found = findModule(path, root, name);
    const to =
      found === undefined ? undefined : tree(found, root, false, readPackageJson(found), seen);
    edgesOut.set(name, { to });
  }
  return node;
}

function findModule(from: string, root: string, name: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const path = join(folder, "node_modules", name);
    try {
      realpathSync(join(path, "package.json"));
      return path;
    } catch {
      if (folder === root || folder === dirname(folder)) return undefined;
    }
  }
}
