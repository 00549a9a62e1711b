import { operator } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { boolean } from "@oclif/core/flags";

export default class RegistryUserDisable extends CitadelCommand {
  static override summary = "Lock a user out";
  static override description =
    "Neither password nor tokens work until it is undone; packages and names stay.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> ada",
    "<%= config.bin %> <%= command.id %> ada --undo",
  ];
  static override args = { name: text({ required: true, description: "user name" }) };
  static override flags = { undo: boolean({ description: "let them in again" }) };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryUserDisable);
    const { name } = args;
    const disabled = !flags.undo;
    const { accounts } = await this.citadel();
    await accounts.setDisabled(name, disabled, operator);
    this.success(disabled ? `${name} is locked out` : `${name} may log in again`);
    return { name, disabled };
  }
}
