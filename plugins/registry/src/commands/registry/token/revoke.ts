import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { tokenItem } from "../../../people/items.ts";
import { revokeToken } from "../../../people/tokens.ts";

export default class RegistryTokenRevoke extends CitadelCommand {
  static override summary = "Revoke a token by its key";
  static override description = "It is dead at once, on every server of the store.";
  static override examples = ["<%= config.bin %> <%= command.id %> 3f9a1c0b72de"];
  static override args = {
    key: text({ required: true, description: "key, or eight characters of its beginning" }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(RegistryTokenRevoke);
    const revoked = await revokeToken(await this.citadel(), commandLine, args.key);
    this.success(`revoked a token of ${revoked.user}`);
    return tokenItem(revoked);
  }
}
