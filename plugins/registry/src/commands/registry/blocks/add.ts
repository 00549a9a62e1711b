import { isIP } from "node:net";
import { parseDuration } from "@citadel/core";
import { countedClient, operator } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { CitadelError } from "@citadel/core/errors";
import { blockItem } from "@citadel/core/limits";
import { string as text } from "@oclif/core/args";
import { string } from "@oclif/core/flags";

const minute = 60_000;
const longest = 30 * 24 * 60 * minute;

export default class RegistryBlocksAdd extends CitadelCommand {
  static override summary = "Answer a client no more for a while";
  static override description =
    "Of an IPv6 address its whole /64 is blocked. This machine and the addresses in security.allow are never blocked.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> 192.0.2.7",
    "<%= config.bin %> <%= command.id %> 2001:db8::1 --for 2d --reason 'guesses'",
  ];
  static override args = {
    address: text({ required: true, description: "address of the client" }),
  };
  static override flags = {
    for: string({ default: "1h", helpValue: "<duration>", description: "how long, up to 30 days" }),
    reason: string({ default: "by the operator", description: "what the client is told" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryBlocksAdd);
    if (isIP(args.address) === 0) throw new CitadelError("E_USAGE", "this is not an address");
    const lasting = parseDuration(flags.for);
    if (lasting === undefined || lasting < minute || lasting > longest)
      throw new CitadelError("E_USAGE", "--for is a duration from 1m to 30d");
    const client = countedClient(args.address);
    if (client === undefined)
      throw new CitadelError("E_USAGE", "this machine itself cannot be blocked");
    const { blocks } = await (await this.citadel()).limits();
    const made = blockItem(
      await blocks.block(client, flags.reason.slice(0, 200), {
        minutes: lasting / minute,
        by: operator,
      }),
    );
    this.success(`${client} is not answered until ${made.until}`);
    return made;
  }
}
