import { findDrivers } from "@citadel/core";
import { CitadelCommand } from "@citadel/core/command";

export default class DriverList extends CitadelCommand {
  static override summary = "List the storage drivers by the scheme of their URLs";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --json",
  ];

  async run(): Promise<object> {
    await this.parse(DriverList);
    const items = findDrivers(this.config).toSorted((a, b) => (a.scheme < b.scheme ? -1 : 1));
    await this.table(items, [
      { name: "scheme", value: ({ scheme }) => `${scheme}:`, importance: 0 },
      { name: "package", value: (item) => item.package },
      { name: "version", value: ({ version }) => version, importance: 0 },
      { name: "from", value: ({ from, used }) => (used ? from : `${from}, not used`) },
    ]);
    for (const item of items.filter(({ used }) => !used))
      this.warn(`${item.package}: another driver has the scheme ${item.scheme}: already`);
    return { items };
  }
}
