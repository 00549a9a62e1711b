import { string } from "@oclif/core/flags";
import { changeOf, memberArg, memberFlags, memberLine } from "../../../members.ts";
import { RekeyCommand } from "../../../rekey-command.ts";

export default class SecretsMemberRole extends RekeyCommand {
  static override summary = "Change what a member of the vault may do";
  static override description =
    "Its name, role, scopes and expiry; what is not named stays. Scopes that it loses get new keys, which everything in them is sealed under.";
  static override examples = [
    "<%= config.bin %> <%= command.id %> ann --role administrator",
    "<%= config.bin %> <%= command.id %> ann --scopes dev",
  ];
  static override args = { member: memberArg };
  static override flags = {
    ...memberFlags,
    name: string({ helpValue: "<name>", description: "what others call it" }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SecretsMemberRole);
    const vault = await this.vault(flags);
    const changed = await vault.changeMember(args.member, changeOf(flags));
    this.success(memberLine(changed.member));
    this.sayRekeyed(changed.rekeyed);
    return changed;
  }
}
