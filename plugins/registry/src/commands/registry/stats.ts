import { setTimeout as pause } from "node:timers/promises";
import { CitadelCommand } from "@citadel/core/command";
import { factColumns, facts, sizeText } from "@citadel/core/terminal";
import { boolean, integer } from "@oclif/core/flags";
import { statsHere, statsThere, type Stats } from "../../stats.ts";
import { thereFlags, thereOf } from "../../there.ts";

export default class RegistryStats extends CitadelCommand {
  static override summary = "Show how much is in the registry, and how much it is used";
  static override description =
    "Packages, versions, users and downloads; of another registry what it tells anybody. How the stores and caches are: citadel local:stats. With --watch again and again, with --json a document a line.";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --registry http://localhost:4873/",
    "<%= config.bin %> <%= command.id %> --json --watch --every 10",
  ];
  static override flags = {
    watch: boolean({ description: "show them until Ctrl-C" }),
    every: integer({ min: 1, default: 5, description: "seconds between two looks" }),
    ...thereFlags,
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(RegistryStats);
    const there = await thereOf(flags, this.signal);
    const look = async (): Promise<Stats> =>
      there ? statsThere(there) : statsHere(await this.citadel());
    if (!flags.watch) {
      const stats = await look();
      await this.#print(stats);
      return stats;
    }
    for (;;) {
      const stats = await look();
      if (this.terminal.json) this.emit(stats);
      else await this.#print(stats);
      await pause(flags.every * 1000, undefined, { signal: this.signal });
    }
  }

  async #print({ packages, versions, bytes, users, downloads, top, scopes }: Stats): Promise<void> {
    const known = (value: number | null): number | undefined => value ?? undefined;
    await this.table(
      facts([
        ["packages", packages],
        ["versions", known(versions)],
        ["size", bytes === null ? undefined : sizeText(this.terminal, bytes)],
        ["users", known(users)],
        ["downloads today", known(downloads.day)],
        ["downloads in 7 days", known(downloads.week)],
        ["downloads in 30 days", known(downloads.month)],
      ]),
      factColumns,
    );
    await this.table(scopes ?? [], [
      { name: "scope", value: ({ scope }) => (scope === "" ? "-" : `@${scope}`), importance: 0 },
      { name: "packages", value: (row) => row.packages, align: "right", importance: 0 },
      { name: "size", value: (row) => sizeText(this.terminal, row.bytes), align: "right" },
    ]);
    await this.table(top ?? [], [
      { name: "most fetched in 30 days", value: ({ name }) => name, importance: 0 },
      { name: "downloads", value: (row) => row.downloads, align: "right", importance: 0 },
    ]);
  }
}
