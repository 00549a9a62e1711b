import { operator } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { boolean } from "@oclif/core/flags";

export default class RegistryUserAdmin extends CitadelCommand {
  static override summary = "Make a user an administrator";
  static override description =
    "Administrators may change every package, user, token and rule. From the first one on nobody signs up any more, unless server.signup says so.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> ada",
    "<%= config.bin %> <%= command.id %> ada --undo",
  ];
  static override args = { name: text({ required: true, description: "user name" }) };
  static override flags = { undo: boolean({ description: "make them an ordinary user again" }) };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryUserAdmin);
    const { name } = args;
    const admin = !flags.undo;
    const { accounts } = await this.citadel();
    await accounts.setAdmin(name, admin, operator);
    this.success(
      admin ? `${name} is an administrator now` : `${name} is no administrator any more`,
    );
    return { name, admin };
  }
}
