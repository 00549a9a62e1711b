import { join } from "node:path";
import type { Config } from "@oclif/core/interfaces";

/** The field `citadel` of a plugin's package.json. */
interface Contribution {
  /** URL scheme without colon → module below the package's folder whose default export is a DriverFactory */
  readonly drivers?: Readonly<Record<string, string>>;
}

/** A driver as its package announces it. */
export interface DriverItem {
  /** URL scheme without colon */
  readonly scheme: string;
  readonly package: string;
  readonly version: string;
  readonly from: "bundled" | "linked" | "installed";
  /** absolute path of the module whose default export is a DriverFactory */
  readonly module: string;
  /** false when another package has the scheme already */
  readonly used: boolean;
}

/**
 * The drivers of all installed and linked plugins, without importing any. The first plugin to name a scheme keeps it:
 * those that came with Citadel come first, whatever order they were loaded in.
 */
export function findDrivers(config: Pick<Config, "getPluginsList">): DriverItem[] {
  const taken = new Set<string>();
  const foreign = ({ type }: { readonly type: string }): number =>
    Number(type === "link" || type === "user");
  const plugins = config.getPluginsList().toSorted((a, b) => foreign(a) - foreign(b));
  return plugins.flatMap((plugin) => {
    const { drivers = {} } = ((plugin.pjson as unknown as Record<string, unknown>)["citadel"] ??
      {}) as Contribution;
    return Object.entries(drivers).map(([scheme, file]): DriverItem => {
      const used = !taken.has(scheme);
      taken.add(scheme);
      return {
        scheme,
        package: plugin.name,
        version: plugin.version,
        from: plugin.type === "link" ? "linked" : plugin.type === "user" ? "installed" : "bundled",
        module: join(plugin.root, file),
        used,
      };
    });
  });
}

/** URL schemes and the modules of the drivers in use. */
export const findSchemes = (config: Pick<Config, "getPluginsList">): Map<string, string> =>
  new Map(
    findDrivers(config)
      .filter(({ used }) => used)
      .map(({ scheme, module }) => [scheme, module]),
  );
