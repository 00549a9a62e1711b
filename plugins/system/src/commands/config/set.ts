import { operator } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { setField } from "@citadel/core/live";
import { string as text } from "@oclif/core/args";
import { integer } from "@oclif/core/flags";
import { overridden } from "../../live.ts";

export default class ConfigSet extends CitadelCommand {
  static override summary = "Change one of the thirteen bytes";
  static override description =
    "Fields: version, terminalMode (disabled, cooked, raw), rows, cols, registry (an address, of which the hash is kept), or the offset of a byte.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> rows 30",
    "<%= config.bin %> <%= command.id %> 0x0a 30 --expect 24",
    "<%= config.bin %> <%= command.id %> registry https://npm.example.org/",
  ];
  static override args = {
    field: text({ required: true, description: "name or offset" }),
    value: text({ required: true, description: "what it becomes" }),
  };
  static override flags = {
    expect: integer({ min: 0, max: 255, description: "only when this stands there now" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(ConfigSet);
    const live = await (await this.citadel()).live();
    const change = await setField(live, args.field, args.value, {
      by: operator,
      expect: flags.expect,
    });
    this.success(`${args.field} is ${args.value}`);
    const above = overridden(live, change);
    if (above !== undefined) this.warn(above);
    return change;
  }
}
