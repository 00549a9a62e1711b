import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { outcomeOf } from "../../../hooks.ts";

export default class RegistryHooksTest extends CitadelCommand {
  static override summary = "Call an address once, to see whether it answers";
  static override description =
    "The event is webhook.test. Exit code 7 when it does not answer with 2xx.";
  static override examples = ["<%= config.bin %> <%= command.id %> 4d2f7a90c1b3e586"];
  static override args = {
    id: text({ required: true, description: "as registry:hooks shows it" }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(RegistryHooksTest);
    const hooks = await (await this.citadel()).hooks();
    const made = await hooks.test(args.id, commandLine);
    this.success(outcomeOf(made));
    return made;
  }
}
