import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { setFeature } from "../../live.ts";

export default class ConfigDisable extends CitadelCommand {
  static override summary = "Turn a feature off, in a running server too";
  static override examples = ["<%= config.bin %> <%= command.id %> PROXY_MODE"];
  static override args = {
    feature: text({ required: true, description: "name, see config:bytes" }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(ConfigDisable);
    const change = await setFeature(await this.citadel(), args.feature, false);
    this.success(`${args.feature.toUpperCase()} is off`);
    return change;
  }
}
