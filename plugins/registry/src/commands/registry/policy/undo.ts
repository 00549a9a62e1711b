import { commandLine } from "@citadel/core/access";
import { integer } from "@oclif/core/flags";
import { dryRun, PolicyCommand } from "../../../policy.ts";

export default class RegistryPolicyUndo extends PolicyCommand {
  static override summary = "Put the policy back to how it was before its last change";
  static override description =
    "Mode, rules and exceptions; requests stay. It is a change like any other, and can be undone. registry:policy --history numbers the changes.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> --dry-run",
    "<%= config.bin %> <%= command.id %> --to 12",
  ];
  static override flags = {
    to: integer({
      min: 1,
      helpValue: "<change>",
      description: "as it was right after this change",
    }),
    "dry-run": dryRun,
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(RegistryPolicyUndo);
    const policies = await (await this.citadel()).policies();
    const options = { dryRun: flags["dry-run"] };
    const rev = flags.to === undefined ? {} : { rev: flags.to };
    return this.changed(await policies.undo(commandLine, { ...rev, ...options }), options);
  }
}
