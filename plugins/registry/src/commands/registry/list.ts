import { CitadelCommand } from "@citadel/core/command";
import { integer, string } from "@oclif/core/flags";
import { listHere, listThere, type FoundPackage } from "../../find.ts";
import { foundColumns } from "../../found-columns.ts";
import { thereFlags, thereOf } from "../../there.ts";

/** Rows that are printed together. */
const batch = 500;

export default class RegistryList extends CitadelCommand {
  static override summary = "List packages, of this registry or of another one";
  static override description =
    "Sorted by name, each in its newest state. Another registry shows what its search shows.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> --scope acme",
    "<%= config.bin %> <%= command.id %> --registry http://localhost:4873/ --json",
  ];
  static override flags = {
    scope: string({ char: "s", description: "only this scope, with or without @" }),
    limit: integer({ min: 1, description: "packages at most" }),
    ...thereFlags,
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(RegistryList);
    const options = { scope: flags.scope, limit: flags.limit ?? Infinity };
    const there = await thereOf(flags, this.signal);
    const found = there ? await listThere(there, options) : listHere(await this.citadel(), options);
    const items: FoundPackage[] = [];
    let rows: FoundPackage[] = [];
    let count = 0;
    const print = async (): Promise<void> => {
      await this.table(rows, foundColumns(this.terminal));
      rows = [];
    };
    for await (const one of found) {
      count++;
      if (this.terminal.json) items.push(one);
      else if (rows.push(one) === batch) await print();
    }
    await print();
    if (count === 0) this.note("no packages");
    return { items };
  }
}
