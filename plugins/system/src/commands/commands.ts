import { CitadelCommand } from "@citadel/core/command";
import { boolean } from "@oclif/core/flags";
import { describeCommands, exitCodes, variables } from "../surface.ts";

export default class Commands extends CitadelCommand {
  static override summary = "List every command with its flags and arguments";
  static override examples = ["<%= config.bin %> commands", "<%= config.bin %> commands --json"];
  static override flags = {
    hidden: boolean({ description: "also those that help leaves out" }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(Commands);
    const items = describeCommands(this.config, flags.hidden);
    await this.table(items, [
      { name: "command", value: (item) => item.id, importance: 0 },
      { name: "summary", value: (item) => item.summary },
      { name: "plugin", value: (item) => item.plugin, importance: 2 },
    ]);
    return { items, exitCodes: exitCodes(), variables: variables() };
  }
}
