import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Citadel } from "./citadel.ts";
import { findDirs } from "./config/dirs.ts";
import { environment, serverKeyOf } from "./config/environment.ts";
import { loadSettings } from "./config/load.ts";
import { CitadelError } from "./errors.ts";
import { findSchemes } from "./plugins.ts";

export interface InstalledOptions {
  /** URL of the store @default what the settings say: files, `CITADEL_*` and other variables */
  readonly store?: string;
  /** folder of data, cache and configuration @default `CITADEL_HOME`, else the user's own */
  readonly home?: string;
  /** URL scheme without colon → absolute path of a driver's module @default those of the installed `citadel` and its plugins */
  readonly schemes?: ReadonlyMap<string, string>;
}

/**
 * Opens what the settings describe, for a library; with none at all, an embedded store in the user's data folder.
 * @throws E_CONFIG, E_STORE_UNAVAILABLE
 */
export async function openInstalled(options: InstalledOptions): Promise<{
  readonly citadel: Citadel;
  readonly schemes: ReadonlyMap<string, string>;
}> {
  const env: Readonly<Record<string, string | undefined>> = {
    ...environment(),
    ...(options.home !== undefined && { CITADEL_HOME: options.home }),
  };
  const dirs = findDirs(env);
  const { settings } = loadSettings({
    env,
    cwd: process.cwd(),
    dirs,
    flags: { store: options.store },
  });
  const schemes = options.schemes ?? (await installedSchemes());
  const { openCitadel } = await import("./citadel.ts");
  const citadel = await openCitadel({
    settings,
    schemes,
    dirs,
    serverKey: serverKeyOf(env),
  });
  return { citadel, schemes };
}

/** The drivers of the `citadel` that this library is a part of, and of the plugins installed or linked there. */
async function installedSchemes(): Promise<Map<string, string>> {
  const { Config } = await import("@oclif/core/config");
  return findSchemes(await Config.load(citadelRoot(import.meta.dirname)));
}

function citadelRoot(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    for (const root of [folder, join(folder, "node_modules", "citadel")]) {
      const file = join(root, "package.json");
      if (
        existsSync(file) &&
        (JSON.parse(readFileSync(file, "utf8")) as { name?: unknown }).name === "citadel"
      )
        return root;
    }
    if (folder === dirname(folder))
      throw new CitadelError(
        "E_CONFIG",
        "the package citadel, which brings the drivers, is not installed",
        {
          hint: [
            "install it: npm install citadel",
            "or pass schemes: URL scheme → module of a driver",
          ],
        },
      );
  }
}
