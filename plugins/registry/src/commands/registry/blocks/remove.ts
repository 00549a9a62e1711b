import { isIP } from "node:net";
import { countedClient, operator } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { CitadelError } from "@citadel/core/errors";
import { string as text } from "@oclif/core/args";

export default class RegistryBlocksRemove extends CitadelCommand {
  static override summary = "Answer a blocked client again";
  static override examples = ["<%= config.bin %> <%= command.id %> 192.0.2.7"];
  static override args = {
    client: text({ required: true, description: "address, or what registry:blocks shows" }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(RegistryBlocksRemove);
    const client = isIP(args.client) === 0 ? args.client : (countedClient(args.client) ?? "");
    const { blocks } = await (await this.citadel()).limits();
    // no name of a client is longer
    if (client.length > 64 || !(await blocks.unblock(client, operator)))
      throw new CitadelError("E_NOT_FOUND", "this client is not blocked", {
        hint: ["see those that are: citadel registry:blocks"],
      });
    this.success(`${client} is answered again`);
    return { client };
  }
}
