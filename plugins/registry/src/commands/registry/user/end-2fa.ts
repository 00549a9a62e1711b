import { operator } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";

export default class RegistryUserEnd2fa extends CitadelCommand {
  static override summary = "Turn off the second factor of a user who has lost it";
  static override description =
    "Authenticator app and recovery codes are worth nothing from then on; password and tokens stay.";
  static override examples = ["<%= config.bin %> <%= command.id %> ada"];
  static override args = { name: text({ required: true, description: "user name" }) };

  async run(): Promise<object> {
    const { args } = await this.parse(RegistryUserEnd2fa);
    const { name } = args;
    const { accounts } = await this.citadel();
    await accounts.endFactor(name, operator);
    this.success(`${name} logs in with the password alone, until they turn it on again`);
    return { name, secondFactor: false };
  }
}
