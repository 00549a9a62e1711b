import { CitadelCommand } from "@citadel/core/command";
import { takeCensus } from "../../census.ts";
import { settings } from "../../settings.ts";

export default class CensusCount extends CitadelCommand {
  static override summary = "Count packages and versions by scope";
  static override examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --json",
  ];

  async run(): Promise<object> {
    await this.parse(CensusCount);
    const { least } = await this.pluginSettings("census", settings);
    const { registry } = await this.citadel();
    const census = await takeCensus(registry, least);
    await this.table(census.items, [
      { name: "scope", value: ({ scope }) => scope, importance: 0 },
      { name: "packages", value: ({ packages }) => packages, align: "right" },
      { name: "versions", value: ({ versions }) => versions, align: "right" },
    ]);
    return census;
  }
}
