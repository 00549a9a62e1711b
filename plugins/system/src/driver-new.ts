import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CitadelError } from "@citadel/core";

/** What the template calls its scheme and itself. */
const placeholder = "logbook";

export interface NewDriver {
  readonly scheme: string;
  readonly package: string;
  /** absolute path of the folder */
  readonly folder: string;
  /** relative to the folder */
  readonly files: readonly string[];
}

/**
 * Writes the package of a storage driver that works as it is, whole or not at all.
 * @param template folder of the template
 * @param core version of @citadel/core that the package depends on
 * @throws E_USAGE for a name that cannot be a scheme, E_CONFLICT when the scheme or the folder is taken
 */
export async function newDriver(
  scheme: string,
  {
    template,
    folder,
    core,
    taken,
    dryRun = false,
  }: {
    readonly template: string;
    readonly folder: string;
    readonly core: string;
    readonly taken: ReadonlySet<string>;
    readonly dryRun?: boolean;
  },
): Promise<NewDriver> {
  if (!/^[a-z][a-z0-9-]{1,40}$/.test(scheme))
    throw new CitadelError("E_USAGE", `not a scheme of URLs: ${scheme}`, {
      hint: ["use small letters, digits and -, such as notebook"],
    });
  if (taken.has(scheme))
    throw new CitadelError("E_CONFLICT", `there is a driver for ${scheme}: already`, {
      hint: ["choose another name", "see all of them: citadel driver:list"],
    });
  const there = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (there !== undefined && there.length > 0)
    throw new CitadelError("E_CONFLICT", `${folder} is not empty`, {
      hint: ["choose another folder: --output <folder>"],
    });

  const found = await readdir(template, { recursive: true, withFileTypes: true });
  const files = found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(template.length + 1))
    .toSorted();
  const made = { scheme, package: `citadel-driver-${scheme}`, folder, files };
  if (dryRun) return made;

  const scratch = `${folder}.${process.pid}.tmp`;
  await mkdir(dirname(folder), { recursive: true });
  try {
    await cp(template, scratch, { recursive: true });
    for (const file of files) {
      const path = join(scratch, file);
      const text = (await readFile(path, "utf8")).replaceAll(placeholder, scheme);
      await writeFile(path, file === "package.json" ? dependingOn(core, text) : text);
    }
    // over an empty folder, too
    await rename(scratch, folder);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  return made;
}

function dependingOn(core: string, text: string): string {
  const manifest = JSON.parse(text) as { dependencies: Record<string, string> };
  manifest.dependencies["@citadel/core"] = core;
  return `${JSON.stringify(manifest, null, 2)}\n`;
}
