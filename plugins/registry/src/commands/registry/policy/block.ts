import { dryRun, PolicyCommand, reason, subject } from "../../../policy.ts";

export default class RegistryPolicyBlock extends PolicyCommand {
  static override summary = "Refuse packages of other registries, or some of their versions";
  static override description =
    "The most specific pattern counts: an exact name before the longest beginning before *, and of one name an exact version before a range before none. Where block and allow say equally much, block wins.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> 'lodash@<4.17.21' --reason CVE-2020-8203",
    "<%= config.bin %> <%= command.id %> @evil/*",
  ];
  static override args = { package: subject };
  static override flags = { reason, "dry-run": dryRun };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RegistryPolicyBlock);
    return this.list("block", args.package, flags);
  }
}
