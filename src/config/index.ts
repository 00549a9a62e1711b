export { combined as combinedVariables } from "./derived.ts";
export { findDirs } from "./dirs.ts";
export { environment, logEverything, type Environment } from "./environment.ts";
export { findProjectFile, readSettingsFile, userFile, type SettingsFile } from "./files.ts";
export { isLoopback } from "./hosts.ts";
export {
  formatOrigin,
  formatSetting,
  loadSettings,
  settingKey,
  settingOf,
  type Loaded,
  type LoadOptions,
  type Origin,
} from "./load.ts";
export { mask, secretName } from "./mask.ts";
export type { Dirs, Settings } from "./settings.ts";
export { settingKeys, table as settingsTable, variablesOf, type SettingKey } from "./table.ts";
export { formatDuration, formatSize, parseDuration, parseMoment, parseSize } from "./units.ts";
export { storeUrl } from "./values.ts";
