import { CitadelCommand } from "@citadel/core/command";
import { timeText } from "@citadel/core/terminal";
import { listKeys } from "../../keys.ts";

export default class RegistryKeys extends CitadelCommand {
  static override summary = "List the keys that this registry signs with";
  static override description =
    "Public halves and dates; the private halves are sealed in the store. There are none before the first publish.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --json",
  ];

  async run(): Promise<object> {
    await this.parse(RegistryKeys);
    const items = await listKeys(await this.citadel());
    await this.table(items, [
      { name: "purpose", value: ({ purpose }) => purpose },
      { name: "key", value: ({ keyid }) => keyid, importance: 0 },
      { name: "algorithm", value: ({ algorithm }) => algorithm },
      { name: "created", value: ({ created }) => timeText(this.terminal, Date.parse(created)), importance: 2, whole: true }, // prettier-ignore
      {
        name: "expires",
        value: ({ expires }) =>
          expires === null ? "in use" : timeText(this.terminal, Date.parse(expires)),
        importance: 2,
      },
    ]);
    return { items };
  }
}
