import { scopeFlag } from "@citadel/core/secrets";
import { RekeyCommand } from "../../rekey-command.ts";

export default class SecretsRekey extends RekeyCommand {
  static override summary = "Give scopes new keys, and seal everything in them anew";
  static override description =
    "The old keys are removed from the store. A copy of the store made before still opens for whoever had the old key: only a new value helps against that. A repeat goes on where a crash was.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> -s production",
  ];
  static override flags = { scope: scopeFlag };

  async run(): Promise<object> {
    const { flags } = await this.parse(SecretsRekey);
    const items = await (await this.vault(flags)).rekey(flags.scope);
    this.sayRekeyed(items);
    return { items };
  }
}
