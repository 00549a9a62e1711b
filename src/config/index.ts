export { combined as combinedVariables } from "./derived.ts";
export { findDirs } from "./dirs.ts";
export { environment, logEverything, type Environment } from "./environment.ts";
export {
  fileName as settingsFileName,
  findProjectFile,
  parseSettingsFile,
  readSettingsFile,
  userFile,
  type SettingsFile,
} from "./files.ts";
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
export { mask, maskValue, secretName } from "./mask.ts";
export { pluginSettings, type PluginSetting } from "./plugins.ts";
export { holdsReference, isReference, type Secret } from "./reference.ts";
export type { Dirs, Settings } from "./settings.ts";
export { settingKeys, table as settingsTable, variablesOf, type SettingKey } from "./table.ts";
export {
  formatDuration,
  formatSize,
  moment,
  parseDuration,
  parseMoment,
  parseSize,
} from "./units.ts";
export { choice, duration, integer, list, publicUrl, size, storeUrl, text, type ValueType } from "./values.ts"; // prettier-ignore
