export { describeSetting, describeSettings, type SettingItem } from "./settings.ts";
export { describeCommands, exitCodes, type CommandItem, type FlagItem } from "./surface.ts";
