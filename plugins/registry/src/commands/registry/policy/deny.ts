import { string as text } from "@oclif/core/args";
import { dryRun, PolicyCommand, reason } from "../../../policy.ts";

export default class RegistryPolicyDeny extends PolicyCommand {
  static override summary = "Turn a request for an exception down";
  static override examples = ["<%= config.bin %> <%= command.id %> r3 --reason 'use lodash'"];
  static override args = {
    id: text({ required: true, description: "request, as registry:policy shows it" }),
  };
  static override flags = { reason, "dry-run": dryRun };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryPolicyDeny);
    const why = flags.reason === undefined ? {} : { reason: flags.reason };
    return this.apply({ type: "deny", id: args.id, ...why }, { dryRun: flags["dry-run"] });
  }
}
