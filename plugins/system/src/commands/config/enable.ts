import { operator } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { setFeature } from "@citadel/core/live";
import { string as text } from "@oclif/core/args";
import { overridden } from "../../live.ts";

export default class ConfigEnable extends CitadelCommand {
  static override summary = "Turn a feature on, in a running server too";
  static override examples = ["<%= config.bin %> <%= command.id %> PROXY_MODE"];
  static override args = {
    feature: text({ required: true, description: "name, see config:bytes" }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(ConfigEnable);
    const live = await (await this.citadel()).live();
    const change = await setFeature(live, args.feature, true, { by: operator });
    this.success(`${args.feature.toUpperCase()} is on`);
    const above = overridden(live, change);
    if (above !== undefined) this.warn(above);
    return change;
  }
}
