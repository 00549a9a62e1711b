import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";

export default class RegistryHooksDeliveries extends CitadelCommand {
  static override summary = "List the last 100 calls of a hook";
  static override examples = ["<%= config.bin %> <%= command.id %> 4d2f7a90c1b3e586"];
  static override args = {
    id: text({ required: true, description: "as registry:hooks shows it" }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(RegistryHooksDeliveries);
    const hooks = await (await this.citadel()).hooks();
    const items = await hooks.deliveries(args.id, commandLine);
    await this.table(items, [
      { name: "call", value: ({ id }) => id, importance: 0 },
      { name: "event", value: ({ event }) => event },
      { name: "at", value: ({ at }) => at, importance: 2 },
      { name: "ms", value: ({ took }) => took, align: "right", importance: 3 },
      { name: "answer", value: ({ response_code: code, error }) => code ?? error ?? "" },
    ]);
    return { items };
  }
}
