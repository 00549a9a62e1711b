import { CitadelCommand } from "@citadel/core/command";
import { timeText } from "@citadel/core/terminal";
import { string } from "@oclif/core/flags";
import { mayOf, tokenItem } from "../../../people/items.ts";
import { listTokens } from "../../../people/tokens.ts";

export default class RegistryTokenList extends CitadelCommand {
  static override summary = "List the tokens of one user, or of all";
  static override description =
    "Tokens that were not revoked, also those of log-ins. The token itself is nowhere; its key is what registry:token:revoke takes.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --user ci --json",
  ];
  static override flags = {
    user: string({ helpValue: "<name>", description: "only those of this user" }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(RegistryTokenList);
    const tokens = await listTokens(await this.citadel(), flags.user);
    const time = (ms: number | undefined): string =>
      ms === undefined ? "" : timeText(this.terminal, ms);
    await this.table(tokens, [
      {
        name: "key",
        value: ({ key }) => (this.terminal.out.tty ? key.slice(0, 12) : key),
        importance: 0,
      },
      { name: "user", value: ({ user }) => user, importance: 0 },
      { name: "name", value: ({ name, session }) => (session ? "(log-in)" : name), importance: 2 },
      { name: "may", value: mayOf, importance: 1 },
      { name: "from", value: ({ cidr }) => cidr.join(", "), importance: 5 },
      { name: "created", value: ({ created }) => time(created), importance: 4, whole: true },
      { name: "expires", value: ({ expires }) => time(expires), importance: 3, whole: true },
      { name: "last used", value: ({ lastUsed }) => time(lastUsed), importance: 3, whole: true },
    ]);
    if (tokens.length === 0) this.note("no tokens");
    return { items: tokens.map(tokenItem) };
  }
}
