import { CitadelError } from "@citadel/core";
import { commandLine } from "@citadel/core/access";
import { CitadelCommand } from "@citadel/core/command";
import { string as text } from "@oclif/core/args";
import { boolean } from "@oclif/core/flags";

export default class RegistryAdvisoriesRemove extends CitadelCommand {
  static override summary = "Take advisories away";
  static override description =
    "They come back with the next import that has them; withdrawn records go by themselves.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> GHSA-p6mc-m468-83gw",
    "<%= config.bin %> <%= command.id %> --all",
  ];
  static override strict = false;
  static override args = {
    id: text({ description: "ids of OSV records, one or more" }),
  };
  static override flags = {
    all: boolean({ description: "every advisory there is" }),
    "dry-run": boolean({ char: "n", description: "count what would go, change nothing" }),
  };

  async run(): Promise<object> {
    const { argv, flags } = await this.parse(RegistryAdvisoriesRemove);
    const ids = argv.map(String);
    if ((ids.length === 0) === !flags.all)
      throw new CitadelError("E_USAGE", "name ids of OSV records, or --all");
    const advisories = await (await this.citadel()).advisories();
    const dryRun = flags["dry-run"];
    const removed = await advisories.remove(commandLine, flags.all ? "all" : ids, { dryRun });
    if (removed === 0 && !flags.all)
      throw new CitadelError(
        "E_NOT_FOUND",
        `there is no advisory ${ids.join(", ").slice(0, 200)}`,
        {
          hint: ["see what there is: citadel registry:advisories:list"],
        },
      );
    if (dryRun) this.note(`would remove ${removed} advisories; nothing was changed`);
    else this.success(`${removed} advisories are gone`);
    return { removed, dryRun };
  }
}
