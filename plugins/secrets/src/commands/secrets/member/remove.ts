import { boolean } from "@oclif/core/flags";
import { exposedColumns, memberArg } from "../../../members.ts";
import { RekeyCommand } from "../../../rekey-command.ts";

export default class SecretsMemberRemove extends RekeyCommand {
  static override summary = "Remove a member from the vault";
  static override description =
    "The scopes whose keys it had get new ones, and what it could read is listed: it may have kept it, so change these values. A repeat goes on where a crash was.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> ann",
    "<%= config.bin %> <%= command.id %> ann --yes --json",
  ];
  static override args = { member: memberArg };
  static override flags = { yes: boolean({ description: "do not ask" }) };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsMemberRemove);
    const vault = await this.vault(flags);
    if (!flags.yes) await this.confirm(`Remove ${args.member} from the vault?`, "--yes");
    const done = await vault.removeMember(args.member);
    this.success(`removed ${done.member.name}`);
    this.sayRekeyed(done.rekeyed);
    const current = done.exposed.filter((one) => one.current);
    await this.table(current, exposedColumns);
    if (current.length > 0)
      this.warn(`${current.length} current values could be read: change them`);
    return done;
  }
}
