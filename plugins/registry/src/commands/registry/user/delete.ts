import { operator } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { CitadelError } from "@citadel/core/errors";
import { string as text } from "@oclif/core/args";
import { string } from "@oclif/core/flags";

export default class RegistryUserDelete extends CitadelCommand {
  static override summary = "Remove a user";
  static override description =
    "With all tokens. The packages stay, and the name stays taken, so that nobody inherits what it owns; registry:user:create makes it anew.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> ada",
    "<%= config.bin %> <%= command.id %> ada --confirm=ada",
  ];
  static override args = { name: text({ required: true, description: "user name" }) };
  static override flags = {
    confirm: string({ helpValue: "<name>", description: "the name again, instead of a question" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryUserDelete);
    const { name } = args;
    const { accounts } = await this.citadel();
    if (!(await accounts.user(name)))
      throw new CitadelError("E_USER_NOT_FOUND", `there is no user ${name}`);
    await this.confirmName(`This removes the user ${name}.`, name, flags.confirm);
    await accounts.remove(name, operator);
    this.success(`removed the user ${name}`);
    return { name };
  }
}
