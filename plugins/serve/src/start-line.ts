import { extname, resolve } from "node:path";
import { CitadelError, type Citadel } from "@citadel/core";
import { commandLine } from "@citadel/core/access";
import { environment, readSettingsFile, type SettingsFile } from "@citadel/core/config";
import {
  applyRules,
  parseListen,
  readVerdaccioConfig,
  translateRules,
  translateSettings,
  type TranslatedRules,
  type VerdaccioConfig,
} from "@citadel/core/verdaccio";

/** What `--config` and `--listen` say. */
export interface StartLine {
  /** settings that stand above others */
  readonly flags: Readonly<Record<string, unknown>>;
  readonly file?: SettingsFile;
  readonly verdaccio?: {
    readonly config: VerdaccioConfig;
    readonly access: TranslatedRules;
    /** for people, one sentence each */
    readonly notes: readonly string[];
  };
}

/**
 * Reads a start line as Verdaccio's users have it. The file is Verdaccio's YAML, or settings of Citadel.
 * @throws E_USAGE, E_CONFIG
 */
export async function readStartLine({
  config: path,
  listen,
}: {
  readonly config?: string | undefined;
  readonly listen?: string | undefined;
}): Promise<StartLine> {
  const place = listen === undefined ? undefined : parseListen(listen);
  const flags = place ? { "server.host": place.host, "server.port": place.port } : {};
  if (path === undefined) return { flags };
  if (!/^\.ya?ml$/i.test(extname(path))) {
    const file = readSettingsFile(resolve(path));
    if (!file) throw new CitadelError("E_USAGE", `${path} cannot be read`);
    return { flags, file };
  }
  const config = await readVerdaccioConfig(path, environment());
  const { values, notes } = translateSettings(config, place !== undefined);
  const access = translateRules(config);
  const { unused } = config;
  const rest = unused.length > 0 ? [`nothing here reads ${unused.join(", ")}`] : [];
  return {
    flags,
    file: {
      path: config.path,
      values: Object.entries(values).map(([key, raw]) => ({ key, raw, line: undefined })),
      foreign: [],
      warnings: [],
    },
    verdaccio: { config, access, notes: [...notes, ...access.notes, ...rest] },
  };
}

/**
 * Makes the access rules of a Verdaccio configuration, where there are none for the same names.
 * @returns what there is to say, one sentence each
 */
export async function adopt(
  citadel: Citadel,
  { config, access, notes }: NonNullable<StartLine["verdaccio"]>,
  shown: string,
): Promise<readonly string[]> {
  const { added } = await applyRules(citadel.access, access.rules, commandLine);
  const { items } = await citadel.registry.packages.list({ limit: 1 });
  return [
    ...notes,
    ...(added.length > 0 ? [`access rules made for ${added.join(", ")}`] : []),
    ...(items.length === 0
      ? [
          `there are no packages here yet; those in ${config.folders[0]} come in by: citadel registry:import verdaccio ${shown}`,
        ]
      : []),
  ];
}
