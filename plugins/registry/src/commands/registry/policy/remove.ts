import { string as text } from "@oclif/core/args";
import { dryRun, PolicyCommand } from "../../../policy.ts";

export default class RegistryPolicyRemove extends PolicyCommand {
  static override summary = "Take a rule or an exception away";
  static override examples = [
    "<%= config.bin %> <%= command.id %> age:*",
    "<%= config.bin %> <%= command.id %> e4",
  ];
  static override args = {
    id: text({ required: true, description: "id, as registry:policy shows it" }),
  };
  static override flags = { "dry-run": dryRun };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryPolicyRemove);
    return this.apply({ type: "remove", id: args.id }, { dryRun: flags["dry-run"] });
  }
}
