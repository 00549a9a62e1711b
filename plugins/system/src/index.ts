export { newDriver, type NewDriver } from "./driver-new.ts";
export { newPlugin, type NewPlugin } from "./plugin-new.ts";
export {
  testDriver,
  type CaseResult,
  type DriverReport,
  type DriverTestOptions,
} from "./driver-test.ts";
export { describeSetting, describeSettings, type SettingItem } from "./settings.ts";
export {
  describeCommands,
  exitCodes,
  variables,
  type CommandItem,
  type FlagItem,
} from "./surface.ts";
