import { string as text } from "@oclif/core/args";
import {
  dryRun,
  from,
  grantTerms,
  PolicyCommand,
  reason,
  requestOf,
  until,
} from "../../../policy.ts";

export default class RegistryPolicyApprove extends PolicyCommand {
  static override summary = "Grant the exception that somebody asked for";
  static override examples = ["<%= config.bin %> <%= command.id %> r3 --until 30d"];
  static override args = {
    id: text({ required: true, description: "request, as registry:policy shows it" }),
  };
  static override flags = { until, from, reason, "dry-run": dryRun };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryPolicyApprove);
    const { id, pattern, range, reason: why } = await requestOf(await this.citadel(), args.id);
    const grant = {
      pattern,
      ...(range === undefined ? {} : { range }),
      reason: flags.reason ?? why,
      ...grantTerms(flags),
    };
    return this.apply({ type: "approve", id, grant }, { dryRun: flags["dry-run"] });
  }
}
