import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { CitadelError } from "../errors.ts";
import { dependencyFields, isObject } from "../registry/manifest.ts";
import { checkName, checkVersion } from "../registry/names.ts";
import type { Json, JsonObject } from "../registry/types.ts";
import { readPackageJson } from "./folder.ts";

export interface WorkspacePackage {
  /** absolute */
  readonly folder: string;
  readonly packageJson: JsonObject;
}

/** The packages of an npm, pnpm or yarn workspace, and what their ranges may refer to. */
export interface Workspace {
  readonly packages: readonly WorkspacePackage[];
  /** catalog → package → range; pnpm's default one is called `default` */
  readonly catalogs: ReadonlyMap<string, JsonObject>;
}

/**
 * The workspace whose root a folder is.
 * @throws E_USAGE when it is none, E_INVALID_DOCUMENT
 */
export async function findWorkspace(root: string): Promise<Workspace> {
  const pnpm = await readPnpm(join(root, "pnpm-workspace.yaml"));
  const patterns = patternsOf(pnpm?.["packages"] ?? readPackageJson(root)["workspaces"]);
  if (!patterns)
    throw new CitadelError("E_USAGE", `${root} is not the root of a workspace`, {
      hint: ['name the folder with "workspaces" in its package.json, or a pnpm-workspace.yaml'],
    });
  const { default: mapWorkspaces } = await import("@npmcli/map-workspaces");
  const found = await mapWorkspaces({ cwd: root, pkg: { workspaces: patterns } }).catch(
    (error: unknown) => {
      throw new CitadelError("E_USAGE", `the workspace ${root} cannot be read`, {
        hint: [(error as Error).message.split("\n", 1)[0] ?? ""],
        cause: error,
      });
    },
  );
  const folders = [...new Set(found.values())].toSorted();
  return {
    packages: folders.map((folder) => ({ folder, packageJson: readPackageJson(folder) })),
    catalogs: catalogsOf(pnpm),
  };
}

/**
 * The package.json as it is published: ranges that only mean something inside the workspace are replaced, as pnpm and yarn do, and
 * paths of its packages.
 * @throws E_USAGE for a reference to what is not there
 */
export function publishable(
  { folder, packageJson }: WorkspacePackage,
  { packages, catalogs }: Workspace,
): JsonObject {
  const versions = new Map(
    packages.flatMap(({ packageJson: { name, version } }): [string, string][] =>
      typeof name === "string" && typeof version === "string" ? [[name, version]] : [],
    ),
  );
  const unknown = (what: string): CitadelError =>
    new CitadelError(
      "E_USAGE",
      `${JSON.stringify(packageJson["name"])} depends on ${what}, which is not there`,
      {
        hint: ["correct the range in its package.json"],
      },
    );

  const rangeOf = (name: string, range: Json): Json => {
    if (typeof range !== "string") return range;
    if (range.startsWith("catalog:")) {
      const catalog = range.slice("catalog:".length).trim() || "default";
      const listed = catalogs.get(catalog)?.[name];
      if (typeof listed !== "string") throw unknown(`${name} of the catalog ${catalog}`);
      return listed;
    }
    const path = /^(?:file|link):(.+)$/.exec(range)?.[1];
    const beside = path && packages.find((each) => each.folder === resolve(folder, path));
    if (beside) {
      const called = checkName(beside.packageJson["name"]);
      const version = checkVersion(beside.packageJson["version"]);
      return called === name ? version : `npm:${called}@${version}`;
    }
    if (!range.startsWith("workspace:")) return range;
    const wanted = range.slice("workspace:".length);
    const [, alias, rest = ""] = /^((?:@[^/]+\/)?[^@/]+)@(.+)$/.exec(wanted) ?? [];
    const target = alias ?? name;
    const plain = alias === undefined ? wanted : rest;
    const version = versions.get(target);
    if (version === undefined) throw unknown(`${target} of this workspace`);
    const isPath = plain.startsWith(".") || plain.includes("/");
    const resolved =
      plain === "*" || plain === "" || isPath
        ? version
        : plain === "^" || plain === "~"
          ? plain + version
          : plain;
    return alias === undefined ? resolved : `npm:${alias}@${resolved}`;
  };

  const fields = dependencyFields.flatMap((field) => {
    const dependencies = packageJson[field];
    if (!isObject(dependencies)) return [];
    const entries = Object.entries(dependencies).map(([name, range]): [string, Json] => [
      name,
      rangeOf(name, range),
    ]);
    return [[field, Object.fromEntries(entries)] as const];
  });
  return { ...packageJson, ...Object.fromEntries(fields) };
}

async function readPnpm(path: string): Promise<JsonObject | undefined> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const { parse } = await import("yaml");
  try {
    const parsed = parse(text) as Json;
    return isObject(parsed) ? parsed : {};
  } catch (error) {
    throw new CitadelError("E_INVALID_DOCUMENT", `${path} is not YAML`, {
      hint: ["correct it"],
      cause: error,
    });
  }
}

/** `workspaces` as npm has it, or with `packages` in it, as yarn had. */
function patternsOf(workspaces: Json | undefined): readonly string[] | undefined {
  const list = isObject(workspaces) ? workspaces["packages"] : workspaces;
  if (!Array.isArray(list)) return undefined;
  return list.filter((pattern) => typeof pattern === "string");
}

function catalogsOf(pnpm: JsonObject | undefined): Map<string, JsonObject> {
  const catalogs = new Map<string, JsonObject>();
  const { catalog, catalogs: others } = pnpm ?? {};
  if (isObject(catalog)) catalogs.set("default", catalog);
  for (const [name, one] of Object.entries(isObject(others) ? others : {}))
    if (isObject(one)) catalogs.set(name, one);
  return catalogs;
}
