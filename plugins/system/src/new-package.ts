import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CitadelError } from "@citadel/core";

export interface NewPackage {
  /** absolute path of the folder */
  readonly folder: string;
  /** relative to the folder */
  readonly files: readonly string[];
}

export interface NewPackageOptions {
  /** folder of the template */
  readonly template: string;
  readonly folder: string;
  /** name that the template has, in files and in paths, and the one that takes its place */
  readonly placeholder: string;
  readonly name: string;
  /** version of the packages of Citadel that it depends on */
  readonly version: string;
  readonly dryRun?: boolean;
}

/** Writes a package from a template, whole or not at all. @throws E_CONFLICT when the folder is taken */
export async function newPackage({
  template,
  folder,
  placeholder,
  name,
  version,
  dryRun = false,
}: NewPackageOptions): Promise<NewPackage> {
  const there = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (there !== undefined && there.length > 0)
    throw new CitadelError("E_CONFLICT", `${folder} is not empty`, {
      hint: ["choose another folder: --output <folder>"],
    });

  const forms = [(word: string) => word, upper, capital];
  const renamed = (text: string): string =>
    forms.reduce((all, form) => all.replaceAll(form(placeholder), form(name)), text);
  const found = await readdir(template, { recursive: true, withFileTypes: true });
  const sources = found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(template.length + 1))
    .toSorted();
  const made = { folder, files: sources.map(renamed) };
  if (dryRun) return made;

  const scratch = `${folder}.${process.pid}.tmp`;
  await mkdir(dirname(folder), { recursive: true });
  try {
    await mkdir(scratch);
    for (const source of sources) {
      const path = join(scratch, renamed(source));
      await mkdir(dirname(path), { recursive: true });
      const text = renamed(await readFile(join(template, source), "utf8"));
      await writeFile(path, source === "package.json" ? dependingOn(version, text) : text);
    }
    // over an empty folder, too
    await rename(scratch, folder);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return made;
}

const upper = (word: string): string => word.toUpperCase();
const capital = (word: string): string => upper(word.slice(0, 1)) + word.slice(1);

function dependingOn(version: string, text: string): string {
  const manifest = JSON.parse(text) as Record<string, Record<string, string> | undefined>;
  for (const group of ["dependencies", "devDependencies"])
    for (const dependency of Object.keys(manifest[group] ?? {}))
      if (dependency.startsWith("@citadel/")) (manifest[group] ?? {})[dependency] = version;
  return `${JSON.stringify(manifest, null, 2)}\n`;
}
