import { join } from "node:path";
import type { Config } from "@oclif/core/interfaces";

/** The field `citadel` of a plugin's package.json. */
interface Contribution {
  /** URL scheme without colon → module below the package's folder whose default export is a DriverFactory */
  readonly drivers?: Readonly<Record<string, string>>;
}

/**
 * URL schemes and the modules of their drivers, of all installed and linked plugins, without importing any.
 * The first plugin to name a scheme keeps it: core plugins come first.
 */
export function findSchemes(config: Pick<Config, "getPluginsList">): Map<string, string> {
  const schemes = new Map<string, string>();
  for (const plugin of config.getPluginsList()) {
    const { drivers = {} } = ((plugin.pjson as unknown as Record<string, unknown>)["citadel"] ??
      {}) as Contribution;
    for (const [scheme, file] of Object.entries(drivers))
      if (!schemes.has(scheme)) schemes.set(scheme, join(plugin.root, file));
  }
  return schemes;
}
