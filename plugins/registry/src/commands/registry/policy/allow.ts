import { dryRun, PolicyCommand, reason, subject } from "../../../policy.ts";

export default class RegistryPolicyAllow extends PolicyCommand {
  static override summary = "Serve packages that a wider block rule would refuse";
  static override description =
    "Says something only where a less specific block rule is: block * and allow @acme/* serves nothing but @acme. It is no exception from age, licence and script rules: see registry:policy:exception.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> 'lodash@<4.17.21' --reason reviewed",
    "<%= config.bin %> <%= command.id %> @acme/*",
  ];
  static override args = { package: subject };
  static override flags = { reason, "dry-run": dryRun };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryPolicyAllow);
    return this.list("allow", args.package, flags);
  }
}
