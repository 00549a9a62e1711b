import { CitadelCommand } from "@citadel/core/command";
import { repairLive } from "@citadel/core/live";
import { boolean } from "@oclif/core/flags";

export default class ConfigRepair extends CitadelCommand {
  static override summary = "Put what may stand there where something else stands in citadel.lockb";
  static override description =
    "Nothing is ever repaired without this command. Bytes that are good stay; what stands behind them and is damaged is taken away.";
  static override examples = ["<%= config.bin %> <%= command.id %> --dry-run"];
  static override flags = {
    "dry-run": boolean({ char: "n", description: "say what would change, change nothing" }),
    yes: boolean({ description: "do not ask" }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(ConfigRepair);
    const { settings } = await this.settings();
    const plan = await repairLive({ settings, dirs: this.dirs });
    for (const line of plan.changes) this.out(line);
    const dryRun = flags["dry-run"];
    if (plan.changes.length === 0) this.note("there is nothing to repair");
    else if (dryRun) this.note("nothing was changed");
    else {
      if (!flags.yes) await this.confirm("Change the file?", "--yes");
      await plan.apply();
      this.success("repaired");
    }
    return { changes: plan.changes, dryRun };
  }
}
