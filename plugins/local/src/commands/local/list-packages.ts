import { packages, type PackageRow } from "@citadel/core/catalog";
import { CitadelCommand } from "@citadel/core/command";
import { integer, string } from "@oclif/core/flags";
import { sizeText, timeText } from "@citadel/core/terminal";

/** Rows that are printed together. */
const batch = 500;

export default class LocalListPackages extends CitadelCommand {
  static override summary = "List packages";
  static override description =
    "Sorted by name, each in its newest state. Through a pipe: name, version, versions, bytes, time and description, separated by tabs.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --scope demo",
    "<%= config.bin %> <%= command.id %> --limit 100 --after @demo/hello --json",
  ];
  static override flags = {
    scope: string({ char: "s", description: "only this scope, with or without @" }),
    limit: integer({ min: 1, description: "packages at most" }),
    after: string({ helpValue: "<package>", description: "begin behind this name" }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(LocalListPackages);
    const { scope, after, limit } = flags;
    const items: object[] = [];
    let rows: PackageRow[] = [];
    let last: string | undefined;
    let count = 0;
    // One more than asked for tells whether there are more.
    const found = packages(await this.citadel(), { scope, after, limit: (limit ?? Infinity) + 1 });
    for await (const row of found) {
      if (count === limit) {
        await this.#print(rows);
        const same = scope === undefined ? "" : ` --scope ${scope}`;
        this.next(`citadel local:list-packages${same} --limit ${limit} --after ${last}`);
        return { items, next: last };
      }
      count++;
      last = row.name;
      if (this.terminal.json) items.push(publicRow(row));
      else if (rows.push(row) === batch) {
        await this.#print(rows);
        rows = [];
      }
    }
    await this.#print(rows);
    if (count === 0) this.note(`no packages${scope === undefined ? "" : ` in the scope ${scope}`}`);
    return { items };
  }

  #print(rows: readonly PackageRow[]): Promise<void> {
    return this.table(rows, [
      { name: "package", value: (row) => row.name, importance: 0 },
      { name: "version", value: (row) => row.version, importance: 0 },
      { name: "versions", value: (row) => row.versions, align: "right", importance: 3 },
      {
        name: "size",
        value: (row) => sizeText(this.terminal, row.size),
        align: "right",
        importance: 2,
      },
      {
        name: "modified",
        value: (row) => timeText(this.terminal, row.modified),
        importance: 4,
        whole: true,
      },
      { name: "description", value: (row) => row.description, importance: 5 },
    ]);
  }
}

const publicRow = (row: PackageRow): object => ({
  ...row,
  created: new Date(row.created).toISOString(),
  modified: new Date(row.modified).toISOString(),
});
