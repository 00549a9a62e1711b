import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";

export default class RegistryHooksRemove extends CitadelCommand {
  static override summary = "Have an address called no more";
  static override examples = ["<%= config.bin %> <%= command.id %> 4d2f7a90c1b3e586"];
  static override args = {
    id: text({ required: true, description: "as registry:hooks shows it" }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(RegistryHooksRemove);
    const removed = await (await (await this.citadel()).hooks()).remove(args.id, commandLine);
    this.success(`${new URL(removed.endpoint).host} is not called any more`);
    return removed;
  }
}
