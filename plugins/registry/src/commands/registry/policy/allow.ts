import { parseSubject } from "@citadel/core/policy";
import { string as text } from "@oclif/core/args";
import { dryRun, PolicyCommand, reason } from "../../../policy.ts";

export default class RegistryPolicyAllow extends PolicyCommand {
  static override summary = "Serve packages that a wider block rule would refuse";
  static override description =
    "Says something only where a less specific block rule is: block * and allow @acme/* serves nothing but @acme. It is no exception from age, licence and script rules: see registry:policy:exception.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> 'lodash@<4.17.21' --reason reviewed",
    "<%= config.bin %> <%= command.id %> @acme/*",
  ];
  static override args = {
    package: text({
      required: true,
      description: "name, @scope/* or name*, with @range or without",
    }),
  };
  static override flags = { reason, "dry-run": dryRun };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryPolicyAllow);
    const rule = {
      kind: "allow",
      ...parseSubject(args.package),
      ...(flags.reason === undefined ? {} : { reason: flags.reason }),
    } as const;
    return this.apply({ type: "rule", rule }, { dryRun: flags["dry-run"] });
  }
}
