import { CitadelCommand } from "@citadel/core/command";

export default class LocalDbSchema extends CitadelCommand {
  static override summary = "Print the SQL schema of the catalog's database";
  static override description =
    "Read from the database itself. It is a projection for lists and search: deleting its file loses nothing.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> | sqlite3 copy.db",
  ];

  async run(): Promise<object> {
    await this.parse(LocalDbSchema);
    const catalog = await (await this.citadel()).catalog();
    const items = catalog.schema();
    for (const { sql } of items) this.out(`${sql};`);
    this.note(`from ${catalog.path}`);
    return { items, path: catalog.path };
  }
}
