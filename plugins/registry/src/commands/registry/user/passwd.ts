import { operator } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { newPassword, passwordFlags } from "../../../people/users.ts";

export default class RegistryUserPasswd extends CitadelCommand {
  static override summary = "Give a user a new password";
  static override description =
    "For somebody who has lost theirs. All their tokens die, so that whoever had the old one is out at once.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> ada",
    "<%= config.bin %> <%= command.id %> ada --generate",
    "<%= config.bin %> <%= command.id %> ada --password-file - < secret",
  ];
  static override args = { name: text({ required: true, description: "user name" }) };
  static override flags = passwordFlags;

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryUserPasswd);
    const citadel = await this.citadel();
    const { password, generated } = await newPassword(this.terminal, args.name, flags);
    await citadel.accounts.setPassword(args.name, password, operator);
    if (generated) this.out(password);
    this.success(`changed the password of ${args.name} and revoked all tokens`);
    return { name: args.name, ...(generated && { password }) };
  }
}
