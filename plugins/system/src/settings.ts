import {
  formatOrigin,
  formatSetting,
  maskValue,
  settingKey,
  settingKeys,
  settingOf,
  settingsTable,
  variablesOf,
  type Loaded,
  type SettingKey,
} from "@citadel/core/config";

/** One setting as `citadel config --json` shows it. */
export interface SettingItem {
  readonly key: SettingKey;
  /** bytes, ms, text or list; secrets masked; null when not set */
  readonly value: unknown;
  /** for people */
  readonly text: string;
  /** flag, variable, file with line, or `default` */
  readonly origin: string;
  readonly description: string;
  /** what is allowed */
  readonly allowed: string;
  /** variables that set it, strongest first */
  readonly variables: readonly string[];
}

/** All settings in the order of the table. */
export const describeSettings = (loaded: Loaded): SettingItem[] =>
  settingKeys.map((key) => describe(key, loaded));

/** @throws E_USAGE with the nearest ones when there is no such setting */
export const describeSetting = (key: string, loaded: Loaded): SettingItem =>
  describe(settingKey(key), loaded);

function describe(key: SettingKey, { settings, origins }: Loaded): SettingItem {
  const { description, type } = settingsTable[key];
  return {
    key,
    value: maskValue(settingOf(key, settings)),
    text: formatSetting(key, settings),
    origin: formatOrigin(origins[key]),
    description,
    allowed: type.allowed,
    variables: variablesOf(key),
  };
}
