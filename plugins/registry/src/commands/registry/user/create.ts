import { operator } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { boolean, string } from "@oclif/core/flags";
import { newPassword, passwordFlags } from "../../../people/users.ts";

export default class RegistryUserCreate extends CitadelCommand {
  static override summary = "Make an account";
  static override description =
    "Also where nobody may sign up. To invite somebody, let --generate make up a password, which is printed once, and pass it on: npm profile set password changes it.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> ada --generate",
    "<%= config.bin %> <%= command.id %> ci --password-file - < secret",
    "<%= config.bin %> <%= command.id %> root --admin",
  ];
  static override args = { name: text({ required: true, description: "user name" }) };
  static override flags = {
    email: string({ description: "address that is shown beside the name" }),
    admin: boolean({ description: "as an administrator" }),
    ...passwordFlags,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryUserCreate);
    const { name } = args;
    const { email, admin } = flags;
    const citadel = await this.citadel();
    const { password, generated } = await newPassword(this.terminal, name, flags);
    const input = { name, password, admin, ...(email !== undefined && { email }) };
    await citadel.accounts.create(input, operator);
    if (generated) this.out(password);
    this.success(`made the ${admin ? "administrator" : "user"} ${name}`);
    return { name, admin, ...(generated && { password }) };
  }
}
