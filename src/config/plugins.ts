import type { Environment } from "./environment.ts";
import { parse, type Loaded, type Said } from "./load.ts";
import { variableOf } from "./table.ts";
import type { ValueType } from "./values.ts";

/** A setting of a plugin. */
export interface PluginSetting<T> {
  readonly type: ValueType<T>;
  readonly default: T;
}

/**
 * The settings of a plugin: `plugins.<plugin>.<name>` in files, `CITADEL_PLUGINS_<PLUGIN>_<NAME>` in the environment, which wins.
 * @param plugin a word, such as the topic of its commands
 * @throws E_CONFIG for a value that is not allowed
 */
export function pluginSettings<const T extends Readonly<Record<string, unknown>>>(
  plugin: string,
  settings: { readonly [K in keyof T]: PluginSetting<T[K]> },
  {
    loaded,
    env,
    cwd,
  }: { readonly loaded: Loaded; readonly env: Environment; readonly cwd: string },
): T {
  const values = Object.entries<PluginSetting<unknown>>(settings).map(([name, setting]) => {
    const key = `plugins.${plugin}.${name}`;
    const variable = variableOf(key).replaceAll("-", "_");
    const said: Said | undefined = env[variable]
      ? { key, raw: env[variable], origin: { from: "environment", name: variable }, base: cwd }
      : loaded.foreign.find((one) => one.key === key);
    return [name, said ? parse(said, setting.type) : setting.default] as const;
  });
  return Object.fromEntries(values) as T;
}
