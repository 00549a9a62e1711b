import { SecretsCommand } from "@citadel/core/secrets";
import { exposedColumns, memberArg } from "../../members.ts";

export default class SecretsExposure extends SecretsCommand {
  static override summary = "List what a member could read";
  static override description =
    "Every version that was in the vault while the member had the key of its scope. Values that are still current have to be changed when the member is not trusted any more. What was read is known of this machine only.";
  static override examples = ["<%= config.bin %> <%= command.id %> ann"];
  static override args = { member: memberArg };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsExposure);
    const items = await (await this.vault(flags)).exposure(args.member);
    await this.table(items, exposedColumns);
    const current = items.filter((one) => one.current).length;
    this.note(`${items.length} versions, ${current} of them current`);
    return { items };
  }
}
