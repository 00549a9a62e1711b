import { readFile, realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import normalize from "npm-normalize-package-bin";
import { CitadelError } from "@citadel/core";
import { isObject } from "@citadel/core/registry";
import type { Entry } from "./cache.ts";

/** A program of a package. */
export interface Program {
  readonly name: string;
  /** absolute, without links */
  readonly path: string;
}

/**
 * The program to run: the one asked for, the only one, or the one that is called like the package.
 * @throws E_BIN_NOT_FOUND with the names there are; E_PACKAGE_UNSOUND when the package is another one than it says, or the program
 *   lies outside of it
 */
export async function programOf(entry: Entry, wanted?: string): Promise<Program> {
  const { folder, name, version } = entry;
  const what = `${name}@${version}`;
  const home = join(folder, "node_modules", ...name.split("/"));
  const manifest = await manifestOf(home, what);
  if (manifest["name"] !== name || manifest["version"] !== version)
    throw new CitadelError(
      "E_PACKAGE_UNSOUND",
      `what the registry gives for ${what} says that it is ${JSON.stringify(`${String(manifest["name"])}@${String(manifest["version"])}`.slice(0, 120))}`,
    );
  const bins = new Map(Object.entries(normalize({ ...manifest }).bin ?? {}));
  const chosen = choose(bins, what, wanted ?? unscoped(name), wanted !== undefined);
  const path = await realpath(join(home, chosen.file)).catch(() => undefined);
  if (path === undefined)
    throw new CitadelError(
      "E_PACKAGE_UNSOUND",
      `${what} has no file for its program ${JSON.stringify(chosen.name)}`,
    );
  if (!path.startsWith((await realpath(home)) + sep))
    throw new CitadelError(
      "E_PACKAGE_UNSOUND",
      `the program ${JSON.stringify(chosen.name)} of ${what} lies outside of the package`,
    );
  return { name: chosen.name, path };
}

async function manifestOf(home: string, what: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const manifest: unknown = JSON.parse(await readFile(join(home, "package.json"), "utf8"));
    if (isObject(manifest)) return manifest;
  } catch {
    // said below
  }
  throw new CitadelError("E_PACKAGE_UNSOUND", `${what} has no package.json that can be read`);
}

function choose(
  bins: ReadonlyMap<string, string>,
  what: string,
  wanted: string,
  exactly: boolean,
): { readonly name: string; readonly file: string } {
  const [only] = bins;
  const file = bins.get(wanted);
  if (file !== undefined) return { name: wanted, file };
  if (only && bins.size === 1 && !exactly) return { name: only[0], file: only[1] };
  const names = [...bins.keys()].sort();
  if (names.length === 0)
    throw new CitadelError("E_BIN_NOT_FOUND", `${what} has no program to run`, {
      hint: ["it is a library: install it"],
    });
  throw new CitadelError(
    "E_BIN_NOT_FOUND",
    exactly
      ? `${what} has no program ${JSON.stringify(wanted.slice(0, 80))}`
      : `${what} has ${names.length} programs, and none is called ${wanted}`,
    { hint: [`choose one with --bin: ${names.slice(0, 20).join(", ")}`] },
  );
}

const unscoped = (name: string): string => name.slice(name.lastIndexOf("/") + 1);
