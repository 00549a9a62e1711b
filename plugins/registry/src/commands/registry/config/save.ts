import {
  formatSetting,
  settingKeys,
  settingOf,
  settingsTable,
  type Loaded,
  type SettingKey,
} from "@citadel/core/config";
import { string as text } from "@oclif/core/args";
import { boolean } from "@oclif/core/flags";
import { SettingsFileCommand } from "../../../settings-file/command.ts";
import { assignmentOf, type FileValues } from "../../../settings-file/edit.ts";
import { fileFlags } from "../../../settings-file/flags.ts";

export default class RegistryConfigSave extends SettingsFileCommand {
  static override summary = "Write settings into a file: those given, or all that are not default";
  static override description =
    "Without arguments, what flags, variables of the environment and other files say now is written down, so that it counts without them. Comments of the file stay where they are. It may hold passwords afterwards: a new file is for its owner alone.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> server.port=5000 access.scoped=restricted",
    `<%= config.bin %> <%= command.id %> 'server.hosts=["npm.example.com"]' --project`,
    "CITADEL_STORE=sqlite:./r.db <%= config.bin %> <%= command.id %> -n",
  ];
  static override strict = false;
  static override args = {
    setting: text({ description: "setting=value, also several" }),
  };
  static override flags = {
    ...fileFlags,
    yes: boolean({ description: "do not ask before a file is changed" }),
    "dry-run": boolean({ char: "n", description: "show what would change" }),
  };

  async run(): Promise<object> {
    const { argv, flags } = await this.parse(RegistryConfigSave);
    const values: FileValues =
      argv.length > 0
        ? new Map(argv.map((one) => assignmentOf(String(one))))
        : inEffect(await this.settings());
    return this.write(values, flags);
  }
}

/** What is set somewhere, as it could stand in a file. */
function inEffect({ settings, origins }: Loaded): FileValues {
  const values = new Map<SettingKey, unknown>();
  for (const key of settingKeys) {
    const origin = origins[key];
    if (origin.from === "default") continue;
    // only follows from the other setting
    if (key === "cache.tiers" && origin === origins["redis.url"]) continue;
    const value = settingOf(key, settings);
    const { format } = settingsTable[key].type;
    values.set(key, typeof value === "number" && format ? plain(formatSetting(key, settings)) : value); // prettier-ignore
  }
  return values;
}

const plain = (text: string): unknown => (/^\d+$/.test(text) ? Number(text) : text);
