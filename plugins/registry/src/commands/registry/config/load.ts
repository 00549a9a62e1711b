import { parseSettingsFile, type SettingKey } from "@citadel/core/config";
import { CitadelError } from "@citadel/core/errors";
import { string as text } from "@oclif/core/args";
import { boolean } from "@oclif/core/flags";
import { SettingsFileCommand } from "../../../settings-file/command.ts";
import { checkSettings } from "../../../settings-file/edit.ts";
import { fileFlags } from "../../../settings-file/flags.ts";
import { textOf } from "../../../settings-file/place.ts";

export default class RegistryConfigLoad extends SettingsFileCommand {
  static override summary = "Take the settings of another file into your own";
  static override description =
    "What both files say is as the other one says it; the rest of yours stays, with its comments. The other file is checked as a whole first: nothing is taken from one that could not be used.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> ./team.json5 -n",
    "<%= config.bin %> <%= command.id %> ./team.json5 --project",
  ];
  static override args = {
    from: text({ required: true, description: "file to read: JSON5 or JSON" }),
  };
  static override flags = {
    ...fileFlags,
    yes: boolean({ description: "do not ask before a file is changed" }),
    "dry-run": boolean({ char: "n", description: "show what would change" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryConfigLoad);
    const given = await textOf(args.from);
    if (given === undefined)
      throw new CitadelError("E_USAGE", `${args.from} does not exist`, {
        hint: ["name a file of settings"],
      });
    const { values, warnings } = parseSettingsFile(given, args.from);
    for (const warning of warnings) this.warn(warning);
    checkSettings(given, args.from, this.dirs);
    const all = new Map(values.map(({ key, raw }) => [key as SettingKey, raw]));
    return this.write(all, flags);
  }
}
