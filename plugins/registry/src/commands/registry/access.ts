import { CitadelCommand } from "@citadel/core/command";
import { listText, ruleItem } from "../../access.ts";

export default class RegistryAccess extends CitadelCommand {
  static override summary = "Show the rules of who may read and write which packages";
  static override description =
    "List by list the rule with the most specific pattern counts. Without rules everybody reads what is public and whoever is signed in makes new names. See docs/access.md.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %>:set '*' --read '$authenticated'",
    "<%= config.bin %> <%= command.id %>:test ann write @acme/ui",
  ];

  async run(): Promise<object> {
    await this.parse(RegistryAccess);
    const { access } = await this.citadel();
    const { rules } = await access.read();
    const items = rules.map(ruleItem);
    await this.table(items, [
      { name: "pattern", value: ({ pattern }) => pattern, importance: 0 },
      { name: "read", value: ({ read }) => listText(read) },
      { name: "write", value: ({ write }) => listText(write) },
      { name: "stage", value: ({ stage }) => listText(stage), importance: 2 },
      { name: "claimed", value: ({ claimed }) => (claimed ? "yes" : ""), importance: 2 },
    ]);
    if (items.length === 0) this.note("no rules: everybody reads what is public");
    return { items };
  }
}
