import { CitadelCommand } from "@citadel/core/command";
import { blockItem } from "@citadel/core/limits";

export default class RegistryBlocks extends CitadelCommand {
  static override summary = "List the clients that are not answered for a while";
  static override description =
    "Clients are blocked by servers, after many requests past their limit, and with registry:blocks:add. Servers hear of it within ten seconds.";
  static override examples = ["<%= config.bin %> <%= command.id %>"];

  async run(): Promise<object> {
    await this.parse(RegistryBlocks);
    const { blocks } = await (await this.citadel()).limits();
    const items = (await blocks.list()).map(blockItem);
    await this.table(items, [
      { name: "client", value: ({ client }) => client, importance: 0 },
      { name: "until", value: ({ until }) => until },
      { name: "since", value: ({ since }) => since, importance: 3 },
      { name: "times", value: ({ count }) => count, align: "right", importance: 2 },
      { name: "reason", value: ({ reason }) => reason, importance: 2 },
    ]);
    return { items };
  }
}
