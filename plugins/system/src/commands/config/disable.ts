import { operator } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { setFeature } from "@citadel/core/live";
import { string as text } from "@oclif/core/args";
import { overridden } from "../../live.ts";

export default class ConfigDisable extends CitadelCommand {
  static override summary = "Turn a feature off, in a running server too";
  static override examples = ["<%= config.bin %> <%= command.id %> PROXY_MODE"];
  static override args = {
    feature: text({ required: true, description: "name, see config:bytes" }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(ConfigDisable);
    const live = await (await this.citadel()).live();
    const change = await setFeature(live, args.feature, false, { by: operator });
    this.success(`${args.feature.toUpperCase()} is off`);
    const above = overridden(live, change);
    if (above !== undefined) this.warn(above);
    return change;
  }
}
