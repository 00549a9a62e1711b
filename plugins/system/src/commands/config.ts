import { CitadelCommand } from "@citadel/core/command";
import { string } from "@oclif/core/flags";
import { describeSetting, describeSettings } from "../settings.ts";

export default class Config extends CitadelCommand {
  static override aliases = ["registry:config"];
  static override summary = "Show every setting, its value and where it comes from";
  static override description =
    "A flag wins over CITADEL_*, REGISTRY_* and other variables, the project's citadel.json5, the user's, and the default.";
  static override examples = [
    "<%= config.bin %> config",
    "<%= config.bin %> config --get server.port",
  ];
  static override flags = {
    get: string({ helpValue: "<setting>", description: "print the value of one setting" }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(Config);
    const loaded = await this.settings();
    if (flags.get !== undefined) {
      const item = describeSetting(flags.get, loaded);
      this.out(item.text);
      this.note(`from ${item.origin}`);
      return item;
    }
    const items = describeSettings(loaded);
    await this.table(items, [
      { name: "setting", value: (item) => item.key, importance: 0 },
      { name: "value", value: (item) => item.text },
      { name: "from", value: (item) => item.origin, importance: 2 },
    ]);
    return { items, files: loaded.files };
  }
}
