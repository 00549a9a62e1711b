import { parseSubject } from "@citadel/core/policy";
import { string } from "@oclif/core/flags";
import { dryRun, from, grantTerms, PolicyCommand, subject, until } from "../../../policy.ts";

export default class RegistryPolicyException extends PolicyCommand {
  static override summary = "Serve what rules refuse, for a while or for good";
  static override examples = [
    "<%= config.bin %> <%= command.id %> left-pad@1.3.0 --until 30d --reason fix",
    "<%= config.bin %> <%= command.id %> esbuild --from scripts --reason native",
  ];
  static override args = { package: subject };
  static override flags = {
    reason: string({ required: true, helpValue: "<text>", description: "why, in one line" }),
    until,
    from,
    "dry-run": dryRun,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryPolicyException);
    const grant = { ...parseSubject(args.package), reason: flags.reason, ...grantTerms(flags) };
    return this.apply({ type: "except", grant }, { dryRun: flags["dry-run"] });
  }
}
