import { parseSubject } from "@citadel/core/policy";
import { string as text } from "@oclif/core/args";
import { string } from "@oclif/core/flags";
import { dryRun, PolicyCommand } from "../../../policy.ts";

export default class RegistryPolicyRequest extends PolicyCommand {
  static override summary = "Ask for an exception from the policy";
  static override description =
    "It waits in the queue until an administrator approves or denies it. From elsewhere: POST /-/citadel/v1/policy/requests, see docs/policy.md.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> left-pad@1.3.0 --reason 'fixes our build'",
  ];
  static override args = {
    package: text({ required: true, description: "name, with @version or @range" }),
  };
  static override flags = {
    reason: string({ required: true, helpValue: "<text>", description: "why, in one line" }),
    "dry-run": dryRun,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryPolicyRequest);
    const request = { ...parseSubject(args.package), reason: flags.reason };
    return this.apply({ type: "request", request }, { dryRun: flags["dry-run"] });
  }
}
