import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { outcomeOf } from "../../../hooks.ts";

export default class RegistryHooksReplay extends CitadelCommand {
  static override summary = "Tell an address once more what it was told before";
  static override description =
    "Under the same id, with the package as it is now. Exit code 7 when it does not answer with 2xx.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> 4d2f7a90c1b3e586 4d2f7a90c1b3e586-7-1-0",
  ];
  static override args = {
    id: text({ required: true, description: "as registry:hooks shows it" }),
    call: text({ required: true, description: "as registry:hooks:deliveries shows it" }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(RegistryHooksReplay);
    const hooks = await (await this.citadel()).hooks();
    const made = await hooks.replay(args.id, args.call, commandLine);
    this.success(outcomeOf(made));
    return made;
  }
}
