import { allUsers } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { timeText } from "@citadel/core/terminal";
import { userItem } from "../../../people/users.ts";

export default class RegistryUserList extends CitadelCommand {
  static override summary = "List the users";
  static override description = "By name, with what they are and how many live tokens they have.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --json",
  ];

  async run(): Promise<object> {
    await this.parse(RegistryUserList);
    const users = await Array.fromAsync(allUsers((await this.citadel()).accounts));
    const items = users.map(userItem);
    await this.table(items, [
      { name: "user", value: ({ name }) => name, importance: 0 },
      { name: "email", value: ({ email }) => email, importance: 3 },
      {
        name: "is",
        value: ({ admin, disabled }) =>
          [admin && "administrator", disabled && "disabled"].filter(Boolean).join(", "),
        importance: 1,
      },
      { name: "tokens", value: ({ tokens }) => tokens, align: "right", importance: 2 },
      {
        name: "created",
        value: ({ created }) => timeText(this.terminal, Date.parse(created)),
        importance: 4,
        whole: true,
      },
    ]);
    if (items.length === 0) this.note("no users");
    return { items };
  }
}
